"""Requests past the connection's loop: what is offered, and what comes before, between and behind."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.downstream.clientrequest import ClientRequest, new_parser
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import Answered
from auditproxy.downstream.server import ClientServer
from auditproxy.request.headers import ClientHeaders
from auditproxy.server.short.shorttarget import parse_line
from tests.fakes.bothways import OK, POD, PROBED, Scene, both, scene
from tests.fakes.proxy import BOB, request
from tests.fakes.upstream import FakeConnection
from tests.fakes.waiting import turns, until

BOTH_LOOPS = True

GET = request()
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
TYPE = "Content-Type: application/json"
PUT = request("PUT", LEASE, TYPE, body=b'{"kind":"Lease"}')


# --- what comes behind ------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 100])
async def test_pipelined(tmp_path: Path, count: int) -> None:
    """Requests in one segment are answered in their order, and recorded in it."""
    raws = [request("GET", f"/api/v1/pods/{number}") for number in range(count)]

    async def play(scene: Scene) -> None:
        for _ in range(2):
            await scene.ask(raws[0])
        scene.client.send(b"".join(raws))
        await scene.answered(count)

    seen = await both(tmp_path, [], play)
    uris = [e["requestURI"] for e in seen.events[4:-2] if e["stage"] == "ResponseComplete"]
    assert uris == [f"/api/v1/pods/{number}" for number in range(count)]


BEHIND: dict[str, bytes | tuple[bytes, ...]] = {
    "one": GET,
    "several": GET * 5 + PUT + request("GET", "/api/v1/pods", token=BOB),
    "a hundred": GET * 100,
    "half a head": GET[:20],
    "a head in two": (GET[:20], GET[20:]),
    "a body in two": (PUT[:-5], PUT[-5:]),
    "garbage": b"\x00\x01\x02\r\n\r\n",
    "a refused head": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "empty lines": b"\r\n\r\n" + GET,
    "one that closes": request("GET", "/api", "Connection: close") + GET,
    "chunks": request("POST", LEASE, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n" + GET,
}


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("name", BEHIND)
async def test_behind(tmp_path: Path, name: str, raw: bytes) -> None:
    """Whatever comes while a request is under way waits for its turn."""
    behind = BEHIND[name]
    parts = (behind,) if isinstance(behind, bytes) else behind
    answers = {"several": 7, "a hundred": 100, "chunks": 2, "half a head": 0}.get(name, 1)
    asked, released = asyncio.Event(), asyncio.Event()

    async def waits(connection: FakeConnection) -> None:
        asked.set()
        await released.wait()
        connection.send(OK)

    async def play(scene: Scene) -> None:
        asked.clear()
        released.clear()
        await scene.ask(raw)
        scene.client.send(raw)
        await asked.wait()
        for part in parts:
            await scene.client.drip(part, len(part))
        released.set()
        await scene.answered(1 + answers)

    await both(tmp_path, [OK, waits], play)


async def test_segments(tmp_path: Path) -> None:
    """A request in two segments, wherever it is cut, between requests of one."""

    async def play(scene: Scene) -> None:
        for cut in range(1, len(PUT), 7):
            await scene.ask(PUT)
            await scene.client.drip(PUT[:cut], cut)
            await scene.client.drip(PUT[cut:], len(PUT))
            await scene.answered()

    await both(tmp_path, [], play, took=20)


# --- the end of a connection --------------------------------------------------------------


async def test_idle_connections_end(tmp_path: Path) -> None:
    """A connection that is idle behind a short request is closed in its time, not while one runs."""
    asked, released = asyncio.Event(), asyncio.Event()

    async def waits(connection: FakeConnection) -> None:
        asked.set()
        await released.wait()
        connection.send(OK)

    async with scene(tmp_path, [OK, OK, waits], short=True) as (of, _):
        await of.ask(GET)
        await of.ask(GET)
        (connection,) = of.proxy.proxy._serving.server.connections
        connection._keepalive_timeout = 0.05
        of.client.send(GET)
        await asked.wait()
        # Its time is over twice: once by the timer that was set before, once by a second one.
        connection._process_keepalive()
        connection._next_keepalive_close_time = 0.0
        connection._process_keepalive()
        assert not of.client.closed.is_set()
        released.set()
        await of.answered()
        assert of.handler.short.taken == 2
        await of.client.wait_closed()
        assert of.client.received.count(POD) == 3


class Stopping:
    """A proxy that stops while a short request is under way."""

    def __init__(self) -> None:
        self.asked, self.released = asyncio.Event(), asyncio.Event()

    async def script(self, connection: FakeConnection) -> None:
        """Answer once released."""
        self.asked.set()
        await self.released.wait()
        if not connection.closed.is_set():
            connection.send(OK)


@pytest.mark.parametrize("end", ["answered", "client leaves", "too late"])
async def test_stop(tmp_path: Path, end: str) -> None:
    """T184: a stop waits for a short request, until it is answered or its client has left."""
    stopping = Stopping()
    async with scene(tmp_path, [OK, stopping.script], short=True) as (of, said):
        await of.ask(GET)
        of.client.send(GET)
        await stopping.asked.wait()
        serving, loop = of.proxy.proxy._serving, asyncio.get_running_loop()
        (connection,) = serving.server.connections
        started = loop.time()
        closing = asyncio.create_task(serving.close(0.2 if end == "too late" else 8.0))
        await until(lambda: connection._close, "the stop has begun")
        assert not closing.done()
        if end == "answered":
            stopping.released.set()
        elif end == "client leaves":
            of.client.reset()
        await of.client.wait_closed()
        await closing
        # Nothing of the grace is waited for in vain.
        assert loop.time() - started < 4.0
        assert of.client.received.count(POD) == (2 if end == "answered" else 1)
        assert of.handler.short.taken == 1
        assert [stage for stage, _ in of.proxy.stages()[2:]] == [
            "RequestReceived",
            "ResponseComplete",
        ]
        ended = of.proxy.events[-1].get("annotations", {}).get("auditproxy.io/ended")
        assert ended == ("the proxy was shut down" if end == "too late" else None)
        assert said == []
        stopping.released.set()


async def test_closed_behind_the_last_answer(tmp_path: Path) -> None:
    """While a stop waits for others, a connection ends behind its answer and takes nothing more."""
    stopping, other = Stopping(), Stopping()
    async with scene(tmp_path, [OK, other.script, stopping.script], short=True) as (of, _):
        await of.ask(GET)
        _, slow = await of.proxy.connect()
        slow.write(PUT)
        await other.asked.wait()
        of.client.send(request("GET", "/api/v1/nodes/probe"))
        await of.client.until(lambda: PROBED in of.client.received)
        of.client.send(GET)
        await stopping.asked.wait()
        closing = asyncio.create_task(of.proxy.proxy._serving.close(8.0))
        connections = of.proxy.proxy._serving.server.connections
        await until(lambda: all(each._close for each in connections), "the stop has begun")
        of.client.send(GET)
        stopping.released.set()
        await of.client.wait_closed()
        assert not closing.done()
        assert of.client.received.count(POD) == 2
        assert of.handler.short.taken == 1
        other.released.set()
        await closing


# --- what is offered ------------------------------------------------------------------------


class Transport(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """Closed from now on."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing is known."""
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


