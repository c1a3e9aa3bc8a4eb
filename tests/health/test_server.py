"""The health port, read over a socket: kube-apiserver's texts, and the metrics."""

import asyncio
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from auditproxy.health.server import MAXIMUM_CONNECTIONS, Readiness
from tests.conformance.client import Answer, read_answer
from tests.fakes.health import Many, serving
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, replying
from tests.fakes.upstream import answer as upstream_answer

BOTH_LOOPS = True


async def get(port: int, target: str, method: str = "GET") -> Answer:
    """One request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(5):
            return await read_answer(reader, method)
    finally:
        writer.close()


async def test_ready_only_while_serving() -> None:
    """/readyz fails before the listener is open and from the start of a shutdown; /livez does not."""
    async with serving() as (health, port):
        assert (await get(port, "/livez")).body == b"ok"
        before = await get(port, "/readyz")
        assert before.status == 500
        assert before.body == (
            b"[+]ping ok\n[-]serving failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n"
        )
        health.ready()
        assert (await get(port, "/readyz")).body == b"ok"
        health.shutting_down()
        after = await get(port, "/readyz")
        assert after.status == 500
        assert b"[-]shutdown failed: reason withheld\n" in after.body
        assert (await get(port, "/livez")).status == 200


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/livez", 200, "ok"),
        ("/healthz", 200, "ok"),
        ("/livez/ping", 200, "ok"),
        (
            "/readyz?verbose",
            200,
            "[+]ping ok\n[+]serving ok\n[+]shutdown ok\nreadyz check passed\n",
        ),
        ("/livez?verbose=true", 200, "[+]ping ok\nlivez check passed\n"),
        ("/livez?verbose&exclude=ping", 200, "[+]ping excluded: ok\nlivez check passed\n"),
        (
            "/livez?verbose&exclude=a&exclude=b",
            200,
            '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "a","b"\n'
            "livez check passed\n",
        ),
        (
            "/livez?verbose&exclude=%22%0a",
            200,
            '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "\\"\\n"\n'
            "livez check passed\n",
        ),
        ("/livez?exclude=ping&exclude=ping", 200, "ok"),
        ("/readyz/", 200, "ok"),
        ("/readyz/shutdown", 200, "ok"),
        ("/readyz/shutdown/", 404, "404 page not found\n"),
        ("/livez/%ff", 404, "404 page not found\n"),
        ("//livez", 404, "404 page not found\n"),
        ("http://h", 404, "404 page not found\n"),
        ("http://h/livez", 200, "ok"),
        ("/livez/nope", 404, "404 page not found\n"),
        ("/nope", 404, "404 page not found\n"),
        ("/", 404, "404 page not found\n"),
    ],
)
async def test_texts(target: str, status: int, body: str) -> None:
    """The text forms of apiserver server/healthz."""
    async with serving() as (health, port):
        health.ready()
        answer = await get(port, target)
        assert (answer.status, answer.body.decode()) == (status, body)
        assert answer.header("x-content-type-options") == "nosniff"


async def test_added_check() -> None:
    """A check of ours counts in its groups, alone and together."""
    async with serving() as (health, port):
        health.ready()
        sound = False
        health.add_check("log", lambda: sound, ("readyz",))
        assert (await get(port, "/readyz")).status == 500
        assert (await get(port, "/readyz/log")).status == 500
        assert (await get(port, "/readyz?exclude=log")).status == 200
        assert (await get(port, "/livez")).status == 200


async def test_a_check_says_why() -> None:
    """B7: a check that gives its reason has it shown, on its own and among the others."""
    async with serving() as (health, port):
        health.ready()
        health.add_information(lambda: ("a fact",))
        health.add_check("audit-log", lambda: "no space left on device", ("readyz",))
        answer = await get(port, "/readyz")
        assert answer.status == 500
        assert b"[-]audit-log failed: no space left on device\n" in answer.body
        assert b"info: " not in answer.body
        assert b"info: a fact\nreadyz check failed\n" in (await get(port, "/readyz?verbose")).body
        alone = await get(port, "/readyz/audit-log")
        assert (alone.status, alone.body) == (
            500,
            b"internal server error: no space left on device\n",
        )


async def test_metrics() -> None:
    """/metrics is Prometheus' text form."""
    async with serving() as (_, port):
        answer = await get(port, "/metrics")
        assert answer.header("content-type").startswith("text/plain; version=0.0.4")
        assert b"apiserver_audit_event_total 0.0" in answer.body


async def test_only_reading() -> None:
    """Nothing is changed by a request."""
    async with serving() as (_, port):
        assert (await get(port, "/livez", "POST")).status == 405
        assert (await get(port, "/livez", "HEAD")).status == 200


async def test_single_failing_check() -> None:
    """A check asked alone says that it fails in the words of kube-apiserver, not why."""
    async with serving() as (_, port):
        answer = await get(port, "/readyz/serving")
        assert answer.status == 500
        assert answer.body == b"internal server error: failed health check\n"


