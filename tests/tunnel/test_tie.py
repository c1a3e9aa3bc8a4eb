"""tunnel/tie.py: two connections tied together."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from auditproxy.tunnel.tie import TunnelReceiver, tie
from auditproxy.upstream.switching import Switched
from tests.fakes.certificates import Contexts, localhost_contexts
from tests.fakes.pools import upstream_and_pool
from tests.fakes.upgrades import SWITCH_SPDY, over, spdy, switching
from tests.fakes.upstream import FakeConnection, RecordingSink, Script, dial
from tests.fakes.waiting import pause, steady, until

BOTH_LOOPS = True
BOTH_TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A server's and a client's TLS context."""
    return localhost_contexts(tmp_path_factory.mktemp("tls"))


class ClientEnd(asyncio.Protocol):
    """The proxy's side of a client's connection, holding what comes before the tunnel."""

    def __init__(self, arrived: "asyncio.Future[ClientEnd]") -> None:
        self.transport: asyncio.Transport | None = None
        self.held = b""
        self.receiver: TunnelReceiver | None = None
        self.arrived = arrived

    def start_tunnel(self, receiver: TunnelReceiver) -> bytes:
        self.receiver = receiver
        held, self.held = self.held, b""
        return held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self.transport = cast(asyncio.Transport, transport)
        self.arrived.set_result(self)

    def data_received(self, data: bytes) -> None:
        if self.receiver is None:
            self.held += data
        else:
            self.receiver.data_received(data)

    def eof_received(self) -> bool | None:
        return self.receiver.eof_received() if self.receiver else False

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.receiver is not None:
            self.receiver.connection_lost(exc)

    def pause_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.pause_writing()

    def resume_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.resume_writing()


@asynccontextmanager
async def ends(
    contexts: Contexts | None, script: Script | None = None, client_early: bytes = b""
) -> AsyncIterator[tuple[FakeConnection, "ClientEnd", Switched, FakeConnection]]:
    """A raw client, its end at the proxy, a switched upstream, and the upstream's raw end."""
    loop = asyncio.get_running_loop()
    server_context, client_context = contexts or (None, None)
    arrived: asyncio.Future[ClientEnd] = loop.create_future()
    listening = await loop.create_server(
        lambda: ClientEnd(arrived), "127.0.0.1", 0, ssl=server_context
    )
    async with upstream_and_pool(script or switching(), contexts=contexts) as (upstream, pool):
        port = listening.sockets[0].getsockname()[1]
        client = await dial("127.0.0.1", port, context=client_context)
        if client_early:
            client.send(client_early)
        end = await arrived
        switched = await pool.upgrade(spdy(), RecordingSink())
        assert isinstance(switched, Switched)
        try:
            yield client, end, switched, upstream.connections[0]
        finally:
            switched.abort()
            await client.stop()
            listening.close()
    await listening.wait_closed()


