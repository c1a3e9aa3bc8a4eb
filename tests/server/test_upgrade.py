"""server/upgrade.py: which 101 is one, and two connections tied together."""

import asyncio
import hashlib
import random
from contextlib import asynccontextmanager

import pytest

from auditproxy.server.upgrade import (
    NotSwitched,
    Switched,
    TunnelCounts,
    is_upgrade_protocol,
    switch_fault,
    tie,
    websocket_accept,
)
from auditproxy.server.upstream import (
    UpstreamClosedEarly,
    UpstreamProtocolError,
    UpstreamRequestError,
    UpstreamTimeout,
)
from auditproxy.server.upstream_framing import read_head
from tests.fakes.certificates import localhost_contexts
from tests.fakes.pools import HOST, request, upstream_and_pool
from tests.fakes.upstream import RecordingSink, answer, dial

BOTH_LOOPS = True
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH_WEBSOCKET = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)
SWITCH_SPDY = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
)
BOTH_TRANSPORTS = pytest.mark.parametrize("transport", ["tcp", "tls"])


@pytest.fixture(scope="session")
def contexts(tmp_path_factory):
    """A server's and a client's TLS context."""
    return localhost_contexts(tmp_path_factory.mktemp("tls"))


def over(contexts, transport):
    """The contexts when the test runs over TLS."""
    return contexts if transport == "tls" else None


def websocket(**fields):
    """An exec by WebSocket."""
    headers = (HOST, (b"Sec-WebSocket-Key", KEY), (b"Sec-WebSocket-Version", b"13"))
    return request(**{"headers": headers, "upgrade": b"websocket", **fields})


def spdy(**fields):
    """An exec by SPDY."""
    return request(**{"method": b"POST", "upgrade": b"SPDY/3.1", **fields})


def switching(reply=SWITCH_SPDY):
    """An upstream that answers every upgrade so."""

    async def script(connection):
        await connection.read_request()
        connection.send(reply)

    return script


