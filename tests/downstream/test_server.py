"""What every connection of a client is given: bounds, and what is known of it before it speaks."""

import asyncio
import socket
from pathlib import Path

import pytest

from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.server import ClientServer
from tests.conformance.client import read_answer
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import pause

BOTH_LOOPS = True


async def test_connections() -> None:
    """Each is a protocol of its own, with the address that a load balancer told."""

    async def handler(asked: object) -> None:
        raise AssertionError

    server = ClientServer(handler, on_unparsed=lambda code, why: None)
    one, two = server(), server(told_address="1.2.3.4")
    assert isinstance(one, ClientConnection)
    assert one is not two
    assert (one.told_address, two.told_address) == ("", "1.2.3.4")
    await server.shutdown()


async def test_a_handshake_under_way_at_the_end(tmp_path: Path) -> None:
    """A connection whose protocol was created before ``leave``, and which was made after it."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        server = proxy.proxy._serving.server
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        # As while its TLS handshake is under way.
        connection = server()
        server.leave()
        theirs.setblocking(False)
        await loop.connect_accepted_socket(lambda: connection, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(request())
        async with asyncio.timeout(5):
            found = await read_answer(reader, "GET")
            assert (found.status, found.header("Connection")) == (200, "close")
            assert await reader.read() == b""
        writer.close()


async def test_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T315: after a request a connection may be silent for its time and no longer."""
    monkeypatch.setattr("auditproxy.downstream.server.IDLE_TIMEOUT", 0.3)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request())
        async with asyncio.timeout(5):
            assert (await read_answer(reader, "GET")).status == 200
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        assert proxy.metric("auditproxy_requests_unparsed_total", code="408") == 0


@pytest.mark.parametrize(
    ("sent", "told"),
    [(b"", b""), (b"GE", b"408"), (b"GET / HTTP/1.1\r\nHost", b"408"), (b"\r\n", b"")],
)
async def test_slow_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, told: bytes
) -> None:
    """T312, T313: a head has its time as a whole, the first one from the connection on."""
    monkeypatch.setattr("auditproxy.downstream.connection.HEAD_TIMEOUT", 0.5)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(sent)
        async with asyncio.timeout(5):
            assert (await reader.read())[9:12] == told
        assert upstream.connections == []
        # A3: with a request line there is an event, without one a count.
        line = b"HTTP/1.1" in sent
        count = proxy.metric("auditproxy_requests_unparsed_total", code="408")
        assert count == (bool(told) and not line)
        assert [code for _, code in proxy.stages()] == [408] * line


async def test_drip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T312: bytes that come one by one do not lengthen the time."""
    monkeypatch.setattr("auditproxy.downstream.connection.HEAD_TIMEOUT", 0.5)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()

        async def drip() -> None:
            while True:
                writer.write(b"a")
                await pause(0.01)

        writer.write(b"GET / HTTP/1.1\r\nX-A: ")
        dripping = asyncio.create_task(drip())
        try:
            async with asyncio.timeout(5):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        finally:
            dripping.cancel()