class TestTie:
    """Bytes through the tunnel."""

    @BOTH_TRANSPORTS
    async def test_ten_megabytes_each_way(self, contexts: Contexts, transport: str) -> None:
        """T188, T189: 10 MB each way at once arrive byte for byte and are counted."""
        up, down = random.Random(1).randbytes(10 << 20), random.Random(2).randbytes(10 << 20)

        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream))
            begin = len(upstream.received)
            await asyncio.gather(
                client.send_all(up),
                upstream.send_all(down),
                client.until(lambda: len(client.received) >= len(down), 30),
                upstream.until(lambda: len(upstream.received) >= begin + len(up), 30),
            )
            assert digest(client.received) == digest(down)
            assert digest(upstream.received[begin:]) == digest(up)
            client.close()
            await asyncio.wait_for(tying, 3)
            await upstream.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_early_bytes_of_both_sides_come_first(
        self, contexts: Contexts, transport: str
    ) -> None:
        """T193, T194: what came with the request and with the 101 is delivered, in order."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.send(SWITCH_SPDY + b"early down,")

        async with ends(over(contexts, transport), script, client_early=b"early up,") as (
            client,
            end,
            switched,
            upstream,
        ):
            upstream.send(b"late down")
            client.send(b"late up")
            tying = asyncio.create_task(tie(end, switched.upstream))
            assert await client.read(20) == b"early down,late down"
            assert await upstream.read(16) == b"early up,late up"
            tying.cancel()
            await asyncio.wait((tying,))

    @BOTH_TRANSPORTS
    async def test_small_frames_keep_their_order(self, contexts: Contexts, transport: str) -> None:
        """T204: 10 000 tiny frames each way, none lost, none reordered."""
        frames = [b"%05d" % i for i in range(10_000)]

        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream))
            for frame in frames:
                client.send(frame)
                upstream.send(frame)
            assert await upstream.read(50_000) == b"".join(frames)
            assert await client.read(50_000) == b"".join(frames)
            tying.cancel()
            await asyncio.wait((tying,))

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("slow", ["client", "upstream"])
    async def test_a_side_that_does_not_read_stops_the_other(
        self, contexts: Contexts, transport: str, slow: str
    ) -> None:
        """T203: memory stays bounded, the fast side is not read, and all arrives in the end."""
        data = bytes(range(256)) * (32 << 12)

        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream))
            stopped, feeding = (client, upstream) if slow == "client" else (upstream, client)
            begin = len(stopped.received)
            stopped.pause_reading()
            sending = asyncio.create_task(feeding.send_all(data))
            buffered = end.transport if slow == "client" else switched.transport
            assert buffered is not None
            await until_full(buffered)
            assert buffered.get_write_buffer_size() <= 512 * 1024
            assert not sending.done()
            stopped.resume_reading()
            await stopped.until(lambda: len(stopped.received) - begin >= len(data), 30)
            assert digest(stopped.received[begin:]) == digest(data)
            await sending
            tying.cancel()
            await asyncio.wait((tying,))


class TestEnd:
    """How a tunnel ends."""

    @pytest.mark.parametrize("first", ["client", "upstream"])
    async def test_half_close_is_passed_on(self, first: str) -> None:
        """T202: end of stdin reaches the far side and its output still comes back."""
        async with ends(None) as (client, end, switched, upstream):
            client.keep_open_after_eof = upstream.keep_open_after_eof = True
            tying = asyncio.create_task(tie(end, switched.upstream))
            one, other = (client, upstream) if first == "client" else (upstream, client)
            begin = len(other.received)
            one.send(b"last words")
            one.write_eof()
            await other.wait_eof()
            assert bytes(other.received[begin:]) == b"last words"
            assert not tying.done()
            begin = len(one.received)
            other.send(b"output")
            other.write_eof()
            await one.wait_eof()
            assert bytes(one.received[begin:]) == b"output"
            await asyncio.wait_for(tying, 2)
            one.close()
            other.close()

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("first", ["client", "upstream"])
    @pytest.mark.parametrize("how", ["close", "reset"])
    async def test_one_side_ends(
        self, contexts: Contexts, transport: str, first: str, how: str
    ) -> None:
        """T201: the other side gets what was sent and is closed within a second, once."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream))
            one, other = (client, upstream) if first == "client" else (upstream, client)
            begin = len(other.received)
            one.send(b"x" * 100_000)
            if how == "reset":
                await other.until(lambda: len(other.received) - begin == 100_000)
            getattr(one, how)()
            await other.wait_closed(1.5)
            assert len(other.received) - begin == 100_000
            await asyncio.wait_for(tying, 2)

    @BOTH_TRANSPORTS
    async def test_both_end_at_once(self, contexts: Contexts, transport: str) -> None:
        """T201: both sides closing in the same moment is one end."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream))
            client.close()
            upstream.close()
            await asyncio.wait_for(tying, 2)

    async def test_a_side_that_reads_no_more_cannot_hold_the_end(self) -> None:
        """T201: after one side ended, a stalled other side is dropped within the second."""
        async with ends(None) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream, linger=0.2))
            client.pause_reading()
            async with asyncio.timeout(10):
                # Fill the kernel's buffers until a little stays in ours: not enough to
                # pause the upstream, so that its end is noticed, but it cannot be flushed.
                while not (stuck := end.transport and end.transport.get_write_buffer_size()):
                    upstream.send(b"x" * 16384)
                    await pause(0.001)
            assert stuck <= 65536
            upstream.reset()
            await asyncio.wait_for(tying, 2)
            client.resume_reading()
            await client.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_cancelled(self, contexts: Contexts, transport: str) -> None:
        """Cancelling a tunnel drops both connections at once."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream))
            client.send(b"x")
            await upstream.read_until(b"x")
            tying.cancel()
            await asyncio.wait((tying,))
            assert tying.cancelled()
            await client.wait_closed(1)
            await upstream.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_the_client_left_before(self, contexts: Contexts, transport: str) -> None:
        """A client that is gone when the upstream switches: the upstream is closed."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            client.reset()
            await client.wait_closed()
            await until(lambda: end.transport is None, "the client's end is noticed")
            await asyncio.wait_for(tie(end, switched.upstream), 2)
            await upstream.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_the_upstream_left_before(self, contexts: Contexts, transport: str) -> None:
        """An upstream that is gone when the tunnel starts: the client is closed."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            switched.abort()
            await upstream.wait_closed()
            await asyncio.wait_for(tie(end, switched.upstream), 2)
            await client.wait_closed(1)


