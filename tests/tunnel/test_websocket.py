"""WebSocket frames over a real connection."""

import struct

import pytest

from auditproxy.sessions.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    frame,
)
from auditproxy.tunnel.websocket import WebSocketClosed
from tests.fakes.websocket import masked, pair


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
async def test_sizes(size: int) -> None:
    """Each form of the length, both ways."""
    async with pair() as (socket, reader, writer):
        payload = bytes(range(256)) * (size // 256 + 1)
        writer.write(masked(BINARY, payload[:size]))
        assert await socket.receive() == payload[:size]
        await socket.send(payload[:size])
        assert await reader.readexactly(len(frame(BINARY, payload[:size]))) == frame(
            BINARY, payload[:size]
        )


async def test_fragments_and_pings() -> None:
    """A message in pieces is one message; a ping between them is answered."""
    async with pair() as (socket, reader, writer):
        writer.write(
            masked(TEXT, b"a", final=False)
            + masked(PING, b"p")
            + masked(CONTINUATION, b"b", final=False)
            + masked(PONG, b"")
            + masked(CONTINUATION, b"c")
        )
        assert await socket.receive() == b"abc"
        assert await reader.readexactly(3) == frame(PONG, b"p")


async def test_close() -> None:
    """A goodbye is answered once."""
    async with pair() as (socket, reader, writer):
        writer.write(masked(CLOSE, struct.pack(">H", 1000)))
        with pytest.raises(WebSocketClosed):
            await socket.receive()
        await socket.close()
        assert await reader.readexactly(4) == frame(CLOSE, struct.pack(">H", 1000))


@pytest.mark.parametrize("raw", [frame(BINARY, b"unmasked"), b"\x82\xff" + b"\xff" * 8, b"\x82"])
async def test_no_websocket(raw: bytes) -> None:
    """Unmasked, too large and cut frames end the session."""
    async with pair() as (socket, _, writer):
        writer.write(raw)
        writer.write_eof()
        with pytest.raises(WebSocketClosed):
            await socket.receive()