class TestVerification:
    """What a 101 must say before bytes are joined."""

    def test_accept_is_that_of_the_rfc(self):
        """The example of RFC 6455, section 1.3."""
        assert websocket_accept(KEY) == ACCEPT

    @pytest.mark.parametrize(
        ("token", "allowed"),
        [
            (b"websocket", True),
            (b"WebSocket", True),
            (b"SPDY/3.1", True),
            (b"spdy/3.1", True),
            (b"h2c", False),
            (b"TLS/1.0", False),
            (b"foo", False),
            (b"websocket, h2c", False),
            (b"SPDY/3", False),
            (b"", False),
        ],
    )
    def test_allow_list(self, token, allowed):
        """T195: WebSocket and SPDY/3.1, nothing else."""
        assert is_upgrade_protocol(token) is allowed

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
    def test_rows(self, asked, reply, fault):
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
    async def test_switched(self, contexts, transport, asked, reply, wire):
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
    async def test_other_protocols_never_leave(self, token):
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
    async def test_invalid_answers(self, reply):
        """T190: what is neither a switch nor a final answer is an error; nothing of it is passed on."""
        sink = RecordingSink()
        async with upstream_and_pool(switching(reply)) as (upstream, pool):
            with pytest.raises(UpstreamProtocolError) as caught:
                await pool.upgrade(spdy(), sink)
            assert not caught.value.response_started
            assert sink.response is None
            await upstream.connections[0].wait_closed(1)

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("status", [200, 201, 302, 400, 403, 404, 500, 503])
    async def test_not_switched(self, contexts, transport, status):
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

    async def test_an_answer_takes_its_time(self):
        """A1: once an answer has begun it is one like any other, however long and slow."""
        go_on = asyncio.Event()

        async def slow(connection):
            await connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000001\r\n\r\nx")
            await go_on.wait()
            await connection.send_all(b"x" * 2_000_000)

        class Sink(RecordingSink):
            def head(self, head, flow):
                super().head(head, flow)
                # Beyond the handshake's deadline.
                asyncio.get_running_loop().call_later(0.3, go_on.set)

        sink = Sink()
        async with upstream_and_pool(slow, upgrade_timeout=0.1) as (_, pool):
            assert isinstance(await pool.upgrade(spdy(), sink), NotSwitched)
            assert len(sink.body) == 2_000_001

    async def test_without_a_deadline(self):
        """A1: the caller of a short request bounds it itself."""
        go_on = asyncio.Event()

        async def slow(connection):
            await connection.read_request()
            await go_on.wait()
            connection.send(answer(200, b"late"))

        async with upstream_and_pool(slow, upgrade_timeout=0.05) as (_, pool):
            asyncio.get_running_loop().call_later(0.2, go_on.set)
            sink = RecordingSink()
            got = await pool.upgrade(spdy(), sink, handshake_deadline=False)
            assert (got.head.status, sink.body) == (200, b"late")

    async def test_the_handshake_has_a_deadline(self):
        """T205: an upstream that does not answer is a timeout, and its socket is freed."""

        async def silent(connection):
            await connection.read_request()

        async with upstream_and_pool(silent, upgrade_timeout=0.1) as (upstream, pool):
            with pytest.raises(UpstreamTimeout) as caught:
                await pool.upgrade(spdy(), RecordingSink())
            assert not caught.value.response_started
            await upstream.connections[0].wait_closed(1)

    async def test_never_sent_again(self):
        """T231: an upgrade whose connection dies is an error, also for GET."""

        async def dying(connection):
            await connection.read_request()
            connection.close()

        async with upstream_and_pool(dying) as (upstream, pool):
            with pytest.raises(UpstreamClosedEarly):
                await pool.upgrade(websocket(), RecordingSink())
            assert len(upstream.connections) == 1

    async def test_the_body_goes_before_the_switch(self):
        """T198: an upgrade by POST with a body: all of it arrives, then the switch counts."""
        async with upstream_and_pool(switching()) as (upstream, pool):
            switched = await pool.upgrade(spdy(body=b"stdin"), RecordingSink())
            assert bytes(upstream.connections[0].received).endswith(b"\r\n\r\nstdin")
            switched.abort()

    async def test_a_switch_inside_the_body_is_an_error(self):
        """A 101 that comes before the request is complete would mix body and tunnel."""

        async def hasty(connection):
            await connection.read_head()
            connection.send(SWITCH_SPDY)

        async def body():
            yield b"x"
            await asyncio.Event().wait()

        async with upstream_and_pool(hasty) as (upstream, pool):
            with pytest.raises(UpstreamProtocolError, match="within the request"):
                await pool.upgrade(spdy(body=body()), RecordingSink())
            await upstream.connections[0].wait_closed(1)

    async def test_cancelled(self):
        """Who leaves during the handshake takes the connection along."""

        async def silent(connection):
            await connection.read_request()
            asked.set()

        asked = asyncio.Event()
        async with upstream_and_pool(silent) as (upstream, pool):
            asking = asyncio.create_task(pool.upgrade(spdy(), RecordingSink()))
            await asyncio.wait_for(asked.wait(), 5)
            asking.cancel()
            await asyncio.wait((asking,))
            await upstream.connections[0].wait_closed(1)


class ClientEnd(asyncio.Protocol):
    """The proxy's side of a client's connection, holding what comes before the tunnel."""

    def __init__(self, arrived):
        self.transport = None
        self.held = b""
        self.receiver = None
        self.arrived = arrived

    def start_tunnel(self, receiver):
        self.receiver = receiver
        held, self.held = self.held, b""
        return held

    def connection_made(self, transport):
        self.transport = transport
        self.arrived.set_result(self)

    def data_received(self, data):
        if self.receiver is None:
            self.held += data
        else:
            self.receiver.data_received(data)

    def eof_received(self):
        return self.receiver.eof_received() if self.receiver else False

    def connection_lost(self, exc):
        self.transport = None
        if self.receiver is not None:
            self.receiver.connection_lost(exc)

    def pause_writing(self):
        if self.receiver is not None:
            self.receiver.pause_writing()

    def resume_writing(self):
        if self.receiver is not None:
            self.receiver.resume_writing()


