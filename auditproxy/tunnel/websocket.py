"""WebSocket as kubectl uses it: the server side of RFC 6455, on asyncio streams."""

import asyncio
import struct

from auditproxy.sessions.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
    unmask,
)

MAXIMUM_MESSAGE = 1 << 24


class WebSocketClosed(ConnectionError):  # noqa: N818 - an end, not a fault
    """The client closed the session, or sent invalid frames."""


class WebSocket:
    """Messages in both directions, after the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = False

    async def receive(self) -> bytes:
        """Return the next message; answers pings. Raises WebSocketClosed."""
        message = b""
        while True:
            final, opcode, payload = await self._frame()
            if opcode == PING:
                await self._send(PONG, payload)
            elif opcode == CLOSE:
                await self.close()
                raise WebSocketClosed
            elif opcode in (TEXT, BINARY, CONTINUATION):
                message += payload
                if len(message) > MAXIMUM_MESSAGE:
                    raise WebSocketClosed
                if final:
                    return message

    async def _frame(self) -> tuple[bool, int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
            if not second & 0x80 or size > MAXIMUM_MESSAGE:
                # A client must mask its frames.
                raise WebSocketClosed
            mask = await self._reader.readexactly(4)
            masked = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WebSocketClosed from error
        return bool(first & 0x80), first & 0xF, unmask(masked, mask)

    async def send(self, message: bytes) -> None:
        """Send one binary message."""
        await self._send(BINARY, message)

    async def close(self, code: int = 1000) -> None:
        """Send a close frame, once."""
        if not self._closing:
            self._closing = True
            await self._send(CLOSE, struct.pack(">H", code))

    async def _send(self, opcode: int, payload: bytes) -> None:
        self._writer.write(frame(opcode, payload))
        await self._writer.drain()