Offer = tuple[bytes, ClientHeaders, bytes]


class Offered:
    """A connection that serves nothing, and what it offers to the short way."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []

    def take(self, connection: Any, line: bytes, headers: ClientHeaders, body: bytes) -> bool:
        """Note an offer, and leave it to the loop."""
        self.offers.append((line, headers, body))
        return False

    async def handle(self, request: ClientRequest) -> Answered:
        """Read the body, and keep the connection if it may be kept."""
        if request.refusal is not None:
            return Answered(keep_alive=False)
        await request.content.read()
        connection: ClientConnection = request.protocol  # type: ignore[assignment]
        return Answered(keep_alive=request.keep_alive and not connection.must_close)

    async def receive(self, segments: list[bytes]) -> list[Offer]:
        """Have one connection receive segments; return what it offers of the last one."""
        server = ClientServer(self.handle, on_unparsed=lambda code, why: None, take=self.take)
        connection, transport = server(), Transport()
        connection.connection_made(transport)
        task = connection.task
        assert task is not None
        await turns(2)
        for segment in segments:
            self.offers.clear()
            if not transport.closed:
                connection.data_received(segment)
                await turns(6)
        found = list(self.offers)
        connection.connection_lost(None)
        await asyncio.wait((task,))
        if not task.cancelled():
            task.exception()
        return found


async def read_anew(segment: bytes) -> list[tuple[RawRequestMessage, bytes]]:
    """The requests and bodies that a new parser of aiohttp reads of a segment, and nothing else."""

    async def nobody(request: Any) -> Any:
        raise AssertionError

    loop = asyncio.get_running_loop()
    messages, upgraded, tail = new_parser(web.Server(nobody)(), loop, 2**16).feed_data(segment)
    assert not upgraded
    assert not tail
    assert all(payload.is_eof() for _, payload in messages)
    return [(message, await payload.read()) for message, payload in messages]


async def hold(segments: list[bytes]) -> int:
    """What is offered of the last segment is what the parser reads of it; return how many that is."""
    count = 0
    for line, headers, body in await Offered().receive(segments):
        simple = parse_line(line)
        if simple is None:
            continue
        count += 1
        ((message, read),) = await read_anew(segments[-1])
        assert (message.method, message.path) == simple
        assert message.version == (1, 1)
        assert message.raw_headers == headers.raw
        assert read == body
        assert not any((message.should_close, message.upgrade, message.chunked))
    return count


LINES = [
    b"GET /a HTTP/1.1",
    b"POST /a HTTP/1.1",
    b"DELETE /a?b=c HTTP/1.1",
    b"GET /a HTTP/1.0",
    b"GET /a HTTP/1.2",
    b"GET  /a HTTP/1.1",
    b"GET\t/a HTTP/1.1",
    b"GET /a HTTP/1.1 ",
    b"GET /a#b HTTP/1.1",
    b"GET //a/%00%zz HTTP/1.1",
    b"GET /a\0 HTTP/1.1",
    b"GET /a\r HTTP/1.1",
    b"GET /a HTTP/1.1\nX-A: b",
    b"GET /a HTTP/1.1\r\nX-A: b",
    b"GET http://a/a HTTP/1.1",
    b"HEAD /a HTTP/1.1",
    b"BREW /a HTTP/1.1",
    b"get /a HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"PRI * HTTP/2.0",
    b"GET /a",
    b"\r\nGET /a HTTP/1.1",
    b"\nGET /a HTTP/1.1",
    b"",
]
FIELDS = [
    b"Host: a",
    b"Content-Length: 2",
    b"Content-Length: 02",
    b"content-length: 3",
    b"Content-Length: 2, 2",
    b"Content-Length: +2",
    b"Content-Length:",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: gzip, chunked",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Upgrade",
    b"Connection: xupgrade",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"X-A: b\nX-B: c",
    b"X-A: b\r c",
    b" folded",
    b"\tfolded",
    b"X-A : b",
    b"X-A:\0",
    b"X_A: b",
    b": b",
    b"X-A",
    b"X-A: \xe9",
    b"Impersonate-User: a",
    b"",
]
BODIES = [
    b"",
    b"ab",
    b"abc",
    b"2\r\nab\r\n0\r\n\r\n",
    b"\r\n",
    b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
]


@st.composite
def segments(draw: st.DrawFn) -> list[bytes]:
    """Requests, and then one whose block most often is that of one of them."""
    found = []
    blocks = []
    for _ in range(draw(st.integers(1, 3))):
        usual = draw(st.booleans())
        fields = draw(st.lists(st.sampled_from(FIELDS), max_size=4))
        block = b"".join([field + b"\r\n" for field in (b"Host: a", *fields)]) + b"\r\n"
        blocks.append(block)
        line = LINES[0] if usual else draw(st.sampled_from(LINES))
        found.append(line + b"\r\n" + block + draw(st.sampled_from(BODIES)))
    line = draw(st.one_of(st.sampled_from(LINES), st.binary(max_size=20)))
    block = draw(st.sampled_from(blocks))
    body = draw(st.one_of(st.sampled_from(BODIES), st.binary(max_size=4)))
    return [*found, line + b"\r\n" + block + body]


@given(segments())
def test_any_bytes(received: list[bytes]) -> None:
    """T121: whatever is offered is exactly the one request that the parser reads of these bytes."""
    asyncio.run(hold(received))


@pytest.mark.parametrize("line", LINES)
def test_every_line(line: bytes) -> None:
    """T121: any request line before a block that is known, with any body."""

    async def hold_all() -> None:
        for field in FIELDS:
            block = b"Host: a\r\n" + (field + b"\r\n" if field else b"") + b"\r\n"
            for body in BODIES:
                for before in (LINES[0], line):
                    await hold([before + b"\r\n" + block + body, line + b"\r\n" + block + body])

    asyncio.run(hold_all())


async def test_what_is_offered() -> None:
    """A request with a block that came before, as a whole and with nothing behind it."""
    block = b"\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
    first = b"POST /a HTTP/1.1" + block + b"ab"
    for count, segment in (
        (1, first),
        (1, b"PUT /b HTTP/1.1" + block + b"cd"),
        (0, b"PUT /b HTTP/1.1" + block + b"c"),
        (0, b"PUT /b HTTP/1.1" + block + b"cde"),
        (0, first + first),
        (0, b"\r\n" + first),
        (0, first.replace(b"Host", b"host")),
        (0, first[:-10]),
        (0, b"a"),
        (0, b"\r\n"),
    ):
        assert await hold([first, segment]) == count, segment
