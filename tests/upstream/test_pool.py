"""upstream/pool.py: which connection carries a request, and when one is sent again."""

import asyncio
import gc
import socket
import ssl
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auditproxy.upstream.messages import (
    RoundTrip,
    UpstreamClosedEarly,
    UpstreamProtocolError,
    UpstreamRequestError,
    UpstreamUnreachable,
)
from auditproxy.upstream.pool import UpstreamPool
from tests.fakes.certificates import Contexts, localhost_contexts
from tests.fakes.pools import request, upstream_and_pool
from tests.fakes.upstream import (
    FakeConnection,
    FakeUpstream,
    RecordingSink,
    Script,
    answer,
    replying,
)

BOTH_LOOPS = True
OK = answer(200, b"ok")


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A server's and a client's TLS context."""
    return localhost_contexts(tmp_path_factory.mktemp("tls"))


async def ask(
    pool: UpstreamPool, sink: RecordingSink | None = None, **fields: Any
) -> tuple[RecordingSink, RoundTrip]:
    """One round trip; its sink and outcome."""
    sink = sink or RecordingSink()
    return sink, await pool.round_trip(request(**fields), sink)


class TestReuse:
    """A connection carries another request only when nothing is left of the one before."""

    @pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
    async def test_keep_alive(self, contexts: Contexts, tls: bool) -> None:
        """Requests one after another share a connection; the bytes are exactly ours."""
        async with upstream_and_pool(replying(OK), contexts=contexts if tls else None) as (
            upstream,
            pool,
        ):
            sink, outcome = await ask(pool)
            assert (sink.status, sink.body, outcome) == (200, b"ok", RoundTrip(retried=False))
            _, outcome = await ask(pool, method=b"POST", body=b"{}")
            assert outcome == RoundTrip(retried=False)
            assert len(upstream.connections) == 1
            assert bytes(upstream.connections[0].received) == (
                b"GET /api/v1/pods HTTP/1.1\r\nHost: kubernetes\r\n\r\n"
                b"POST /api/v1/pods HTTP/1.1\r\nHost: kubernetes\r\nContent-Length: 2\r\n\r\n{}"
            )
            assert (pool.stats.idle, pool.stats.active, pool.stats.opened) == (1, 0, 1)

    async def test_parallel_requests_have_connections_of_their_own(self) -> None:
        """T212: no cap and no queue; the connection used last is taken first."""
        gate = asyncio.Event()

        async def script(connection: FakeConnection) -> None:
            while True:
                head = await connection.read_head()
                await gate.wait()
                connection.send(answer(200, head.split(b" ")[1]))

        async with upstream_and_pool(script) as (upstream, pool):
            asking = [asyncio.create_task(ask(pool, target=b"/%d" % i)) for i in range(40)]
            await upstream.until(lambda: len(upstream.connections) == 40)
            gate.set()
            for i, (sink, _) in enumerate(await asyncio.gather(*asking)):
                assert sink.body == b"/%d" % i
            assert pool.stats.idle == 40
            for _ in range(3):
                await ask(pool)
            assert pool.stats.opened == 40
            again = [c for c in upstream.connections if c.received.count(b"GET ") > 1]
            assert len(again) == 1

    @pytest.mark.parametrize(
        ("method", "reply"),
        [
            (b"GET", OK + b"x"),
            (b"GET", OK + b"\r\n"),
            (b"GET", OK + OK),
            (b"HEAD", answer(200, b"body")),
            (b"GET", b"HTTP/1.1 204 No Content\r\n\r\nbody"),
            (b"GET", b"HTTP/1.1 304 Not Modified\r\n\r\nbody"),
            (b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx"),
            (b"GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
            (b"GET", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
        ids=repr,
    )
    async def test_extra_bytes_or_close_end_it(self, method: bytes, reply: bytes) -> None:
        """T115, T116: what follows an answer is nobody's; the next answer is the next one's."""
        async with upstream_and_pool(replying(reply, OK)) as (upstream, pool):
            await ask(pool, method=method)
            await upstream.connections[0].wait_closed()
            sink, _ = await ask(pool)
            assert sink.body == b"ok"
            assert len(upstream.connections) == 2

    async def test_bytes_on_an_idle_connection_close_it(self) -> None:
        """T115: a late second answer is never taken for the answer to the next request."""
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            await ask(pool)
            upstream.connections[0].send(answer(200, b"poison"))
            await upstream.connections[0].wait_closed()
            assert pool.stats.idle == 0
            sink, _ = await ask(pool)
            assert (sink.body, pool.stats.opened) == (b"ok", 2)

    async def test_idle_connections_expire(self) -> None:
        """An idle connection is closed in time, the one idle longest first."""
        async with upstream_and_pool(replying(OK), idle_timeout=0.2) as (upstream, pool):
            await asyncio.gather(ask(pool), ask(pool), ask(pool))
            assert pool.stats.idle == 3
            await asyncio.gather(*(c.wait_closed() for c in upstream.connections))
            assert pool.stats.idle == 0

    async def test_an_earlier_credential_is_not_used_again(self, contexts: Contexts) -> None:
        """T021, T234: connections made with another TLS context are dropped, not reused."""
        async with upstream_and_pool(replying(OK), contexts=contexts) as (upstream, pool):
            await ask(pool)
            renewed = ssl.create_default_context()
            renewed.check_hostname = False
            renewed.verify_mode = ssl.CERT_NONE
            upstream.ssl_context = renewed
            await ask(pool)
            assert pool.stats.opened == 2
            await upstream.connections[0].wait_closed()

    async def test_cookies_and_redirects_are_just_headers(self) -> None:
        """T237, T238: a redirect is not followed and a cookie is not kept."""
        moved = answer(302, b"", b"Location: http://127.0.0.1:1/", b"Set-Cookie: a=b")
        async with upstream_and_pool(replying(moved, OK)) as (upstream, pool):
            sink, _ = await ask(pool)
            assert sink.status == 302
            await ask(pool)
            assert b"ookie" not in bytes(upstream.connections[0].received)


class TestRetry:
    """A request is sent again once, where no harm can come of it."""

    def dying(self, at: int = 1) -> Script:
        """A script that answers ``at`` requests and reads one more before it closes."""
        served = []

        async def script(connection: FakeConnection) -> None:
            served.append(connection)
            first = len(served) == 1
            for _ in range(at if first else 100):
                await connection.read_request()
                connection.send(OK)
            await connection.read_request()
            connection.close()

        return script

    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
    async def test_reused_and_unanswered_is_sent_again(self, method: bytes) -> None:
        """T230: upstream closes a kept connection as we write: one retry, on a new connection."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.send(OK)
            await connection.read_request()
            if connection is upstream.connections[0]:
                connection.close()

        async with upstream_and_pool(script) as (upstream, pool):
            await ask(pool)
            sink, outcome = await ask(pool, method=method)
            assert (sink.status, outcome.retried, pool.stats.opened) == (200, True, 2)
            assert len(upstream.connections) == 2
            assert pool.stats.retried == 1

    @pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE"])
    async def test_what_changes_things_is_sent_once(self, method: bytes) -> None:
        """T231: once a byte was written, POST, PUT, PATCH and DELETE are never sent again."""
        async with upstream_and_pool(self.dying()) as (upstream, pool):
            await ask(pool)
            with pytest.raises(UpstreamClosedEarly) as caught:
                await ask(pool, method=method, body=b"{}")
            assert not caught.value.any_response_byte
            assert len(upstream.connections) == 1
            assert upstream.connections[0].received.count(method + b" /") == 1

    async def test_post_finds_that_the_connection_is_closed_before_it_writes(self) -> None:
        """T232: a close that already lies in the kernel moves a POST to a new connection."""
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            await ask(pool)
            kept = upstream.connections[0]
            # The close happens here and now; the loop has no turn to tell the pool.
            raw = socket.socket(fileno=socket.dup(kept.transport.get_extra_info("socket").fileno()))
            raw.shutdown(socket.SHUT_RDWR)
            raw.close()
            sink, outcome = await ask(pool, method=b"POST", body=b"{}")
            assert (sink.body, outcome.retried, pool.stats.opened) == (b"ok", False, 2)
            assert kept.received.count(b"POST") == 0
            assert upstream.connections[1].received.count(b"POST") == 1

    async def test_a_new_connection_is_not_tried_twice(self) -> None:
        """A connection made for this request that dies is an error, also for GET."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.close()

        async with upstream_and_pool(script) as (upstream, pool):
            with pytest.raises(UpstreamClosedEarly):
                await ask(pool)
            assert len(upstream.connections) == 1

    async def test_retried_only_once(self) -> None:
        """The retry that dies as well is an error."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            if connection is upstream.connections[0]:
                connection.send(OK)
                await connection.read_request()
            connection.close()

        async with upstream_and_pool(script) as (upstream, pool):
            await ask(pool)
            with pytest.raises(UpstreamClosedEarly):
                await ask(pool)
            assert len(upstream.connections) == 2

    @pytest.mark.parametrize("first", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=repr)
    async def test_not_after_the_first_byte_of_an_answer(self, first: bytes) -> None:
        """A GET whose answer had begun is not sent again."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.send(OK)
            await connection.read_request()
            connection.send(first)
            connection.close()

        async with upstream_and_pool(script) as (upstream, pool):
            await ask(pool)
            with pytest.raises(UpstreamClosedEarly) as caught:
                await ask(pool)
            assert caught.value.any_response_byte
            assert len(upstream.connections) == 1

    async def test_a_body_that_was_read_cannot_be_sent_again(self) -> None:
        """A GET whose body comes from an iterator is sent once."""

        async def body() -> AsyncIterator[bytes]:
            yield b"x"

        async with upstream_and_pool(self.dying()) as (upstream, pool):
            await ask(pool)
            with pytest.raises(UpstreamClosedEarly):
                await ask(pool, body=body())
            assert len(upstream.connections) == 1


class TestUnreachable:
    """No connection, nothing sent."""

    async def test_refused(self) -> None:
        """T228: nobody listens."""
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            upstream.stop_listening()
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(pool)
            assert caught.value.reason == "unreachable"

    @pytest.mark.parametrize(("change", "value"), [("server_name", "other.test"), ("trust", None)])
    async def test_wrong_certificate(
        self, contexts: Contexts, change: str, value: str | None
    ) -> None:
        """T228: wrong name or unknown CA: no request, no fallback to plain TCP."""
        async with upstream_and_pool(replying(OK), contexts=contexts) as (upstream, pool):
            if change == "trust":
                upstream.ssl_context = ssl.create_default_context()
            else:
                upstream.server_name = value
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(pool)
            assert caught.value.reason == "tls"
            assert not any(c.received for c in upstream.connections)

    async def test_plain_upstream_behind_tls_target(self, contexts: Contexts) -> None:
        """An upstream that speaks no TLS is unreachable with a TLS context."""

        async def script(connection: FakeConnection) -> None:
            await connection.until(lambda: bool(connection.received))
            connection.send(OK)
            connection.close()

        async with upstream_and_pool(script) as (upstream, pool):
            upstream.ssl_context = contexts[1]
            with pytest.raises(UpstreamUnreachable):
                await ask(pool)

    async def test_connect_timeout_covers_tls(self, contexts: Contexts) -> None:
        """T228: an upstream that accepts and says nothing costs the connect timeout, no more."""

        async def silent(connection: FakeConnection) -> None:
            await connection.wait_closed()

        async with upstream_and_pool(silent, connect_timeout=0.2) as (upstream, pool):
            upstream.ssl_context = contexts[1]
            with pytest.raises(UpstreamUnreachable) as caught:
                await ask(pool)
            assert caught.value.reason == "connect-timeout"
            await upstream.connections[0].wait_closed()

    async def test_cancelled_while_connecting(self, contexts: Contexts) -> None:
        """Who leaves during the TLS handshake leaves no socket behind."""

        async def silent(connection: FakeConnection) -> None:
            await connection.wait_closed()

        async with upstream_and_pool(silent) as (upstream, pool):
            upstream.ssl_context = contexts[1]
            asking = asyncio.create_task(ask(pool))
            await upstream.until(lambda: bool(upstream.connections))
            asking.cancel()
            await asyncio.wait((asking,))
            assert asking.cancelled()
            await upstream.connections[0].wait_closed(1)

    async def test_proxies_of_the_environment_are_ignored(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """T239: HTTP_PROXY and its like change nothing."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with upstream_and_pool(replying(OK)) as (_, pool):
            sink, _ = await ask(pool)
            assert sink.body == b"ok"


