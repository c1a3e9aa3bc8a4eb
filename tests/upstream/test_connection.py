"""upstream/connection.py: bodies both ways at once, back-pressure, and being left alone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auditproxy.sockets.pieces import PIECE, Piece
from auditproxy.sockets.reading import MOST_A_TURN
from auditproxy.upstream.messages import (
    UpstreamClosedEarly,
    UpstreamLimits,
    UpstreamProtocolError,
    UpstreamRequestError,
)
from auditproxy.upstream.pool import UpstreamPool
from auditproxy.upstream.switching import Switched
from tests.fakes.certificates import Contexts, localhost_contexts
from tests.fakes.endingupstream import EndingUpstream, ending_upstream
from tests.fakes.pools import request, upstream_and_pool
from tests.fakes.upgrades import SWITCH_SPDY, spdy
from tests.fakes.upstream import FakeConnection, RecordingSink, answer, replying
from tests.fakes.waiting import steady, turns, until

BOTH_LOOPS = True
OK = answer(200, b"ok")
MEGABYTE = 1 << 20
ONE_READ = 256 * 1024
"""What a loop reads at once."""


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A server's and a client's TLS context."""
    return localhost_contexts(tmp_path_factory.mktemp("tls"))


def over(contexts: Contexts, transport: str) -> Contexts | None:
    """The contexts when the test runs over TLS."""
    return contexts if transport == "tls" else None


