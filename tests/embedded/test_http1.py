"""The small HTTP/1.1 server: framing, keep-alive, streams, and clients that leave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.embedded.http1 import (
    BadRequest,
    HttpServer,
    RawConnection,
    Request,
    Response,
    read_head,
)
from tests.fakes.embedded import read_answer
from tests.fakes.embedded import read_head as read_answer_head


class Echo:
    """Answers with what it got; ``/stream`` streams until told to end, ``/take`` takes over."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, request: Request, connection: RawConnection) -> Response | None:
        """One request."""
        if request.path == "/take":
            connection.writer.write(b"taken ")
            connection.writer.write(await connection.reader.readexactly(3))
            await connection.writer.drain()
            return None
        if request.path == "/stream":
            return Response(200, stream=self.parts())
        text = f"{request.method} {request.path} {request.query} ".encode() + request.body
        return Response(200, text, headers=(("X-Test", request.headers.get("x-test", "")),))

    async def parts(self) -> AsyncIterator[bytes]:
        """Two parts with a wait between them."""
        try:
            yield b"one"
            await self.end.wait()
            yield b"two"
        finally:
            self.ended.set()


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Echo, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A server and one connection to it."""
    echo = Echo()
    server = HttpServer(echo)
    port = await server.start("127.0.0.1", 0, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            yield echo, reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        await server.close()


async def test_keep_alive_and_bodies() -> None:
    """Lengths, chunks with trailers, doubled headers, one after the other."""
    async with connected() as (_, reader, writer):
        writer.write(
            b"GET /a?x=1&x=2&y= HTTP/1.1\r\nX-Test: a\r\nx-test: b\r\n\r\n"
            b"POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
            b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n"
            b"HEAD /d HTTP/1.1\r\n\r\n"
        )
        answer = await read_answer(reader)
        assert answer.body == b"GET /a {'x': ['1', '2'], 'y': ['']} "
        assert answer.headers["x-test"] == "a, b"
        assert (await read_answer(reader)).body == b"POST /b {} hi"
        assert (await read_answer(reader)).body == b"PUT /c {} abc"
        assert (await read_answer_head(reader))[1]["content-length"] == "11"
        writer.write(b"GET /e HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await read_answer(reader)).headers["connection"] == "close"
        assert await reader.read() == b""


async def test_expect_continue() -> None:
    """The client is told to go on before it sends its body."""
    async with connected() as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await read_answer(reader)).body == b"POST / {} ok"


async def test_streams() -> None:
    """Parts come when they are there; the connection lives on."""
    async with connected() as (echo, reader, writer):
        writer.write(b"GET /stream HTTP/1.1\r\n\r\n")
        status, headers = await read_answer_head(reader)
        assert (status, headers["transfer-encoding"]) == (200, "chunked")
        assert await reader.readexactly(8) == b"3\r\none\r\n"
        echo.end.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"
        writer.write(b"GET /a HTTP/1.1\r\n\r\n")
        assert (await read_answer(reader)).status == 200


async def test_a_client_that_leaves_ends_its_stream() -> None:
    """Nothing goes on for nobody."""
    async with connected() as (echo, reader, writer):
        writer.write(b"GET /stream HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"one\r\n")
        writer.close()
        await echo.ended.wait()


async def test_close_ends_streams() -> None:
    """A server that is closed leaves no connection behind."""
    echo = Echo()
    server = HttpServer(echo)
    port = await server.start("127.0.0.1", 0, None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /stream HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"one\r\n")
    async with asyncio.timeout(10):
        await server.close()
        await echo.ended.wait()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_taking_over() -> None:
    """The handler has the bytes after the head, and the connection is closed after it."""
    async with connected() as (_, reader, writer):
        writer.write(b"POST /take HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nabc")
        assert await reader.read() == b"taken abc"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 400),
        (b"G(T / HTTP/1.1\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 70000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request(raw: bytes, status: int) -> None:
    """It is answered and the connection is closed."""
    async with connected() as (_, reader, writer):
        writer.write(raw)
        answer = await read_answer(reader)
        assert (answer.status, answer.headers["connection"]) == (status, "close")


@given(st.binary(max_size=80))
async def test_any_head(raw: bytes) -> None:
    """Nothing but a BadRequest comes of nonsense."""
    reader = asyncio.StreamReader()
    reader.feed_data(raw + b"\r\n\r\n")
    reader.feed_eof()
    with contextlib.suppress(BadRequest):
        await read_head(reader)