@asynccontextmanager
async def ends(contexts, script=None, client_early=b""):
    """A raw client, its end at the proxy, a switched upstream, and the upstream's raw end."""
    loop = asyncio.get_running_loop()
    server_context, client_context = contexts or (None, None)
    arrived = loop.create_future()
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
    async def test_ten_megabytes_each_way(self, contexts, transport):
        """T188, T189: 10 MB each way at once arrive byte for byte and are counted."""
        up, down = random.Random(1).randbytes(10 << 20), random.Random(2).randbytes(10 << 20)

        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched))
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
            counts = await asyncio.wait_for(tying, 3)
            assert counts == TunnelCounts(from_client=len(up), from_upstream=len(down))
            await upstream.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_early_bytes_of_both_sides_come_first(self, contexts, transport):
        """T193, T194: what came with the request and with the 101 is delivered, in order."""

        async def script(connection):
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
            tying = asyncio.create_task(tie(end, switched))
            assert await client.read(20) == b"early down,late down"
            assert await upstream.read(16) == b"early up,late up"
            tying.cancel()
            await asyncio.wait((tying,))

    @BOTH_TRANSPORTS
    async def test_small_frames_keep_their_order(self, contexts, transport):
        """T204: 10 000 tiny frames each way, none lost, none reordered."""
        frames = [b"%05d" % i for i in range(10_000)]

        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched))
            for frame in frames:
                client.send(frame)
                upstream.send(frame)
            assert await upstream.read(50_000) == b"".join(frames)
            assert await client.read(50_000) == b"".join(frames)
            tying.cancel()
            await asyncio.wait((tying,))

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("slow", ["client", "upstream"])
    async def test_a_side_that_does_not_read_stops_the_other(self, contexts, transport, slow):
        """T203: memory stays bounded, the fast side is not read, and all arrives in the end."""
        data = bytes(range(256)) * (32 << 12)

        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched))
            stopped, feeding = (client, upstream) if slow == "client" else (upstream, client)
            begin = len(stopped.received)
            stopped.pause_reading()
            sending = asyncio.create_task(feeding.send_all(data))
            buffered = end.transport if slow == "client" else switched.transport
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
    async def test_half_close_is_passed_on(self, first):
        """T202: end of stdin reaches the far side and its output still comes back."""
        async with ends(None) as (client, end, switched, upstream):
            client.keep_open_after_eof = upstream.keep_open_after_eof = True
            tying = asyncio.create_task(tie(end, switched))
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
            counts = await asyncio.wait_for(tying, 2)
            assert counts.from_client + counts.from_upstream == 16
            one.close()
            other.close()

    @BOTH_TRANSPORTS
    @pytest.mark.parametrize("first", ["client", "upstream"])
    @pytest.mark.parametrize("how", ["close", "reset"])
    async def test_one_side_ends(self, contexts, transport, first, how):
        """T201: the other side gets what was sent and is closed within a second, once."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched))
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
    async def test_both_end_at_once(self, contexts, transport):
        """T201: both sides closing in the same moment is one end."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched))
            client.close()
            upstream.close()
            assert await asyncio.wait_for(tying, 2) == TunnelCounts(0, 0)

    async def test_a_side_that_reads_no_more_cannot_hold_the_end(self):
        """T201: after one side ended, a stalled other side is dropped within the second."""
        async with ends(None) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched, linger=0.2))
            client.pause_reading()
            async with asyncio.timeout(10):
                # Fill the kernel's buffers until a little stays in ours: not enough to
                # pause the upstream, so that its end is noticed, but it cannot be flushed.
                while not (stuck := end.transport and end.transport.get_write_buffer_size()):
                    upstream.send(b"x" * 16384)
                    await asyncio.sleep(0.001)
            assert stuck <= 65536
            upstream.reset()
            await asyncio.wait_for(tying, 2)
            client.resume_reading()
            await client.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_cancelled(self, contexts, transport):
        """Cancelling a tunnel drops both connections at once."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            tying = asyncio.create_task(tie(end, switched))
            client.send(b"x")
            await upstream.read_until(b"x")
            tying.cancel()
            await asyncio.wait((tying,))
            assert tying.cancelled()
            await client.wait_closed(1)
            await upstream.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_the_client_left_before(self, contexts, transport):
        """A client that is gone when the upstream switches: the upstream is closed."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            client.reset()
            await client.wait_closed()
            while end.transport is not None:
                await asyncio.sleep(0)
            await asyncio.wait_for(tie(end, switched), 2)
            await upstream.wait_closed(1)

    @BOTH_TRANSPORTS
    async def test_the_upstream_left_before(self, contexts, transport):
        """An upstream that is gone when the tunnel starts: the client is closed."""
        async with ends(over(contexts, transport)) as (client, end, switched, upstream):
            switched.abort()
            await upstream.wait_closed()
            await asyncio.wait_for(tie(end, switched), 2)
            await client.wait_closed(1)


def digest(data):
    """Equal for equal bytes; pytest need not print megabytes."""
    return hashlib.sha256(data).hexdigest()


async def until_full(transport, seconds=10):
    """Wait until the transport's write buffer is over its limit and has stopped growing."""
    async with asyncio.timeout(seconds):
        same, last = 0, -1
        while same < 50 or not last:
            await asyncio.sleep(0.002)
            size = transport.get_write_buffer_size()
            same, last = (same + 1, last) if size == last else (0, size)
