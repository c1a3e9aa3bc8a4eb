"""A request on the short way: whatever comes of it, nothing differs from the chain but what it costs."""

import asyncio
import dataclasses
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.audit import Event
from auditproxy.server.deadline import NEVER
from auditproxy.server.short.shortexchange import ShortExchange
from tests.fakes.bothways import JSON, OK, POD, Scene, Step, both, figures, scene
from tests.fakes.proxy import EventCollector, request
from tests.fakes.upstream import FakeConnection, answer, dial
from tests.fakes.waiting import turns, until

BOTH_LOOPS = True

GET = request()
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
BODY = b'{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"n1"}}'
PUT = request("PUT", LEASE, "Content-Type: application/json", body=BODY)
STATUS = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"no","reason":"%b","code":%d}\n'
)


def status(code: int, reason: bytes, *headers: bytes) -> bytes:
    """A Status as the answer."""
    return answer(code, STATUS % (reason, code), JSON, *headers, reason=reason)


def ends(data: bytes) -> Step:
    """Send bytes and close."""

    async def step(connection: FakeConnection) -> None:
        connection.send(data)
        connection.close()

    return step


def resets(data: bytes) -> Step:
    """Send bytes and reset, once the proxy has read them."""

    async def step(connection: FakeConnection) -> None:
        if data:
            await connection.drip(data, len(data))
        connection.reset()

    return step


def pieces(*parts: bytes) -> Step:
    """Send bytes in segments of their own."""

    async def step(connection: FakeConnection) -> None:
        for part in parts:
            await connection.drip(part, len(part))

    return step


NOT_FOUND = status(404, b"NotFound")

