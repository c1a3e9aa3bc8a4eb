"""WebSocket as kubectl speaks it: the server's side of RFC 6455, on asyncio streams."""

import asyncio
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAXIMUM_MESSAGE = 1 << 24


class WebSocketClosed(ConnectionError):  # noqa: N818 - an end, not a fault
    """The client closed the session, or its bytes are not valid WebSocket."""


class WebSocket:
    """Messages both ways over a connection whose handshake is done."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = False

    async def receive(self) -> bytes:
        """The next message; pings are answered. Raises WebSocketClosed."""
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
                # A client must mask what it sends.
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
        """Say goodbye, once."""
        if not self._closing:
            self._closing = True
            await self._send(CLOSE, struct.pack(">H", code))

    async def _send(self, opcode: int, payload: bytes) -> None:
        self._writer.write(frame(opcode, payload))
        await self._writer.drain()


def frame(opcode: int, payload: bytes) -> bytes:
    """A frame as a server sends it: whole and unmasked."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
    return head + payload


def unmask(masked: bytes, mask: bytes) -> bytes:
    """Take a client's mask off, or put it on."""
    if not masked:
        return b""
    whole = (mask * (len(masked) // 4 + 1))[: len(masked)]
    number = int.from_bytes(masked, "big") ^ int.from_bytes(whole, "big")
    return number.to_bytes(len(masked), "big")