class TestClose:
    """The end of a pool."""

    async def test_ends_idle_and_active(self) -> None:
        """Idle connections close, running round trips fail, and no new one begins."""
        asked = asyncio.Event()

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.send(OK)
            await connection.read_request()
            asked.set()

        async with upstream_and_pool(script) as (upstream, pool):
            await asyncio.gather(ask(pool), ask(pool))
            waiting = asyncio.create_task(ask(pool, method=b"POST"))
            await asyncio.wait_for(asked.wait(), 5)
            assert (pool.stats.idle, pool.stats.active) == (1, 1)
            await pool.close()
            with pytest.raises(UpstreamClosedEarly):
                await waiting
            with pytest.raises(UpstreamUnreachable, match="closed"):
                await ask(pool)
            assert len(upstream.connections) == 2

    async def test_upgrade_is_no_round_trip(self) -> None:
        """T197: a request that asks for an upgrade does not slip through round_trip."""
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            with pytest.raises(UpstreamRequestError):
                await ask(pool, upgrade=b"websocket")
            assert not upstream.connections

    async def test_the_pool_can_be_collected(self) -> None:
        """Nothing keeps a closed pool and its connections in memory."""
        async with FakeUpstream(replying(OK)) as upstream:
            pool = UpstreamPool(upstream)
            await ask(pool)
            await pool.close()
            gone = weakref.ref(pool)
            del pool
            await upstream.connections[0].wait_closed()
            gc.collect()
            assert gone() is None

    async def test_protocol_errors_close_the_connection(self) -> None:
        """T114: an answer with two framings is an error and the end of its connection."""
        bad = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"
        async with upstream_and_pool(replying(bad)) as (upstream, pool):
            with pytest.raises(UpstreamProtocolError):
                await ask(pool)
            await upstream.connections[0].wait_closed(1)