ANSWERS: dict[str, tuple[Step, int | None]] = {
    "whole": (OK, 200),
    "201": (answer(201, POD, JSON, reason=b"Created"), 201),
    "202": (answer(202, POD, JSON, reason=b"Accepted"), 202),
    "206": (answer(206, POD, JSON, reason=b"Partial Content"), 206),
    "empty": (answer(200, b"", JSON), 200),
    "without a reason": (OK.replace(b" OK\r\n", b" \r\n"), 200),
    "other header": (answer(200, POD, JSON, b"X-Other: 1"), 200),
    "cookie": (answer(200, POD, JSON, b"Set-Cookie: a=b"), 200),
    "warning": (answer(200, POD, JSON, b'Warning: 299 - "old"'), 200),
    "two ids": (answer(200, POD, JSON, b"Audit-Id: a", b"Audit-Id: b"), 200),
    "two dates": (answer(200, POD, JSON, b"Date: a", b"Date: b"), 200),
    "close": (answer(200, POD, JSON, b"Connection: close"), 200),
    "named": (answer(200, POD, JSON, b"Date: a", b"Connection: date"), 200),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(POD), POD),
        200,
    ),
    "chunks with a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
        200,
    ),
    "HTTP/1.0": (OK.replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
    "until the end": (ends(b"HTTP/1.1 200 OK\r\n\r\nall of it"), 200),
    "204": (b"HTTP/1.1 204 No Content\r\nAudit-Id: theirs\r\n\r\n", 204),
    "205": (answer(205, b"", reason=b"Reset Content"), 205),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304),
    "302": (answer(302, b"", b"Location: /elsewhere", reason=b"Found"), 302),
    "400": (status(400, b"BadRequest"), 400),
    "404": (NOT_FOUND, 404),
    "409": (status(409, b"Conflict"), 409),
    "429": (status(429, b"TooManyRequests", b"Retry-After: 1"), 429),
    "403": (status(403, b"Forbidden"), 403),
    "401": (status(401, b"Unauthorized"), None),
    "500": (status(500, b"InternalError"), 500),
    "503": (status(503, b"ServiceUnavailable"), 503),
    "1xx before": (b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK, 200),
    "1xx alone": (pieces(b"HTTP/1.1 100 Continue\r\n\r\n", OK), 200),
    "unasked switch": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        502,
    ),
    "bytes behind": (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
    "one byte behind": (OK + b"\n", 200),
    "bytes behind a 404": (status(404, b"NotFound") + b"x", 404),
    "two lengths": (OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", 1), 502),
    "zeros before the length": (
        OK.replace(b"Content-Length: ", b"Content-Length: 00"),
        200,
    ),
    "length and chunks": (OK.replace(b"\r\n", b"\r\nTransfer-Encoding: chunked\r\n", 1), 502),
    "too short": (ends(OK[:-3]), None),
    "half a head": (ends(OK[:30]), 502),
    "half a head and a reset": (resets(OK[:30]), 502),
    "garbage": (b"SSH-2.0-OpenSSH\r\n", 502),
    "bare line feeds": (OK.replace(b"\r\n", b"\n"), 502),
    "NUL in the head": (OK.replace(b"{id}", b"the\0rs"), 502),
    "folded line": (OK.replace(b"{id}", b"the\r\n irs"), None),
}


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_answers(tmp_path: Path, name: str, raw: bytes) -> None:
    """T183: T236: any answer, or what is none, is the same for the client, the record and the pool."""
    step, code = ANSWERS[name]

    async def play(scene: Scene) -> None:
        await scene.ask(raw)
        await scene.ask(raw)

    seen = await both(tmp_path, [OK, step], play)
    if code is not None:
        assert seen.codes()[-1] == ("ResponseComplete", code)


@pytest.mark.parametrize("name", ["whole", "404", "204", "chunked"])
async def test_cut_anywhere(tmp_path: Path, name: str) -> None:
    """An answer in two segments, wherever it is cut, is the same answer."""
    whole, _ = ANSWERS[name]
    assert isinstance(whole, bytes)
    cuts = range(1, len(whole))

    async def play(scene: Scene) -> None:
        for _ in range(1 + len(cuts)):
            await scene.ask(GET)

    steps = [OK, *[pieces(whole[:cut], whole[cut:]) for cut in cuts]]
    await both(tmp_path, steps, play, took=len(cuts))


async def test_byte_by_byte(tmp_path: Path) -> None:
    """Answers of one byte a segment."""

    async def slowly(connection: FakeConnection) -> None:
        await connection.drip(OK)

    async def play(scene: Scene) -> None:
        for _ in range(4):
            await scene.ask(PUT)

    await both(tmp_path, [OK, slowly, slowly, OK], play, took=3)


async def silent(connection: FakeConnection) -> None:
    """Say nothing until the proxy gives up."""
    await connection.wait_closed(10)


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("how", [ends, resets])
async def test_no_answer(tmp_path: Path, how: Callable[[bytes], Step], raw: bytes) -> None:
    """T183: without a byte of an answer a GET is sent once more and a PUT is not."""

    async def play(scene: Scene) -> None:
        for _ in range(3):
            await scene.ask(raw)

    seen = await both(tmp_path, [OK, how(b""), OK], play)
    sent = sum(data.count(raw[: raw.index(b"\r\n")]) for data in seen.upstream)
    codes = [code for stage, code in seen.codes() if stage == "ResponseComplete"]
    assert seen.pool.retried == (raw is GET)
    assert (sent, codes) == ((4, [200] * 3) if raw is GET else (3, [200, 502, 200]))


async def test_sent_once_more_only(tmp_path: Path) -> None:
    """T183: the second connection may end too: then the answer is a 502."""

    async def play(scene: Scene) -> None:
        for _ in range(3):
            await scene.ask(GET)

    seen = await both(tmp_path, [OK, ends(b""), ends(b""), OK], play, took=1)
    assert [code for _, code in seen.codes() if code] == [200, 502, 200]


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_deadline(tmp_path: Path, method: str) -> None:
    """A request whose ?timeout= is over gets kube-apiserver's 504, and its event the body it had."""
    body = BODY if method == "PUT" else b""
    raw = request(method, f"{LEASE}?timeout=1ms", "Content-Type: application/json", body=body)

    async def play(scene: Scene) -> None:
        for _ in range(3):
            await scene.ask(raw)

    seen = await both(tmp_path, [OK, silent, OK], play)
    assert [code for _, code in seen.codes() if code] == [200, 504, 200]


async def test_request_timeout(tmp_path: Path) -> None:
    """--request-timeout is over for all of several requests, each with its own answer."""

    async def play(scene: Scene) -> None:
        services = scene.handler.services
        await scene.ask(GET)
        services.limits = dataclasses.replace(services.limits, request_timeout=1_000_000)
        await scene.ask(PUT)
        await scene.ask(PUT)

    seen = await both(tmp_path, [OK, OK, silent], play, took=1)
    assert [code for _, code in seen.codes() if code] == [200, 200, 504]


# --- clients that leave ---------------------------------------------------------------


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_client_leaves(tmp_path: Path, how: str, raw: bytes) -> None:
    """T158: a client that leaves ends the upstream's request, and the event says that no answer came."""
    asked = asyncio.Event()

    async def never(connection: FakeConnection) -> None:
        asked.set()
        await connection.wait_closed(5)

    async def play(scene: Scene) -> None:
        asked.clear()
        await scene.ask(raw)
        scene.client.send(raw)
        await asked.wait()
        getattr(scene.client, how)()
        await scene.client.wait_closed()
        await scene.upstream.connections[0].wait_closed()
        await scene.over()

    seen = await both(tmp_path, [OK, never], play)
    assert [stage for stage, _ in seen.codes()[2:]] == ["RequestReceived", "ResponseComplete"]
    assert seen.events[-1]["responseStatus"]["message"] == "Connection closed early"
    assert ("requestObject" in seen.events[-1]) is (raw is PUT)


def injected(scene: Scene, client: FakeConnection, raw: bytes) -> ShortExchange:
    """Have the proxy receive a request now, which begins on the short way; what is under way."""
    before = set(scene.handler.under_way)
    address = client.transport.get_extra_info("sockname")
    for connection in scene.proxy.proxy._serving.server.connections:
        if connection.peername == address:
            connection.data_received(raw)
    (short,) = scene.handler.under_way - before
    assert isinstance(short, ShortExchange)
    return short


@pytest.mark.parametrize("reply", [OK[:-1], OK[:20], ANSWERS["404"][0], b"garbage", b""])
@pytest.mark.parametrize("event", ["client leaves", "proxy stops"])
async def test_between_the_hand_over_and_the_chain(
    tmp_path: Path, event: str, reply: bytes
) -> None:
    """What ends a request while the chain's task is about to take it over ends it once, for good."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, fault: faults.append(fault))
    async with scene(tmp_path, [OK, silent], short=True) as (of, said):
        await of.ask(PUT)
        pool, shared = of.handler.services.upstream.pool, of.handler.shared
        (upstream,) = pool._idle
        short = injected(of, of.client, PUT)
        if event == "client leaves":
            assert short.connection.transport is not None
            short.connection.transport.abort()
        if reply:
            upstream.data_received(reply)
        else:
            upstream.eof_received()
        if event == "proxy stops":
            short.end("the proxy was shut down", "")
        await of.client.wait_closed()
        await of.over()
        await until(lambda: not pool.stats.active, "the connection is dropped")
        stages = [stage for stage, _ in of.proxy.stages()]
        assert stages == ["RequestReceived", "ResponseComplete"] * 2
        assert of.proxy.events[-1]["requestObject"]["kind"] == "Lease"
        assert shared.room.in_memory == 0
        answered = figures(of.proxy)
        assert (
            sum(n for name, n in answered.items() if name.startswith("apiserver_request_total"))
            == 2
        )
    gc.collect()
    assert faults == []
    assert said == []


@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize("asked", ["leave", "pre_shutdown"])
async def test_the_last_answer_says_so(tmp_path: Path, asked: str, is_short: bool) -> None:
    """An answer on a connection that ends with it says so, as Go's server does in a shutdown."""
    may_answer = asyncio.Event()

    async def held(connection: FakeConnection) -> None:
        await may_answer.wait()
        connection.send(answer(200, POD, JSON) if is_short else NOT_FOUND)

    async def play(of: Scene) -> None:
        may_answer.clear()
        await of.ask(GET)
        of.client.send(GET)
        await until(lambda: bool(of.handler.under_way), "it is under way")
        getattr(of.proxy.proxy._serving.server, asked)()
        may_answer.set()
        await of.answered()
        await of.client.wait_closed()

    seen = await both(tmp_path, [OK, held], play)
    assert not seen.is_kept
    assert seen.client.count(b"Connection: close\r\n") == 1


async def test_pipelined_behind_the_last_answer(tmp_path: Path) -> None:
    """What came with the request is answered as well, and the last of them ends the connection."""

    async def play(of: Scene) -> None:
        await of.ask(GET)
        of.proxy.proxy._serving.server.leave()
        of.client.send(GET + GET)
        await of.answered(2)
        await of.client.wait_closed()

    seen = await both(tmp_path, [OK, OK, OK], play, took=0)
    assert seen.client.count(b"HTTP/1.1 200 OK") == 3
    assert seen.client.partition(b"Connection: close")[0].count(b"HTTP/1.1 200 OK") == 3


async def test_not_sent_yet(tmp_path: Path) -> None:
    """A request that waits for the audit backend has no connection: none of another's is dropped."""
    async with scene(tmp_path, [OK, OK, OK], short=True) as (of, _):
        await of.ask(GET)
        other = await dial("127.0.0.1", of.proxy.proxy.port)
        other.send(GET)
        await other.until(lambda: POD in other.received)
        await of.over()
        of.proxy.collector.accepts = False
        waiting = injected(of, of.client, GET)
        of.proxy.collector.accepts = True
        injected(of, other, GET)
        waiting.end("the proxy was shut down", "")
        await other.until(lambda: other.received.count(POD) == 2)
        assert len(of.upstream.connections) == 1
        await other.stop()


# --- audit backends ----------------------------------------------------------------------


class Sink(EventCollector):
    """A backend that does something else about the events that it is told to."""

    def __init__(self, stage: str, act: Callable[[], Any]) -> None:
        super().__init__()
        self.stage = stage
        self.act = act
        self.is_on = False

    def process_events(self, events: tuple[Event, ...]) -> Any:
        """Keep the events, or act."""
        super().process_events(events)
        (event,) = events
        return self.act() if self.is_on and event.stage == self.stage else True


def later(value: bool) -> Callable[[], Any]:
    """A delivery that takes some turns of the loop."""

    async def delivery() -> bool:
        await turns(5)
        return value

    return lambda: asyncio.create_task(delivery())


def raises() -> bool:
    """A backend with a fault."""
    raise RuntimeError("secret value")


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("stage", ["RequestReceived", "ResponseComplete"])
@pytest.mark.parametrize(
    "act", [lambda: False, later(True), later(False)], ids=["refuses", "waits", "waits, refuses"]
)
async def test_backends(tmp_path: Path, act: Callable[[], Any], stage: str, raw: bytes) -> None:
    """T165: a backend that refuses or waits holds up what the chain would hold up."""

    async def play(scene: Scene) -> None:
        await scene.ask(raw)
        sink = Sink(stage, act)
        scene.handler.shared.sink = sink
        scene.proxy.collector = sink
        await scene.ask(raw)
        for sink.is_on in (True, True, False):
            await scene.ask(raw)

    await both(tmp_path, [], play, took=2)


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
async def test_backend_with_a_fault(tmp_path: Path, raw: bytes) -> None:
    """T157: what a fault of the backend does to RequestReceived is a Panic, and holds no value."""

    async def play(scene: Scene) -> None:
        await scene.ask(raw)
        sink = Sink("RequestReceived", raises)
        scene.handler.shared.sink = sink
        scene.proxy.collector = sink
        sink.is_on = True
        await scene.ask(raw)

    seen = await both(tmp_path, [], play, took=1)
    assert [stage for stage, _ in seen.codes()][-1] == "Panic"
    assert "secret value" not in str(seen)


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
async def test_last_event_with_a_fault(tmp_path: Path, raw: bytes) -> None:
    """A request whose last event cannot be emitted is over, and so is nobody else's.

    The event is given once: the backend may have written it before it failed.
    """
    async with scene(tmp_path, [], short=True) as (of, _):
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, fault: faults.append(fault))
        await of.ask(raw)
        sink = of.handler.shared.sink = Sink("ResponseComplete", raises)
        sink.is_on = True
        of.client.send(raw)
        await of.client.until(
            lambda: of.client.received.count(POD) == 2 or of.client.closed.is_set()
        )
        await of.over()
        sink.is_on = False
        other = await dial("127.0.0.1", of.proxy.proxy.port)
        other.send(GET)
        await other.until(lambda: POD in other.received)
        await of.over()
        assert of.handler.under_way == set()
        assert [event["stage"] for event in sink.events].count("ResponseComplete") == 2
        assert [type(fault["exception"]) for fault in faults] == [RuntimeError]
        await other.stop()


