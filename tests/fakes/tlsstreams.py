"""The server's side of TLS on streams, for fakes whose refusals matter.

A server in C or Java says why it refuses a client; asyncio's closes the connection before the
alert is written.
"""

import asyncio
import contextlib
import ssl
from typing import Any


class TlsStream:
    """Streams of a connection, encrypted; ``handshake`` first, and once."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._read = bytearray()

    @property
    def peer_certificate(self) -> dict[str, Any]:
        """What the client's certificate says; empty without one."""
        return dict(self._object.getpeercert() or {})

    async def handshake(self) -> None:
        """Make the connection; raises ssl.SSLError when the client has heard why not."""
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                await self._receive()
            else:
                return
            finally:
                self._send()

    async def readexactly(self, count: int) -> bytes:
        """So many bytes of the client; raises IncompleteReadError at its end."""
        while len(self._read) < count:
            try:
                data = self._object.read(65536)
            except ssl.SSLWantReadError:
                await self._receive()
                continue
            if not data:
                raise asyncio.IncompleteReadError(bytes(self._read), count)
            self._read += data
        found = bytes(self._read[:count])
        del self._read[:count]
        return found

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._object.write(data)
        self._send()

    async def drain(self) -> None:
        """Wait until the client has room."""
        await self._writer.drain()

    def say_goodbye(self) -> None:
        """Send close_notify, and wait for none."""
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        self._send()

    def close(self) -> None:
        """End the connection when all is sent."""
        self._writer.close()

    async def _receive(self) -> None:
        self._send()
        data = await self._reader.read(65536)
        if not data:
            raise asyncio.IncompleteReadError(b"", None)
        self._incoming.write(data)

    def _send(self) -> None:
        if data := self._outgoing.read():
            self._writer.write(data)