async def test_check_that_raises() -> None:
    """A check that raises fails like any other, and the reason stays here."""
    async with serving() as (health, port):

        def broken() -> bool:
            raise ZeroDivisionError("canary")

        health.add_check("broken", broken, ("livez",))
        for target in ("/livez", "/livez/broken"):
            answer = await get(port, target)
            assert answer.status == 500
            assert b"canary" not in answer.body
        assert b"[-]broken failed: reason withheld\n" in (await get(port, "/livez")).body


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /livez HTTP/1.1\r\nAuthorization: Bearer canary\r\nBad Header canary\r\n\r\n",
        b"canary\x00 / HTTP/9\r\n\r\n",
        b"GET * HTTP/1.1\r\nX: canary\r\n\r\n",
        b"GET /canary HTTP/1.1\r\nTransfer-Encoding: canary\r\n\r\n",
    ],
)
async def test_malformed_requests_leave_no_trace(
    raw: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """R19: bytes that are no request get a constant 400 and are printed nowhere."""
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
    assert b" 400 Bad Request\r\n" in answer
    assert answer.endswith(b"\r\n\r\n400 Bad Request\n")
    assert caplog.records == []
    captured = capfd.readouterr()
    assert "canary" not in captured.out + captured.err


async def test_information() -> None:
    """Lines for operators stand in /readyz?verbose, and nowhere else."""
    async with serving() as (health, port):
        health.add_information(lambda: ("--kubeconfig: version 1",))
        health.ready()
        assert b"info: --kubeconfig: version 1\n" in (await get(port, "/readyz?verbose")).body
        assert (await get(port, "/readyz")).body == b"ok"
        assert b"kubeconfig" not in (await get(port, "/livez?verbose")).body


async def silent_connections(port: int, count: int) -> list[asyncio.StreamWriter]:
    """So many connections that say nothing."""
    return [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(count)]


async def test_the_longest_silent_connection_makes_room() -> None:
    """B2: whoever holds all places of the health port loses one to each who asks something."""
    pushed = 0

    def count() -> None:
        nonlocal pushed
        pushed += 1

    async with serving(pushed_out=count) as (health, port):
        first, first_writer = await asyncio.open_connection("127.0.0.1", port)
        others = await silent_connections(port, MAXIMUM_CONNECTIONS - 1)
        assert (await get(port, "/livez")).body == b"ok"
        async with asyncio.timeout(5):
            assert await first.read() == b""
        assert pushed == 1
        assert len(health._connections) <= MAXIMUM_CONNECTIONS
        for writer in (first_writer, *others):
            writer.transport.abort()


async def test_a_connection_that_was_used_stays_the_longest() -> None:
    """B2: a scraper's connection outlives silent ones that came after its last request."""
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        silent = await silent_connections(port, MAXIMUM_CONNECTIONS - 1)
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(5):
                assert (await read_answer(reader, "GET")).body == b"ok"
            silent += await silent_connections(port, MAXIMUM_CONNECTIONS - 1)
        for each in (writer, *silent):
            each.transport.abort()


async def test_who_waits_for_an_answer_stays() -> None:
    """B2: silent connections push out each other, though one that waits for its answer is older."""
    many = Many()
    async with serving(many=many) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.to_thread(many.began.wait, 5)
        silent = await silent_connections(port, MAXIMUM_CONNECTIONS)
        assert (await get(port, "/livez")).body == b"ok"
        many.gate.set()
        async with asyncio.timeout(5):
            assert b"collected 1.0" in (await read_answer(reader, "GET")).body
        for each in (writer, *silent):
            each.transport.abort()


async def test_series_of_requests_are_written_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B4: in a whole proxy no series of requests is written on the event loop's thread."""
    written: list[tuple[bool, bytes]] = []

    def watched(registry: CollectorRegistry) -> bytes:
        text: bytes = generate_latest(registry)
        written.append((threading.current_thread() is threading.main_thread(), text))
        return text

    monkeypatch.setattr("auditproxy.health.metricspage.generate_latest", watched)
    async with (
        FakeUpstream(replying(upstream_answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path, health_bind_address="127.0.0.1:0") as proxy,
    ):
        assert (await proxy.ask(request())).status == 200
        page = (await get(proxy.proxy.health_port, "/metrics")).body
    series = b"apiserver_request_duration_seconds_bucket{"
    assert series in page
    assert [on_loop for on_loop, text in written if series in text] == [False]
    assert b"apiserver_audit_event_total" in page


async def test_page_of_others() -> None:
    """What /metrics shows may be made of its own text and of others'."""

    async def with_others(own: bytes) -> bytes:
        return own + b"# of others\n"

    async with serving(page=with_others) as (health, port):
        assert (await get(port, "/metrics")).body.endswith(b"# of others\n")
        assert (await health.metrics()).endswith(b"# of others\n")


async def test_readiness_as_a_value() -> None:
    """The faults of /readyz with their reasons, and the lines of ?verbose."""
    async with serving() as (health, _):
        health.add_check("disk", lambda: "full", ("readyz",))
        health.add_information(lambda: ("line",))
        assert health.readiness() == Readiness(("serving: failed", "disk: full"), ("line",))
        health.ready()
        assert health.readiness().faults == ("disk: full",)
