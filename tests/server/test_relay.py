"""The relay: framing for the client, and what reaches the transport when."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer


async def exchange(tmp_path: Path, reply: bytes, raw: bytes, *, closes: bool = False) -> bytes:
    """The raw bytes that a client gets for a reply of the upstream."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(reply)
        if closes:
            connection.close()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(raw)
        async with asyncio.timeout(5):
            return await reader.read()


CLOSE = "Connection: close"


@pytest.mark.parametrize(
    ("reply", "closes", "raw", "framing", "body"),
    [
        (answer(200, b"abc"), False, request("GET", "/x", CLOSE), b"Content-Length: 3", b"abc"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            False,
            request("GET", "/x", CLOSE),
            b"Transfer-Encoding: chunked",
            b"3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\n\r\nabc",
            True,
            request("GET", "/x", CLOSE),
            b"Transfer-Encoding: chunked",
            b"3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            False,
            request("GET", "/x").replace(b"HTTP/1.1", b"HTTP/1.0"),
            b"Connection: close",
            b"abc",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
            False,
            request("HEAD", "/x", CLOSE),
            b"Content-Length: 99",
            b"",
        ),
        (
            b"HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n",
            False,
            request("GET", "/x", CLOSE),
            b"Etag: x",
            b"",
        ),
        (
            b"HTTP/1.1 204 No Content\r\n\r\n",
            False,
            request("DELETE", "/x", CLOSE),
            b"HTTP/1.1 204 No Content",
            b"",
        ),
    ],
)
async def test_framing(
    tmp_path: Path, reply: bytes, closes: bool, raw: bytes, framing: bytes, body: bytes
) -> None:
    """T114 T116: every answer is framed anew, as the client can read it."""
    got = await exchange(tmp_path, reply, raw, closes=closes)
    head, _, rest = got.partition(b"\r\n\r\n")
    assert framing in head
    assert rest == body
    assert head.lower().count(b"content-length") + head.lower().count(b"transfer-encoding") <= 1


async def test_hop_by_hop_headers_stay(tmp_path: Path) -> None:
    """T119 T120: Connection and what it names stay behind; our Audit-Id is the only one."""
    reply = answer(200, b"", b"Connection: X-Gone, close", b"X-Gone: 1", b"Audit-Id: theirs")
    got = await exchange(tmp_path, reply, request("GET", "/x", CLOSE, "Audit-ID: ours"))
    assert b"X-Gone" not in got
    assert b"theirs" not in got
    assert got.count(b"Audit-Id: ours") == 1


async def test_silent_stream_gets_its_head(tmp_path: Path) -> None:
    """A watch that says nothing yet has its head at the client already."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await connection.wait_closed(10)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(5):
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