BOTH_TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body in parts."""
    for part in parts:
        yield part


class Counted:
    """A body without end, or of ``limit`` pieces, that counts what was taken from it."""

    def __init__(self, piece: bytes, limit: int | None = None) -> None:
        self.piece = piece
        self.limit = limit
        self.taken = 0
        self.closed = False

    def __aiter__(self) -> "Counted":
        return self

    async def __anext__(self) -> bytes:
        if self.taken == self.limit:
            raise StopAsyncIteration
        self.taken += 1
        await turns()
        return self.piece

    async def aclose(self) -> None:
        self.closed = True


class Blocked(Counted):
    """A body whose client sends nothing more."""

    async def __anext__(self) -> bytes:
        self.taken += 1
        await asyncio.Event().wait()
        return b""


class InTurns(RecordingSink):
    """Counts bytes by turns of the loop; ``stops`` once the flow where a turn has had enough."""

    def __init__(self, *, stops: bool) -> None:
        super().__init__(takes_lent=stops)
        self.turns = [0]
        self.size = 0
        self.stopped = asyncio.Event()
        self.stopped_at = 0
        self._stops = stops

    def data(self, chunk: Piece) -> None:
        super().data(chunk)
        if not self.turns[-1]:
            asyncio.get_running_loop().call_soon(self.turns.append, 0)
        self.turns[-1] += len(chunk)
        self.size += len(chunk)
        if self._stops and self.size >= MOST_A_TURN and not self.stopped.is_set():
            self.flow.pause()
            self.stopped_at = self.size
            self.stopped.set()


async def ask(
    pool: UpstreamPool, sink: RecordingSink | None = None, **fields: Any
) -> RecordingSink:
    """One round trip; its sink."""
    sink = sink or RecordingSink()
    await pool.round_trip(request(**fields), sink)
    return sink


class TestRequestBody:
    """Bodies on their way up."""

    @pytest.mark.parametrize(
        ("fields", "wire"),
        [
            ({"body": b"abc"}, b"abc"),
            ({"body": pieces(b"a", b"", b"bc"), "content_length": 3}, b"abc"),
            ({"body": pieces(b"a", b"", b"bc")}, b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
            ({"body": pieces()}, b"0\r\n\r\n"),
            ({"body": pieces(), "content_length": 0}, b""),
            ({"body": b"x" * 200_000}, b"x" * 200_000),
        ],
        ids=["bytes", "length", "chunked", "empty-chunked", "empty", "large-bytes"],
    )
    async def test_framing_on_the_wire(self, fields: dict[str, Any], wire: bytes) -> None:
        """A body goes up byte for byte in the framing its head announces."""
        if not isinstance(fields["body"], bytes):
            # Each loop needs an iterator of its own.
            parts = (b"a", b"", b"bc") if b"a" in wire else ()
            fields = {**fields, "body": pieces(*parts)}
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            await ask(pool, method=b"POST", **fields)
            await ask(pool)
            received = bytes(upstream.connections[0].received)
            assert received.split(b"\r\n\r\n", 1)[1].startswith(wire + b"GET ")

    async def test_small_body_and_head_are_one_segment(self) -> None:
        """A known small body costs no second write."""
        sizes = []

        async def script(connection: FakeConnection) -> None:
            await connection.until(lambda: bool(connection.received))
            sizes.append(len(connection.received))
            connection.send(OK)

        async with upstream_and_pool(script) as (upstream, pool):
            await ask(pool, method=b"POST", body=b"x" * 1000)
            assert sizes == [len(upstream.connections[0].received)]

    @pytest.mark.parametrize("parts", [(b"abc",), (b"a", b"bcdef"), ()], ids=repr)
    async def test_a_broken_promise_ends_the_connection(self, parts: tuple[bytes, ...]) -> None:
        """T218: a body longer or shorter than its Content-Length never passes for a request."""
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            with pytest.raises(UpstreamRequestError):
                await ask(pool, method=b"POST", body=pieces(*parts), content_length=4)
            await upstream.connections[0].wait_closed(1)
            assert len(upstream.connections[0].received.split(b"\r\n\r\n", 1)[1]) < 4

    async def test_errors_of_the_body_come_out(self) -> None:
        """What the client's side raises ends the round trip, with that very error."""

        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            raise ConnectionResetError("client gone")

        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            with pytest.raises(ConnectionResetError, match="client gone"):
                await ask(pool, method=b"POST", body=body())
            await upstream.connections[0].wait_closed(1)

    async def test_a_body_cancelled_from_elsewhere(self) -> None:
        """A body that is cancelled by its own side ends the exchange instead of hanging it."""

        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            raise asyncio.CancelledError

        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            with pytest.raises(UpstreamClosedEarly):
                await asyncio.wait_for(ask(pool, method=b"POST", body=body()), 2)
            await upstream.connections[0].wait_closed(1)

    async def test_an_early_answer_stops_the_body(self) -> None:
        """T217: an answer complete before the body ends it; the connection is not reused."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(answer(413, b"too large"))
            await connection.wait_eof()

        body = Counted(b"x" * 1000)
        async with upstream_and_pool(script) as (upstream, pool):
            sink = await ask(pool, method=b"POST", body=body)
            assert (sink.status, sink.body) == (413, b"too large")
            assert body.closed
            await upstream.connections[0].wait_closed(1)
            assert pool.stats.idle == 0

    async def test_an_early_answer_to_a_known_large_body(self) -> None:
        """T217: a connection with bytes of an answered request left to send is not reused."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.pause_reading()
            connection.send(answer(413, b"too large"))

        async with upstream_and_pool(script) as (upstream, pool):
            sink = await ask(pool, method=b"POST", body=b"x" * (32 * MEGABYTE))
            assert sink.status == 413
            assert pool.stats.idle == 0
            upstream.connections[0].resume_reading()
            await upstream.connections[0].wait_closed(1)

    async def test_an_early_answer_while_the_client_is_silent(self) -> None:
        """T217: nobody waits for a client's next byte once the answer is complete."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(answer(401, b""))

        body = Blocked(b"")
        async with upstream_and_pool(script) as (_, pool):
            sink = await asyncio.wait_for(ask(pool, method=b"POST", body=body), 2)
            assert sink.status == 401
            assert body.closed

    async def test_answer_begins_while_the_body_goes_on(self) -> None:
        """Both directions run at once: an answer's head does not stop the body."""
        began = asyncio.Event()

        async def script(connection: FakeConnection) -> None:
            await connection.read_until(b"begin\r\n")
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            await connection.read_until(b"0\r\n\r\n")
            connection.send(b"0\r\n\r\n")

        sink = RecordingSink()

        async def body() -> AsyncIterator[bytes]:
            yield b"begin"
            await sink.received.wait()
            began.set()
            yield b"end"

        async with upstream_and_pool(script) as (_, pool):
            await ask(pool, sink, method=b"POST", body=body())
            assert sink.body == b"ab"
            assert began.is_set()
            assert pool.stats.idle == 1

    @BOTH_TRANSPORTS
    async def test_an_upstream_that_does_not_read_stops_the_body(
        self, contexts: Contexts, transport: str
    ) -> None:
        """T203, T214: an endless body against a full upstream costs bounded memory."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.pause_reading()

        body = Counted(b"x" * 65536)
        async with upstream_and_pool(script, contexts=over(contexts, transport)) as (
            upstream,
            pool,
        ):
            asking = asyncio.create_task(ask(pool, method=b"POST", body=body))
            await upstream.until(lambda: bool(upstream.connections))
            await steady(lambda: body.taken, "pieces taken from the body")
            # Whatever the kernel takes (some MB), it does not go on.
            assert body.taken * 65536 < 64 * MEGABYTE
            active = next(iter(pool._connections))
            assert active.transport.get_write_buffer_size() <= 3 * 65536
            asking.cancel()
            await asyncio.wait((asking,))
            upstream.connections[0].resume_reading()
            assert body.closed

    @BOTH_TRANSPORTS
    async def test_a_large_body_arrives(self, contexts: Contexts, transport: str) -> None:
        """A body of 8 MB goes through the paused and resumed transport unharmed."""
        body = Counted(bytes(range(256)) * 512, 64)
        async with upstream_and_pool(replying(OK), contexts=over(contexts, transport)) as (
            upstream,
            pool,
        ):
            await ask(pool, method=b"PUT", body=body, content_length=64 * 131072)
            received = bytes(upstream.connections[0].received).split(b"\r\n\r\n", 1)[1]
            assert received == bytes(range(256)) * 512 * 64
            assert pool.stats.idle == 1


class TestResponseBody:
    """Bodies on their way down."""

    @BOTH_TRANSPORTS
    async def test_a_paused_sink_stops_the_upstream(
        self, contexts: Contexts, transport: str
    ) -> None:
        """T225: a large answer to a slow client: the upstream is not read, memory stays flat."""
        body = bytes(range(256)) * (32 * MEGABYTE // 256)

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            await connection.send_all(body)

        sink = RecordingSink(pause_at_head=True)
        async with upstream_and_pool(script, contexts=over(contexts, transport)) as (_, pool):
            asking = asyncio.create_task(ask(pool, sink))
            await asyncio.wait_for(sink.started.wait(), 5)
            await steady(lambda: len(sink.body), "bytes of the answer")
            assert len(sink.body) <= 512 * 1024
            sink.flow.resume()
            await asyncio.wait_for(asking, 30)
            assert sink.body == body
            assert pool.stats.idle == 1

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("stops", [False, True], ids=["taken", "stopped"])
    async def test_a_large_answer_in_turns(
        self, contexts: Contexts, transport: str, stops: bool
    ) -> None:
        """B1: no turn of the loop has more than a share of an answer that comes at once; a sink that
        stops the flow in such a turn has it stopped until it wants more.
        """
        body = bytes(range(256)) * (32 * MEGABYTE // 256)

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await connection.wait_closed(30)

        sink = InTurns(stops=stops)
        async with upstream_and_pool(script, contexts=over(contexts, transport)) as (_, pool):
            asking = asyncio.create_task(ask(pool, sink))
            if stops:
                await asyncio.wait_for(sink.stopped.wait(), 30)
                await steady(lambda: sink.size, "nothing more comes", looks=50)
                assert sink.size <= sink.stopped_at + ONE_READ
                sink.flow.resume()
            await asyncio.wait_for(asking, 30)
            assert sink.body == body
            assert max(sink.turns) < MOST_A_TURN + ONE_READ
            assert pool.stats.idle == 1
            is_uvloop = "uvloop" in type(asyncio.get_running_loop()).__module__
            assert (sink.lent > len(body) // 2) is (stops and is_uvloop and transport == "tls")

    @pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
    async def test_large_answers_between_small_ones(
        self, contexts: Contexts, chunked: bool
    ) -> None:
        """Of one connection, each answer comes whole, a large one in pieces of a bounded length."""
        large = bytes(range(256)) * (4 * MEGABYTE // 256)
        part = b"10000\r\n%b\r\n" % large[:65536]
        framed = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n"
            % (part * (len(large) // 65536))
            if chunked
            else answer(200, large)
        )

        async def script(connection: FakeConnection) -> None:
            for each in (OK, framed, OK, framed, OK):
                await connection.read_head()
                await connection.send_all(each)

        async with upstream_and_pool(script, contexts=contexts) as (upstream, pool):
            for wanted in (b"ok", large, b"ok", large, b"ok"):
                sink = await asyncio.wait_for(ask(pool), 30)
                assert sink.body == wanted
                # The first read may be as long as a loop reads at once.
                assert max(len(piece) for piece in sink.pieces[1:] or [b""]) <= PIECE
            assert len(upstream.connections) == 1

    async def test_a_watch_that_has_little_to_say_after_much(self, contexts: Contexts) -> None:
        """A connection that is read in pieces is read as it comes where little follows."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            await connection.send_all(b"z" * MEGABYTE)
            await until(lambda: len(sink.body) == MEGABYTE, "much comes", seconds=30)
            connection.send(b"z")

        sink = RecordingSink()
        async with upstream_and_pool(script, contexts=contexts) as (_, pool):
            asking = asyncio.create_task(ask(pool, sink))
            await until(lambda: len(sink.body) == MEGABYTE + 1, "all of it comes", seconds=30)
            connection = sink.flow._source
            assert connection.transport.get_protocol() is connection
            asking.cancel()
            await asyncio.wait((asking,))

    async def test_a_sink_left_paused_does_not_hurt_the_next_request(self) -> None:
        """An answer that ends while paused gives back a connection that is read again."""
        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            first = await ask(pool, RecordingSink(pause_at_head=True))
            # A late call belongs to nobody.
            first.flow.pause()
            second = await asyncio.wait_for(ask(pool), 2)
            assert second.body == b"ok"
            first.flow.pause()
            upstream.connections[0].close()
            await upstream.connections[0].wait_closed()
            await until(lambda: pool.stats.idle == 0, "the pool drops its connection")

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize(
        ("reply", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 40, b"x" * 40),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"abc"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", b"abc"),
        ],
        ids=["length", "chunks", "last-chunk"],
    )
    @pytest.mark.parametrize("end", ["close", "reset"])
    async def test_truncated(
        self, contexts: Contexts, transport: str, reply: bytes, body: bytes, end: str
    ) -> None:
        """T226, T227, T233: a body that breaks off is an error, never a clean end."""
        sink = RecordingSink()

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(reply)
            await sink.received.wait()
            getattr(connection, end)()

        async with upstream_and_pool(script, contexts=over(contexts, transport)) as (
            upstream,
            pool,
        ):
            with pytest.raises(UpstreamClosedEarly) as caught:
                await ask(pool, sink)
            assert sink.started.is_set()
            assert caught.value.any_response_byte
            assert sink.body == body
            assert len(upstream.connections) == 1

    @BOTH_TRANSPORTS
    async def test_unframed_body_ends_with_the_connection(
        self, contexts: Contexts, transport: str
    ) -> None:
        """A body without promised length is complete at the end of the stream."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
            connection.close()

        async with upstream_and_pool(script, contexts=over(contexts, transport)) as (_, pool):
            sink = await ask(pool)
            assert sink.body == b"abc"
            assert pool.stats.idle == 0

    async def test_an_unframed_body_cut_by_a_reset_is_truncated(self) -> None:
        """T233: RST is not an end of stream."""
        sink = RecordingSink()

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            connection.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
            await sink.received.wait()
            connection.reset()

        async with upstream_and_pool(script) as (_, pool):
            with pytest.raises(UpstreamClosedEarly):
                await ask(pool, sink)
            assert sink.started.is_set()

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    async def test_dripped(self, size: int) -> None:
        """However the upstream's segments are cut, the answers are the same."""
        reply = (
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        )

        async def script(connection: FakeConnection) -> None:
            for _ in range(2):
                await connection.read_head()
                await connection.drip(reply, size)

        async with upstream_and_pool(script) as (upstream, pool):
            for _ in range(2):
                sink = await ask(pool)
                assert sink.body == b"abcde"
            assert len(upstream.connections) == 1

    async def test_errors_of_the_sink_come_out(self) -> None:
        """What the sink raises ends the round trip and drops the connection."""

        class Broken(RecordingSink):
            def data(self, chunk: Piece) -> None:
                raise ValueError("client gone")

        async with upstream_and_pool(replying(OK)) as (upstream, pool):
            with pytest.raises(ValueError, match="client gone"):
                await ask(pool, Broken())
            await upstream.connections[0].wait_closed(1)

    async def test_protocol_error_inside_a_body(self) -> None:
        """T114: a broken chunk after a good head: the client's stream can only be cut."""
        reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
        sink = RecordingSink()
        async with upstream_and_pool(replying(reply)) as (upstream, pool):
            with pytest.raises(UpstreamProtocolError):
                await ask(pool, sink)
            assert sink.started.is_set()
            await upstream.connections[0].wait_closed(1)