# --- answers that wait for the end of a turn ---------------------------------------------


@pytest.mark.parametrize("event", ["client leaves", "proxy stops", "nothing"])
async def test_recorded_and_not_written_yet(tmp_path: Path, event: str) -> None:
    """Beside others a request with bodies is recorded first, and under way until it is written.

    Whatever ends it in between, it has one last event; its answer goes out unless the client left.
    """
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, fault: faults.append(fault))
    async with scene(tmp_path, [], short=True, several=True) as (of, said):
        await of.ask(GET)
        found: list[tuple[int, int, float]] = []

        def act() -> bool:
            (short,) = of.handler.under_way
            found.append((short.owes_event, of.client.received.count(POD), short.until))
            if event == "client leaves":
                assert short.connection.transport is not None
                short.connection.transport.abort()
            elif event == "proxy stops":
                short.end("the proxy was shut down", "")
            return True

        sink = of.handler.shared.sink = of.proxy.collector = Sink("ResponseComplete", act)
        sink.is_on = True
        of.client.send(GET)
        left = event == "client leaves"
        await of.client.until(
            lambda: of.client.closed.is_set() if left else of.client.received.count(POD) == 2
        )
        await of.over()
        assert found == [(False, 1, NEVER)]
        assert [event["stage"] for event in sink.events] == ["RequestReceived", "ResponseComplete"]
        assert of.client.received.count(POD) == (1 if left else 2)
        assert of.handler.under_way == set()
    assert (faults, said) == ([], [])
