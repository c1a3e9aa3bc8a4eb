"""C8: what a client is told whose session ends with the proxy."""

import asyncio
import base64
import json
import struct
from pathlib import Path

import pytest

from auditproxy.sessions.wire.frames import BINARY, CLOSE, TEXT, frame
from auditproxy.tunnel.farewell import Farewell
from auditproxy.tunnel.tie import SHUTTING_DOWN
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.websocket import made

BOTH_LOOPS = True
GOING_AWAY = frame(CLOSE, struct.pack(">H", 1001) + SHUTTING_DOWN.encode())
NORMAL = frame(CLOSE, struct.pack(">H", 1000))
EXEC = "/api/v1/namespaces/default/pods/box/exec?command=sh&stdin=true&stdout=true&tty=true"
WEBSOCKET = (
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: v5.channel.k8s.io",
)
SPDY = ("Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io")
STATUS = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": SHUTTING_DOWN,
    "reason": "ServiceUnavailable",
    "code": 503,
}


@pytest.mark.parametrize("subresource", ["exec", "attach"])
@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
def test_a_terminal(protocol: str, subresource: str) -> None:
    """C8: kubectl's channels: a Status on the error channel, then a normal end, as kubelet's."""
    words = Farewell(protocol, subresource).words()
    assert words.endswith(NORMAL)
    assert words[:4] == struct.pack(">BBH", 0x80 | BINARY, 126, len(words) - 4 - len(NORMAL))
    assert words[4:5] == b"\x03"
    assert json.loads(words[5 : -len(NORMAL)]) == STATUS


def test_base64() -> None:
    """C8: the channels of browsers are text."""
    words = Farewell("v4.base64.channel.k8s.io", "exec").words()
    assert words[0] == 0x80 | TEXT
    assert words[4:5] == b"3"
    assert json.loads(base64.b64decode(words[5 : -len(NORMAL)])) == STATUS


@pytest.mark.parametrize(
    ("protocol", "subresource"),
    [
        ("", ""),
        ("v4.channel.k8s.io", "portforward"),
        ("SPDY/3.1+portforward.k8s.io", "portforward"),
        ("channel.k8s.io", "exec"),
        ("binary.k8s.io", "log"),
    ],
)
def test_others(protocol: str, subresource: str) -> None:
    """C8: where the third channel is none for errors, the close frame alone says it."""
    assert Farewell(protocol, subresource).words() == GOING_AWAY


def test_where_nothing_can_be_said() -> None:
    """C8: within a frame and behind a close nothing is added; within a message only a close."""
    farewell = Farewell("v5.channel.k8s.io", "exec")
    farewell.frames.follow(made(BINARY, 10, final=True, masked=False)[:5])
    assert farewell.words() == b""
    farewell = Farewell("v5.channel.k8s.io", "exec")
    farewell.frames.follow(made(BINARY, 10, final=False, masked=False))
    assert farewell.words() == GOING_AWAY
    farewell = Farewell("v5.channel.k8s.io", "exec")
    farewell.frames.follow(NORMAL)
    assert farewell.words() == b""


@pytest.mark.parametrize("whole", [True, False])
async def test_at_a_stop(tmp_path: Path, whole: bool) -> None:
    """C8: an exec at SIGTERM: the client reads why, byte for byte behind what came before, and the
    event says why."""
    output = frame(BINARY, b"\x01$ ")
    sent = output if whole else output[:-1]

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        connection.send(sent)
        await connection.wait_closed(10)

    exec_request = request("GET", EXEC, "Connection: Upgrade", *WEBSOCKET)
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(exec_request)
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await reader.readexactly(len(sent)) == sent
            closing = asyncio.create_task(proxy.proxy._serving.close(5.0))
            rest = await reader.read()
            await closing
        assert rest == (Farewell("v5.channel.k8s.io", "exec").words() if whole else b"")
        last = proxy.events[-1]
        assert last["stage"] == "ResponseComplete"
        assert last["responseStatus"]["code"] == 101
        assert last["annotations"]["auditproxy.io/ended"] == "the proxy was shut down"


@pytest.mark.parametrize(
    ("asked", "agreed", "words"),
    [
        (
            WEBSOCKET,
            (
                b"Upgrade: websocket",
                b"Sec-WebSocket-Protocol: v5.channel.k8s.io",
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ),
            Farewell("v5.channel.k8s.io", "exec").words(),
        ),
        (SPDY, (b"Upgrade: SPDY/3.1", b"X-Stream-Protocol-Version: v4.channel.k8s.io"), b""),
    ],
    ids=["websocket", "spdy"],
)
async def test_the_last_bytes(
    tmp_path: Path, asked: tuple[str, ...], agreed: tuple[bytes, ...], words: bytes
) -> None:
    """C8: nothing of the upstream's follows the last words; into SPDY's frames none are put."""
    told = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(
            b"\r\n".join(
                (b"HTTP/1.1 101 Switching Protocols", b"Connection: Upgrade", *agreed, b"", b"")
            )
        )
        await told.wait()
        connection.send(frame(BINARY, b"\x01late"))
        await connection.wait_closed(10)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", EXEC, "Connection: Upgrade", *asked))
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            closing = asyncio.create_task(proxy.proxy._serving.close(5.0))
            assert await reader.readexactly(len(words)) == words
            if words:
                told.set()
            assert await reader.read() == b""
            await closing
        assert proxy.events[-1]["annotations"]["auditproxy.io/ended"] == "the proxy was shut down"


async def test_a_watch_says_why(tmp_path: Path) -> None:
    """C8: every request that a stop ends has its event say so, and no other has."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await connection.wait_closed(10)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(10):
            await reader.readuntil(b"hi")
            left, left_writer = await proxy.connect()
            left_writer.write(request("GET", "/api/v1/nodes?watch=1"))
            await left.readuntil(b"hi")
            left_writer.transport.abort()
            await proxy.until_events(5)
            await proxy.proxy._serving.close(5.0)
    ended = {
        event["objectRef"]["resource"]: event["annotations"].get("auditproxy.io/ended")
        for event in proxy.events
        if event["stage"] == "ResponseComplete"
    }
    assert ended == {"pods": "the proxy was shut down", "nodes": None}
