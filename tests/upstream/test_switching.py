"""upstream/switching.py: which 101 is one, and asking for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auditproxy.sockets.flow import Flow
from auditproxy.upstream.framing import read_head
from auditproxy.upstream.messages import (
    ResponseHead,
    UpstreamClosedEarly,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamRequestError,
    UpstreamSwitchedEarly,
    UpstreamTimeout,
)
from auditproxy.upstream.switching import NotSwitched, Switched, switch_fault
from tests.fakes.certificates import Contexts, localhost_contexts
from tests.fakes.pools import HOST, request, upstream_and_pool
from tests.fakes.upgrades import SWITCH_SPDY, over, spdy, switching
from tests.fakes.upstream import FakeConnection, RecordingSink, answer

BOTH_LOOPS = True
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH_WEBSOCKET = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)
BOTH_TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A server's and a client's TLS context."""
    return localhost_contexts(tmp_path_factory.mktemp("tls"))


def websocket(**fields: Any) -> UpstreamRequest:
    """An exec by WebSocket."""
    headers = (HOST, (b"Sec-WebSocket-Key", KEY), (b"Sec-WebSocket-Version", b"13"))
    return request(**{"headers": headers, "upgrade": b"websocket", **fields})


class TestVerification:
    """What a 101 must say before bytes are joined."""

    @pytest.mark.parametrize(
        ("asked", "reply", "fault"),
        [
            (websocket(), SWITCH_WEBSOCKET, None),
            (spdy(), SWITCH_SPDY, None),
            (spdy(), SWITCH_SPDY.lower().replace(b"http", b"HTTP"), None),
            (spdy(), SWITCH_SPDY.replace(b"Connection: ", b"Connection: x, "), None),
            (spdy(), SWITCH_SPDY.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n"), None),
            (
                spdy(),
                SWITCH_SPDY.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
                None,
            ),
            (spdy(), SWITCH_WEBSOCKET, "not the protocol"),
            (websocket(), SWITCH_SPDY, "not the protocol"),
            (spdy(), SWITCH_SPDY.replace(b"SPDY/3.1", b"SPDY/3.1, h2c"), "not the protocol"),
            (spdy(), SWITCH_SPDY.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\n\r\n"), "not the"),
            (spdy(), b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n", "not the protocol"),
            (spdy(), b"HTTP/1.1 101 S\r\nUpgrade: SPDY/3.1\r\n\r\n", "no Connection"),
            (spdy(), SWITCH_SPDY.replace(b": Upgrade", b": notupgrade"), "no Connection"),
            (spdy(upgrade=b"h2c"), SWITCH_SPDY.replace(b"SPDY/3.1", b"h2c"), "status code 101"),
            (websocket(), SWITCH_WEBSOCKET.replace(ACCEPT, b"x" + ACCEPT[1:]), "Accept"),
            (websocket(), SWITCH_WEBSOCKET.replace(b"-Accept", b"-Other"), "Accept"),
            (websocket(headers=(HOST,)), SWITCH_WEBSOCKET, "Accept"),
            (spdy(), answer(200), "status code 200"),
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_rows(self, asked: UpstreamRequest, reply: bytes, fault: str | None) -> None:
        """T190, T211: the asked protocol, confirmed; framing headers of a 101 mean nothing."""
        found = switch_fault(read_head(reply, asked.method), asked)
        if fault is None:
            assert found is None
        else:
            assert found is not None
            assert fault in found


class TestUpgrade:
    """Asking the upstream to switch."""

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize(
        ("asked", "reply", "wire"),
        [
            (
                websocket(),
                SWITCH_WEBSOCKET,
                b"GET /api/v1/pods HTTP/1.1\r\nHost: kubernetes\r\nSec-WebSocket-Key: "
                + KEY
                + b"\r\nSec-WebSocket-Version: 13\r\n"
                b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            ),
            (
                spdy(),
                SWITCH_SPDY,
                b"POST /api/v1/pods HTTP/1.1\r\nHost: kubernetes\r\nContent-Length: 0\r\n"
                b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n",
            ),
        ],
        ids=["websocket", "spdy"],
    )
    async def test_switched(
        self, contexts: Contexts, transport: str, asked: UpstreamRequest, reply: bytes, wire: bytes
    ) -> None:
        """T188, T189: a verified 101 gives the connection over; the sink hears nothing."""
        sink = RecordingSink()
        async with upstream_and_pool(switching(reply), contexts=over(contexts, transport)) as (
            upstream,
            pool,
        ):
            switched = await pool.upgrade(asked, sink)
            assert isinstance(switched, Switched)
            assert switched.head.status == 101
            assert bytes(upstream.connections[0].received) == wire
            assert sink.response is None
            assert pool.stats.active == 1
            switched.abort()

    @pytest.mark.parametrize("token", [b"h2c", b"TLS/1.0", b"foo", b"websocket, h2c", None])
    async def test_other_protocols_never_leave(self, token: bytes | None) -> None:
        """T195: nothing is sent for a protocol outside the allow list."""
        async with upstream_and_pool(switching()) as (upstream, pool):
            with pytest.raises(UpstreamRequestError):
                await pool.upgrade(spdy(upgrade=token), RecordingSink())
            assert not upstream.connections

    @pytest.mark.parametrize(
        "reply",
        [
            b"HTTP/1.1 100 Continue\r\n\r\n" + SWITCH_SPDY,
            b"HTTP/1.1 103 Early Hints\r\n\r\n",
            SWITCH_WEBSOCKET,
            b"HTTP/1.1 101 S\r\n\r\n",
            b"SSH-2.0-x\r\n",
        ],
        ids=lambda raw: repr(raw)[:30],
    )
    async def test_invalid_answers(self, reply: bytes) -> None:
        """T190: what is neither a switch nor a final answer is an error; nothing of it is passed on."""
        sink = RecordingSink()
        async with upstream_and_pool(switching(reply)) as (upstream, pool):
            with pytest.raises(UpstreamProtocolError):
                await pool.upgrade(spdy(), sink)
            assert sink.response is None
            await upstream.connections[0].wait_closed(1)

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("status", [200, 201, 302, 400, 403, 404, 500, 503])
    async def test_not_switched(self, contexts: Contexts, transport: str, status: int) -> None:
        """T191, A1: a final answer is passed on as one and its connection is closed, not reused."""
        sink = RecordingSink()
        reply = answer(status, b"forbidden") + answer(200, b"second")
        async with upstream_and_pool(switching(reply), contexts=over(contexts, transport)) as (
            upstream,
            pool,
        ):
            refused = await pool.upgrade(spdy(), sink)
            assert isinstance(refused, NotSwitched)
            assert (refused.head.status, sink.status, sink.body) == (status, status, b"forbidden")
            await upstream.connections[0].wait_closed(1)
            assert pool.stats.idle == 0

    async def test_an_answer_takes_its_time(self) -> None:
        """A1: once an answer has begun it is one like any other, however long and slow."""
        go_on = asyncio.Event()

        async def slow(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000001\r\n\r\nx")
            await go_on.wait()
            await connection.send_all(b"x" * 2_000_000)

        class Sink(RecordingSink):
            def head(self, head: ResponseHead, flow: Flow, *, follows: bool) -> None:
                super().head(head, flow, follows=follows)
                # Beyond the handshake's deadline.
                asyncio.get_running_loop().call_later(0.3, go_on.set)

        sink = Sink()
        async with upstream_and_pool(slow, upgrade_timeout=0.1) as (_, pool):
            assert isinstance(await pool.upgrade(spdy(), sink), NotSwitched)
            assert len(sink.body) == 2_000_001

    async def test_without_a_deadline(self) -> None:
        """A1: the caller of a short request bounds it itself."""
        go_on = asyncio.Event()

        async def slow(connection: FakeConnection) -> None:
            await connection.read_request()
            await go_on.wait()
            connection.send(answer(200, b"late"))

        async with upstream_and_pool(slow, upgrade_timeout=0.05) as (_, pool):
            asyncio.get_running_loop().call_later(0.2, go_on.set)
            sink = RecordingSink()
            got = await pool.upgrade(spdy(), sink, handshake_deadline=False)
            assert (got.head.status, sink.body) == (200, b"late")

    async def test_the_handshake_has_a_deadline(self) -> None:
        """T205: an upstream that does not answer is a timeout, and its socket is freed."""

        async def silent(connection: FakeConnection) -> None:
            await connection.read_request()

        async with upstream_and_pool(silent, upgrade_timeout=0.1) as (upstream, pool):
            sink = RecordingSink()
            with pytest.raises(UpstreamTimeout):
                await pool.upgrade(spdy(), sink)
            assert not sink.started.is_set()
            await upstream.connections[0].wait_closed(1)

    async def test_never_sent_again(self) -> None:
        """T231: an upgrade whose connection dies is an error, also for GET."""

        async def dying(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.close()

        async with upstream_and_pool(dying) as (upstream, pool):
            with pytest.raises(UpstreamClosedEarly):
                await pool.upgrade(websocket(), RecordingSink())
            assert len(upstream.connections) == 1

    async def test_the_body_goes_before_the_switch(self) -> None:
        """T198: an upgrade by POST with a body: all of it arrives, then the switch counts."""
        async with upstream_and_pool(switching()) as (upstream, pool):
            switched = await pool.upgrade(spdy(body=b"stdin"), RecordingSink())
            assert bytes(upstream.connections[0].received).endswith(b"\r\n\r\nstdin")
            assert isinstance(switched, Switched)
            switched.abort()

    async def test_a_switch_inside_the_body_is_an_error(self) -> None:
        """A 101 that comes before the request is complete would mix body and tunnel."""

        async def hasty(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(SWITCH_SPDY)

        async def body() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        async with upstream_and_pool(hasty) as (upstream, pool):
            with pytest.raises(UpstreamSwitchedEarly, match="during the request"):
                await pool.upgrade(spdy(body=body()), RecordingSink())
            await upstream.connections[0].wait_closed(1)

    async def test_cancelled(self) -> None:
        """Who leaves during the handshake takes the connection along."""

        async def silent(connection: FakeConnection) -> None:
            await connection.read_request()
            asked.set()

        asked = asyncio.Event()
        async with upstream_and_pool(silent) as (upstream, pool):
            asking = asyncio.create_task(pool.upgrade(spdy(), RecordingSink()))
            await asyncio.wait_for(asked.wait(), 5)
            asking.cancel()
            await asyncio.wait((asking,))
            await upstream.connections[0].wait_closed(1)
