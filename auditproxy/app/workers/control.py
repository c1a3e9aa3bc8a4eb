"""Control: what the parent of workers and a worker say to each other, over a pair of sockets.

    parent -> worker   options, serve, metrics, reopen, leave, stop, end
    worker -> parent   alive, failed, built, serving, state, metrics

A message is a line with its kind and the length of what follows. The end of the stream is the end
of the other process, a killed one included.
"""

import asyncio
import socket

LONGEST_LINE = 64
"""Bytes of the line of a message."""

LONGEST_MESSAGE = 64 * 1024 * 1024
"""Bytes of a message; the longest is the metrics of a worker, a few MiB."""


class ControlChannel:
    """One end of the pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of(cls, connected: socket.socket) -> "ControlChannel":
        """The channel of one of two connected sockets, which it closes."""
        return cls(*await asyncio.open_connection(sock=connected))

    def tell(self, kind: str, content: bytes = b"") -> None:
        """Send a message at once or later; nothing happens where the other process has ended."""
        if not self._writer.is_closing():
            self._writer.write(b"%s %d\n" % (kind.encode("ascii"), len(content)) + content)

    async def send(self, kind: str, content: bytes = b"") -> None:
        """Send a message and wait until there is room for another; the other may have ended."""
        self.tell(kind, content)
        try:
            await self._writer.drain()
        except ConnectionError:
            # The next receive returns the end of the stream.
            return

    async def receive(self) -> tuple[str, bytes] | None:
        """The next message, None when there will be no other. Raises ValueError for garbage."""
        try:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                return None
            kind, _, length = line.partition(b" ")
            size = int(length)
            if len(line) > LONGEST_LINE or not 0 <= size <= LONGEST_MESSAGE:
                raise ValueError("not a message of a worker")
            return kind.decode("ascii"), await self._reader.readexactly(size)
        except (ConnectionError, asyncio.IncompleteReadError):
            return None

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
