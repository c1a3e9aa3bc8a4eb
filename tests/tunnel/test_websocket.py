"""WebSocket frames over a real connection."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.tunnel.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocket,
    WebSocketClosed,
    frame,
    unmask,
)

MASK = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A frame as a client sends it."""
    whole = bytearray(frame(opcode, payload))
    head = len(whole) - len(payload)
    whole[0] = (0x80 if final else 0) | opcode
    whole[1] |= 0x80
    return bytes(whole[:head]) + MASK + unmask(payload, MASK)


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[tuple[WebSocket, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A server's WebSocket and the client's end of its connection."""
    accepted: asyncio.Queue[WebSocket] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        accepted.put_nowait(WebSocket(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writers.append(writer)
    try:
        async with asyncio.timeout(5):
            yield await accepted.get(), reader, writer
    finally:
        for opened in writers:
            opened.close()
            with contextlib.suppress(ConnectionError):
                await opened.wait_closed()
        server.close()


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


@given(st.binary(max_size=50), st.binary(min_size=4, max_size=4))
def test_unmask(payload: bytes, mask: bytes) -> None:
    """A mask put on twice is no mask, and is a byte-wise xor."""
    once = unmask(payload, mask)
    assert once == bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    assert unmask(once, mask) == payload