LENGTH = b"Content-Length: 40000\r\n\r\n" + b"z" * 40_000
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n4e20\r\n%b\r\n4e20\r\n%b\r\n0\r\n\r\n" % (
    (b"z" * 20_000,) * 2
)


async def body_of(upstream: EndingUpstream, *, pauses: bool) -> bytes:
    """What comes of an answer behind which the upstream ends; if it ``pauses``, not read before."""
    pool = UpstreamPool(upstream, limits=UpstreamLimits())
    sink = RecordingSink(pause_at_head=pauses)
    asking = asyncio.create_task(ask(pool, sink))
    await sink.started.wait()
    await upstream.ended.wait()
    await turns(20)
    sink.flow.resume()
    await asking
    await pool.close()
    return sink.body


class TestEnding:
    """An upstream whose end comes with its last bytes, while they are not read."""

    @pytest.mark.parametrize("says_goodbye", [True, False], ids=["goodbye", "cut"])
    @pytest.mark.parametrize("framing", [LENGTH, CHUNKS], ids=["length", "chunks"])
    @pytest.mark.parametrize("pauses", [True, False], ids=["paused", "read"])
    async def test_all_of_an_answer_comes(
        self, contexts: Contexts, framing: bytes, pauses: bool, says_goodbye: bool
    ) -> None:
        """What waited, too: uvloop drops it at the end of the stream."""
        whole = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + framing
        async with ending_upstream(whole, contexts, says_goodbye=says_goodbye) as upstream:
            assert await body_of(upstream, pauses=pauses) == b"z" * 40_000

    async def test_until_the_end(self, contexts: Contexts) -> None:
        """A body without a length ends where its upstream says goodbye."""
        whole = b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 40_000
        async with ending_upstream(whole, contexts, says_goodbye=True) as upstream:
            assert await body_of(upstream, pauses=True) == b"z" * 40_000

    async def test_bytes_behind_a_switch(self, contexts: Contexts) -> None:
        """They wait for the tunnel, and reach it before its end."""
        whole = SWITCH_SPDY + b"z" * 40_000
        async with ending_upstream(whole, contexts, says_goodbye=True) as upstream:
            pool = UpstreamPool(upstream, limits=UpstreamLimits())
            switched = await pool.upgrade(spdy(), RecordingSink())
            assert isinstance(switched, Switched)
            await upstream.ended.wait()
            await turns(20)
            receiver = Receiver()
            receiver.received += switched.upstream.start_tunnel(receiver)
            assert switched.transport is not None
            switched.transport.resume_reading()
            await until(lambda: receiver.ends >= 1, "the end of the tunnel")
            assert receiver.received == b"z" * 40_000
            switched.abort()
            await pool.close()


