"""A client of WebSocket: its frames, and a connection to a server's end."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

from auditproxy.sessions.wire.frames import frame, unmask
from auditproxy.tunnel.websocket import WebSocket

MASK = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A frame as a client sends it."""
    whole = bytearray(frame(opcode, payload))
    head = len(whole) - len(payload)
    whole[0] = (0x80 if final else 0) | opcode
    whole[1] |= 0x80
    return bytes(whole[:head]) + MASK + unmask(payload, MASK)


def made(opcode: int, size: int, *, final: bool, masked: bool) -> bytes:
    """A frame of any kind and size."""
    length = (
        bytes((size,))
        if size < 126
        else struct.pack(">BH", 126, size)
        if size < 65536
        else struct.pack(">BQ", 127, size)
    )
    head = bytes((opcode | (0x80 if final else 0), length[0] | (0x80 if masked else 0)))
    return head + length[1:] + (b"mask" if masked else b"") + b"p" * size


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
