"""A server that speaks NATS up to a point, and then does what no server should.

Each connection plays one scene: ``greeting`` is its first line, ``on_publish`` what it does with
what is published.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

INFO = (
    b'INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576,'
    b'"jetstream":true}\r\n'
)

OnPublish = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]
"""Gets the writer and the subject for the acknowledgement of each message."""


async def nothing(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Never acknowledge."""


async def reset(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Break the connection."""
    writer.transport.abort()


async def garbage(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Answer what is no protocol."""
    writer.write(b"WHAT\r\n" * 3)


async def no_json(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Acknowledge with what is no JSON."""
    writer.write(b"MSG %b 1 3\r\n{{{\r\n" % reply)


async def huge(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Begin an acknowledgement that does not end."""
    writer.write(b"MSG %b 1 99999999999\r\n" % reply)
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def forbid(writer: asyncio.StreamWriter, reply: bytes) -> None:
    """Say that nothing may be published."""
    writer.write(b"-ERR 'Permissions Violation for Publish to \"audit.events\"'\r\n")


class HostileNats:
    """Such a server on loopback; ``published`` counts messages, ``said`` is what clients sent."""

    def __init__(
        self,
        on_publish: OnPublish = nothing,
        *,
        greeting: bytes = INFO,
        after_connect: bytes = b"PONG\r\n",
    ) -> None:
        self._on_publish = on_publish
        self._greeting = greeting
        self._after_connect = after_connect
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.published = 0
        self.connections = 0
        self.said = b""

    async def __aenter__(self) -> "HostileNats":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                writer.write(self._greeting)
                while True:
                    await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n")
        self.said += line
        words = line.split()
        if words[0] == b"PING":
            writer.write(self._after_connect)
        if words[0] == b"HPUB":
            await reader.readexactly(int(words[-1]) + 2)
            self.published += 1
            await self._on_publish(writer, words[2])