class Receiver:
    """Keeps what comes through a tunnel."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.ends = 0

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        self.ends += 1
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        self.ends += 1

    def pause_writing(self) -> None:
        """Nothing is written."""

    def resume_writing(self) -> None:
        """Nothing is written."""


class TestCancellation:
    """Who leaves takes the upstream connection along."""

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("when", ["unanswered", "watching", "paused", "sending"])
    async def test_closes_the_upstream_within_a_second(
        self, contexts: Contexts, transport: str, when: str
    ) -> None:
        """T207: cancelling a round trip drops its connection at once and leaves no task."""
        asked = asyncio.Event()
        sink = RecordingSink(pause_at_head=when == "paused")
        body = Blocked(b"") if when == "sending" else None

        async def script(connection: FakeConnection) -> None:
            await connection.read_head()
            if when in ("watching", "paused"):
                connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                await sink.started.wait()
            asked.set()

        async with upstream_and_pool(script, contexts=over(contexts, transport)) as (
            upstream,
            pool,
        ):
            asking = asyncio.create_task(ask(pool, sink, body=body))
            await asyncio.wait_for(asked.wait(), 5)
            asking.cancel()
            await asyncio.wait((asking,))
            assert asking.cancelled()
            await upstream.connections[0].wait_closed(1)
            await until(lambda: pool.stats.active == 0, "no connection is in use")
            assert pool.stats.idle == 0
            assert body is None or body.closed

    async def test_at_the_very_end(self) -> None:
        """Cancelled in the turn in which the answer completes: aborted or reused, never lost."""
        async with upstream_and_pool(replying(OK)) as (_, pool):
            for _ in range(20):
                sink = RecordingSink()
                asking = asyncio.create_task(ask(pool, sink))
                await asyncio.wait_for(sink.received.wait(), 5)
                asking.cancel()
                await asyncio.wait((asking,))
            await until(lambda: pool.stats.active == 0, "no connection is in use")
            assert (await ask(pool)).body == b"ok"