def digest(data: bytes | bytearray) -> str:
    """Equal for equal bytes; pytest need not print megabytes."""
    return hashlib.sha256(data).hexdigest()


async def until_full(transport: asyncio.WriteTransport, seconds: float = 10) -> None:
    """Wait until the transport's write buffer is over its limit and has stopped growing."""
    size = transport.get_write_buffer_size
    await until(lambda: size() > 0, "the write buffer fills", seconds=seconds)
    await steady(size, "the write buffer", looks=100, seconds=seconds)


class Listening:
    """A tap that keeps what it sees, and whether the other side had it before."""

    def __init__(self) -> None:
        self.client = b""
        self.upstream = b""
        self.hold: Callable[[bool], None] = lambda _: None

    def tied(self, hold: Callable[[bool], None]) -> None:
        self.hold = hold

    def from_client(self, data: bytes) -> None:
        self.client += data

    def from_upstream(self, data: bytes) -> None:
        self.upstream += data


class TestTap:
    """Who listens sees every byte, in order, and can stop the container's side alone."""

    @BOTH_TRANSPORTS
    async def test_it_sees_both_directions(self, contexts: Contexts, transport: str) -> None:
        """What came with the request and with the 101 is seen first."""

        async def script(connection: FakeConnection) -> None:
            await connection.read_request()
            connection.send(SWITCH_SPDY + b"early down,")

        tap = Listening()
        async with ends(over(contexts, transport), script, client_early=b"early up,") as (
            client,
            end,
            switched,
            upstream,
        ):
            upstream.send(b"late down")
            client.send(b"late up")
            tying = asyncio.create_task(tie(end, switched.upstream, tap=tap))
            assert await client.read(20) == b"early down,late down"
            assert await upstream.read(16) == b"early up,late up"
            assert (tap.client, tap.upstream) == (b"early up,late up", b"early down,late down")
            tying.cancel()
            await asyncio.wait((tying,))

    @BOTH_TRANSPORTS
    async def test_held(self, contexts: Contexts, transport: str) -> None:
        """While it holds, neither side is read; what was sent meanwhile comes afterwards."""
        tap = Listening()
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched.upstream, tap=tap))
            upstream.send(b"a")
            assert await client.read(1) == b"a"
            tap.hold(True)
            upstream.send(b"b")
            client.send(b"input")
            await steady(lambda: len(tap.client) + len(tap.upstream), "what is read while it holds")
            assert (tap.client, tap.upstream) == (b"", b"a")
            tap.hold(False)
            assert await client.read(1) == b"b"
            assert await upstream.read(5) == b"input"
            tying.cancel()
            await asyncio.wait((tying,))
