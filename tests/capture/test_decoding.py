"""Decoding in turns: whose bodies wait for whom, what has no place, and how a stop ends it."""

import asyncio
import fcntl
import json
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditproxy.capture.decoding import DEAR, JOBS, OWNERS, DecodeQueue, Job, Skipped
from auditproxy.capture.process import DecodeProcess, ProcessEndedError
from auditproxy.capture.recording import REQUEST_TEXT
from tests.conformance.client import Answer, read_answer
from tests.fakes.proxy import ALICE, BOB, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import until as waited

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
YAML = "Content-Type: application/yaml"
CREATED = answer(
    201,
    b'{"kind":"SelfSubjectAccessReview"}',
    b"Content-Type: application/json",
    b"Connection: close",
)
OMITTED = "auditproxy.io/request-object-omitted"
METADATA = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
REQUEST = METADATA.replace("Metadata", "Request")
LARGE = b"spec: [" + b"1," * 300_000 + b"1]\n"
"""More values than are read of one body."""
HONEST = b"metadata: {name: honest}\nspec: [" + b"1," * 10_000 + b"1]\n"
DEADLINE = 30.0


async def post(proxy: RunningProxy, body: bytes, token: str, *headers: str) -> Answer:
    """One request, without waiting for its events."""
    reader, writer = await proxy.connect()
    writer.write(request("POST", REVIEWS, *(headers or (YAML,)), body=body, token=token))
    async with asyncio.timeout(DEADLINE):
        return await read_answer(reader, "POST")


def last_events(proxy: RunningProxy, user: str) -> list[dict[str, Any]]:
    """The last events of a user's requests so far."""
    return [
        event
        for event in proxy.events
        if event["stage"] == "ResponseComplete" and event["user"]["username"] == user
    ]


async def until(proxy: RunningProxy, condition: Callable[[], bool]) -> None:
    """Wait for events until the condition holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            proxy.collector.changed.clear()
            await proxy.collector.changed.wait()


def accounted(proxy: RunningProxy) -> float:
    """How many events are due, once the accounts are checked."""
    due = proxy.metric("auditproxy_audit_events_due", state="decoding")
    assert proxy.metric("auditproxy_audit_events_generated_total") == len(proxy.events) + due
    return due


async def test_one_user_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """B1: bodies that take long delay the events of whoever sent them; each is counted as due."""
    async with (
        FakeUpstream(created) as upstream,
        proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy,
    ):
        answers = await asyncio.gather(*(post(proxy, LARGE, BOB) for _ in range(6)))
        assert [got.status for got in answers] == [201] * 6
        assert (await post(proxy, HONEST, ALICE)).status == 201
        before = len(last_events(proxy, "bob"))
        await until(proxy, lambda: bool(last_events(proxy, "alice")))
        assert last_events(proxy, "alice")[0]["objectRef"]["name"] == "honest"
        # One that was being read, and one whose turn it was.
        assert len(last_events(proxy, "bob")) <= before + 2
        assert accounted(proxy) == 6 - len(last_events(proxy, "bob"))
        async with asyncio.timeout(DEADLINE):
            await proxy.proxy.settle()
        events = last_events(proxy, "bob")
        assert len(events) == 6
        # What Metadata shows is found by passing over the body: nothing is missing.
        assert all(OMITTED not in event["annotations"] for event in events)
        assert proxy.metric("auditproxy_bodies_undecoded_total", reason="nodes") == 0
        assert accounted(proxy) == 0


async def test_stop_has_a_bound(tmp_path: Path) -> None:
    """B1: what is not decoded in time goes out without it, says so and is counted; none is lost."""
    async with (
        FakeUpstream(created) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            policy=REQUEST,
            audit_grace=100_000_000,
        ) as proxy,
    ):
        body = b"spec: [" + b"1," * 200_000 + b"1]\n"
        answers = await asyncio.gather(*(post(proxy, body, BOB) for _ in range(15)))
        assert [got.status for got in answers] == [201] * 15
        assert accounted(proxy) > 10
        async with asyncio.timeout(5):
            await proxy.proxy.close()
        events = last_events(proxy, "bob")
        assert len(events) == 15
        omitted = [event for event in events if OMITTED in event["annotations"]]
        assert len(omitted) >= 10
        # One may have been under way: of that its text is at hand.
        whys = {event["annotations"][OMITTED] for event in omitted}
        assert whys <= {
            "not decoded: the proxy was stopping",
            "not decoded: the proxy was stopping: recorded as a string",
        }
        assert {event["responseStatus"]["code"] for event in events} == {201}
        assert {event["annotations"]["authorization.k8s.io/decision"] for event in events} == {
            "allow"
        }
        undecoded = proxy.metric("auditproxy_bodies_undecoded_total", reason="shutdown")
        assert undecoded == len(omitted)
        assert accounted(proxy) == 0


async def created(connection: FakeConnection) -> None:
    """An upstream that creates whatever it is sent."""
    await connection.read_request()
    connection.send(CREATED)


async def silent(connection: FakeConnection) -> None:
    """An upstream that never answers."""
    await connection.wait_closed(DEADLINE)


async def test_requests_under_way_are_due(tmp_path: Path) -> None:
    """B1: a request that is not answered yet owes an event, and is counted as such."""
    async with (
        FakeUpstream(silent) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        _, writer = await proxy.connect()
        writer.write(request())
        await proxy.until_events(1)
        assert proxy.metric("auditproxy_audit_events_due", state="in-flight") == 1
        writer.transport.abort()
        await proxy.until_events(2)
        await proxy.proxy.settle()
        assert proxy.metric("auditproxy_audit_events_due", state="in-flight") == 0


class Watched(DecodeQueue):
    """Counts what is handed to the thread."""

    submitted = 0

    def submit(self, job: Job) -> None:
        """Count it."""
        self.submitted += 1
        super().submit(job)


class GivingUp(DecodeQueue):
    """Gives every job up once its thread has done all the same."""

    def submit(self, job: Job) -> None:
        """Decode it, and finish it undecoded."""
        job.decode(None)
        job.finish("shutdown")


async def test_a_thread_that_is_given_up(tmp_path: Path) -> None:
    """What it still finds is not in the event, which says that nothing was decoded."""
    async with (
        FakeUpstream(created) as upstream,
        proxy_before(upstream.port, tmp_path, policy=REQUEST) as proxy,
    ):
        queue = GivingUp()
        proxy.proxy.handler.shared.decoding = queue
        await post(proxy, HONEST, ALICE)
        await until(proxy, lambda: bool(last_events(proxy, "alice")))
        (event,) = last_events(proxy, "alice")
        assert event["annotations"][OMITTED] == "not decoded: the proxy was stopping"
        assert "requestObject" not in event
        assert "name" not in event["objectRef"]
        assert event["responseStatus"]["code"] == 201
        queue.close()


async def test_cheap_bodies_are_decoded_all_the_same(tmp_path: Path) -> None:
    """Two bodies that are costly only together are decoded, and not counted as undecoded."""
    body = json.dumps({"kind": "SelfSubjectAccessReview", "x": "y" * 40_000}).encode()

    async def both(connection: FakeConnection) -> None:
        await connection.read_request()
        head = b"Content-Type: application/json", b"Connection: close"
        connection.send(answer(201, body, *head))

    async with (
        FakeUpstream(both) as upstream,
        proxy_before(
            upstream.port, tmp_path, policy=METADATA.replace("Metadata", "RequestResponse")
        ) as proxy,
    ):
        queue = GivingUp()
        proxy.proxy.handler.shared.decoding = queue
        await post(proxy, body, ALICE, "Content-Type: application/json")
        await until(proxy, lambda: bool(last_events(proxy, "alice")))
        (event,) = last_events(proxy, "alice")
        assert OMITTED not in event["annotations"]
        assert event["requestObject"] == event["responseObject"] == json.loads(body)
        assert proxy.metric("auditproxy_bodies_undecoded_total", reason="shutdown") == 0
        queue.close()


@pytest.mark.parametrize(
    ("content_type", "size", "on_thread"),
    [
        ("application/json", 60_000, False),
        ("application/json", 70_000, True),
        ("application/yaml", 2_000, False),
        ("application/yaml", 62_000, True),
        ("application/yaml", 5_000, True),
        ("application/cbor", 20_000, True),
        ("application/vnd.kubernetes.protobuf", 10_000, False),
        ("application/vnd.kubernetes.protobuf", 20_000, True),
        ("application/json\r\nContent-Encoding: gzip", 500, True),
    ],
)
async def test_what_the_event_loop_decodes(
    tmp_path: Path, content_type: str, size: int, on_thread: bool
) -> None:
    """B8: what takes long goes to the thread, told by what a byte of its format costs."""
    async with (
        FakeUpstream(created) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        queue = Watched()
        proxy.proxy.handler.shared.decoding = queue
        await post(proxy, b"{" + b" " * size + b"}", ALICE, f"Content-Type: {content_type}")
        await until(proxy, lambda: bool(last_events(proxy, "alice")))
        assert queue.submitted == on_thread
        queue.close()


@pytest.mark.parametrize(
    ("resource", "size", "on_thread"),
    [("secrets", 6_000, False), ("secrets", 20_000, True), ("configmaps", 20_000, False)],
)
async def test_looking_for_secrets_costs_too(
    tmp_path: Path, resource: str, size: int, on_thread: bool
) -> None:
    """B8: a body that secrets are looked for in goes to the thread before others of its size."""
    async with FakeUpstream(created) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        queue = Watched()
        proxy.proxy.handler.shared.decoding = queue
        body = json.dumps({"data": {"x": "eA==" * (size // 4)}}).encode()
        target = f"/api/v1/namespaces/d/{resource}"
        await proxy.ask(request("POST", target, "Content-Type: application/json", body=body))
        assert queue.submitted == on_thread
        queue.close()


async def test_a_text_of_one_value(tmp_path: Path) -> None:
    """B8: a YAML request that is one value is left out beyond what may be read in one piece."""
    async with (
        FakeUpstream(created) as upstream,
        proxy_before(upstream.port, tmp_path, policy=REQUEST) as proxy,
    ):
        for size, told in (
            (REQUEST_TEXT // 2, None),
            (REQUEST_TEXT, f"more than {REQUEST_TEXT} bytes of YAML: recorded as a string"),
        ):
            await post(proxy, b"a: " + b"x" * size, ALICE)
            await proxy.proxy.settle()
            event = last_events(proxy, "alice")[-1]
            assert event["annotations"].get(OMITTED) == (told and f"not decoded: {told}")
            assert isinstance(event["requestObject"], str) == (told is not None)


async def test_small_patches_need_no_copy(tmp_path: Path) -> None:
    """B1: at Metadata nothing is wanted of a patch or of DeleteOptions, so nothing is kept."""
    async with (
        FakeUpstream(created) as upstream,
        proxy_before(upstream.port, tmp_path, policy=METADATA) as proxy,
    ):
        queue = Watched()
        proxy.proxy.handler.shared.decoding = queue
        body = json.dumps({"dryRun": ["x" * 100_000]}).encode()
        for method in ("PATCH", "DELETE"):
            target = "/api/v1/namespaces/d/pods/p"
            kind = "Content-Type: application/json"
            await proxy.ask(request(method, target, kind, body=body))
        assert queue.submitted == 0
        queue.close()


class Bench:
    """Jobs that wait on a gate, and the order in which they ended."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.ended: list[tuple[str, Skipped]] = []

    def _decode(self, process: DecodeProcess | None) -> None:
        self.gate.wait(DEADLINE)

    def job(self, owner: str, name: str, size: int = 1, cost: int = 1) -> Job:
        """A job that is decoded when the gate is open."""
        return Job(
            owner,
            size,
            cost,
            self._decode,
            lambda skipped: self.ended.append((name, skipped)),
        )


async def test_turns() -> None:
    """B1: owners take turns, each with what came first of them."""
    bench, queue = Bench(), DecodeQueue()
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        queue.submit(bench.job(name[0], name))
    assert len(queue) == 6
    bench.gate.set()
    await queue.settle()
    # The first had begun before there was anybody else.
    assert [name for name, _ in bench.ended] == ["a1", "a2", "b1", "c1", "a3", "b2"]
    queue.close()


async def test_bounds() -> None:
    """B1: one owner's number and bytes are bounded, and so is the number of owners."""
    bench, queue = Bench(), DecodeQueue(owner_bytes=1000)
    queue.submit(bench.job("first", "first"))
    for number in range(JOBS + 1):
        queue.submit(bench.job("many", f"many{number}"))
    assert bench.ended == [(f"many{JOBS}", "queue-full")]
    queue.submit(bench.job("large", "large", 900))
    queue.submit(bench.job("large", "larger", 101))
    assert bench.ended[1:] == [("larger", "queue-full")]
    for number in range(OWNERS + 10):
        queue.submit(bench.job(f"owner{number}", "one"))
    assert len(queue._queues) == OWNERS + 1
    bench.gate.set()
    await queue.settle()
    assert len(queue) == 0
    queue.close()


async def test_stop_does_not_wait_for_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: even a body that no reader gives up is given up."""
    monkeypatch.setattr("auditproxy.capture.decoding.LAST", 0.05)
    bench, queue = Bench(), DecodeQueue()
    queue.submit(bench.job("a", "hangs"))
    queue.submit(bench.job("a", "waits"))
    async with asyncio.timeout(DEADLINE):
        assert await queue.stop(0.05) == 2
    assert bench.ended == [("waits", "shutdown"), ("hangs", "shutdown")]
    queue.submit(bench.job("a", "late"))
    assert bench.ended[2:] == [("late", "shutdown")]
    bench.gate.set()
    queue.close()


async def test_a_crash_while_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever finishing one job raises, the others are finished; the crash is reported."""
    monkeypatch.setattr("auditproxy.capture.decoding.LAST", 0.05)
    bench, queue = Bench(), DecodeQueue()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, fault: told.append(fault))

    def crash(skipped: Skipped) -> None:
        raise ValueError("no")

    def wait(process: DecodeProcess | None) -> None:
        bench.gate.wait(DEADLINE)

    queue.submit(Job("a", 1, 1, wait, crash))
    queue.submit(Job("a", 1, 1, lambda process: None, crash))
    queue.submit(bench.job("a", "waits"))
    async with asyncio.timeout(DEADLINE):
        assert await queue.stop(0.05) == 3
    assert bench.ended == [("waits", "shutdown")]
    assert [type(fault["exception"]) for fault in told] == [ValueError, ValueError]
    bench.gate.set()
    queue.close()


LARGE_LIST = json.dumps(
    {
        "kind": "SecretList",
        "apiVersion": "v1",
        "items": [{"metadata": {"name": f"s{n}"}, "data": {"p": "c2VjcmV0"}} for n in range(5_000)],
    }
).encode()
ANSWER_OMITTED = "auditproxy.io/response-object-omitted"


async def lists(connection: FakeConnection) -> None:
    """Every answer is a large list of secrets."""
    while await connection.read_request() is not None:
        connection.send(answer(200, LARGE_LIST, b"Content-Type: application/json"))


def worker(proxy: RunningProxy) -> int:
    """The process that decodes for a proxy, 0 without one."""
    (found,) = proxy.proxy.handler.shared.decoding._processes
    return found.pid


def unread(proxy: RunningProxy) -> int:
    """Bytes that the process has been sent and has not read."""
    (found,) = proxy.proxy.handler.shared.decoding._processes
    if found._socket is None:
        return 0
    size = bytearray(4)
    fcntl.ioctl(found._socket, termios.TIOCOUTQ, size)
    return int.from_bytes(size, sys.byteorder)


async def test_a_process_decodes(tmp_path: Path) -> None:
    """Large bodies are decoded and redacted in a process, as on a thread; small ones start none."""
    found = []
    for processes in (0, 1):
        async with (
            FakeUpstream(lists) as upstream,
            proxy_before(
                upstream.port,
                tmp_path,
                audit_decode_processes=processes,
                audit_redact_key_file=str(key_file(tmp_path)),
            ) as proxy,
        ):
            await proxy.ask(request("POST", REVIEWS, body=b'{"spec":{}}'))
            if processes:
                assert worker(proxy) == 0
            await proxy.ask(request("GET", "/api/v1/secrets"))
            event = proxy.events[-1]
            notes = {k: v for k, v in event["annotations"].items() if "latency" not in k}
            found.append((event["responseObject"], notes))
            if processes:
                pid = worker(proxy)
                assert Path(f"/proc/{pid}").exists()
            assert accounted(proxy) == 0
    assert found[0] == found[1]
    assert "c2VjcmV0" not in json.dumps(found)
    assert "hmac-sha256" in json.dumps(found)
    assert not Path(f"/proc/{pid}").exists()


def key_file(folder: Path) -> Path:
    """A key of digests."""
    path = folder / "key"
    path.write_bytes(b"0123456789abcdef0123456789abcdef")
    return path


async def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """It costs its request the bodies, with an annotation and a count, and no event."""
    told: list[str] = []
    async with (
        FakeUpstream(lists) as upstream,
        proxy_before(upstream.port, tmp_path, audit_decode_processes=1) as proxy,
    ):
        proxy.proxy.handler.shared.decoding._report = told.append
        await proxy.ask(request("GET", "/api/v1/secrets"))
        before = worker(proxy)
        os.kill(before, signal.SIGSTOP)
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/secrets"))
        await read_answer(reader, "GET")
        assert len(proxy.proxy.handler.shared.decoding) == 1
        assert accounted(proxy) == 1
        # Otherwise its end may be noticed before the task is sent, and another one has it.
        await waited(lambda: unread(proxy) > 0, "it has some of the task")
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE):
            await proxy.proxy.settle()
        event = proxy.events[-1]
        assert event["stage"] == "ResponseComplete"
        assert event["responseStatus"]["code"] == 200
        assert event["annotations"][ANSWER_OMITTED] == (
            "not decoded: the process that decodes bodies ended"
        )
        assert "responseObject" not in event
        assert proxy.metric("auditproxy_bodies_undecoded_total", reason="process") == 1
        assert told == [
            "the process that decodes bodies failed; an event notes it: it ended with signal SIGKILL"
        ]
        await proxy.ask(request("GET", "/api/v1/secrets"))
        assert len(proxy.events[-1]["responseObject"]["items"]) == 5_000
        assert worker(proxy) not in (0, before)
        assert accounted(proxy) == 0


async def test_where_no_process_can_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread decodes instead: no body is missing, and operators learn why."""
    told: list[str] = []
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    async with (
        FakeUpstream(lists) as upstream,
        proxy_before(upstream.port, tmp_path, audit_decode_processes=1) as proxy,
    ):
        (process,) = proxy.proxy.handler.shared.decoding._processes
        process._report = told.append
        for _ in range(3):
            await proxy.ask(request("GET", "/api/v1/secrets"))
            assert len(proxy.events[-1]["responseObject"]["items"]) == 5_000
        assert accounted(proxy) == 0
        assert worker(proxy) == 0
        assert proxy.metric("auditproxy_bodies_undecoded_total", reason="process") == 0
    assert [line.partition(";")[0] for line in told] == [
        "no process can be started to decode bodies: No such file or directory"
    ]


async def test_stop_while_a_process_decodes(tmp_path: Path) -> None:
    """B1: a process that does not come to an end holds up no stop, and is gone after it."""
    async with (
        FakeUpstream(lists) as upstream,
        proxy_before(
            upstream.port, tmp_path, audit_decode_processes=1, audit_grace=100_000_000
        ) as proxy,
    ):
        await proxy.ask(request("GET", "/api/v1/secrets"))
        pid = worker(proxy)
        os.kill(pid, signal.SIGSTOP)
        for _ in range(3):
            reader, writer = await proxy.connect()
            writer.write(request("GET", "/api/v1/secrets"))
            await read_answer(reader, "GET")
        async with asyncio.timeout(DEADLINE):
            await proxy.proxy.close()
        events = [event for event in proxy.events if event["stage"] == "ResponseComplete"]
        notes = [event["annotations"].get(ANSWER_OMITTED) for event in events]
        assert notes == [None, *["not decoded: the proxy was stopping"] * 3]
        assert proxy.metric("auditproxy_bodies_undecoded_total", reason="shutdown") == 3
        assert accounted(proxy) == 0
        assert not Path(f"/proc/{pid}").exists()


async def test_turns_of_processes() -> None:
    """B1: owners take turns at processes as they do at the thread; each process has one job."""
    queue = DecodeQueue(processes=[DecodeProcess(1), DecodeProcess(1)])
    gates: dict[str, threading.Event] = {}
    begun: dict[str, DecodeProcess | None] = {}
    ended: list[str] = []

    def decode(name: str, process: DecodeProcess | None) -> None:
        begun[name] = process
        gates[name].wait(DEADLINE)

    def finish(name: str, skipped: Skipped) -> None:
        ended.append(name)

    for name in ("a1", "a2", "a3", "a4", "b1", "c1"):
        gates[name] = threading.Event()
        cost = DEAR - 1 if name == "a2" else DEAR
        job = Job(name[0], 1, cost, partial(decode, name), partial(finish, name))
        queue.submit(job)
    assert len(queue) == 6
    await waited(lambda: begun.keys() == {"a1", "a2"}, "two are decoded at once")
    for done, following in (("a2", "a3"), ("a1", "b1"), ("b1", "c1"), ("a3", "a4")):
        gates[done].set()
        await waited(lambda wanted=following: wanted in begun, following)  # type: ignore[misc]
        assert len(begun) == len(ended) + 2
    for gate in gates.values():
        gate.set()
    await queue.settle()
    assert ended[:4] == ["a2", "a1", "b1", "a3"]
    assert [name for name, process in begun.items() if process is None] == ["a2"]
    assert begun["a1"] is not begun["a3"]
    queue.close()


async def test_processes_that_cannot_start() -> None:
    """A job that its process did not do ends as one; others go on."""
    ended: list[Skipped] = []
    told: list[str] = []
    queue = DecodeQueue(processes=[DecodeProcess(1)], report=told.append)

    def fail(process: DecodeProcess | None) -> None:
        raise ProcessEndedError("it could not be started")

    for decode in (fail, lambda process: None):
        queue.submit(Job("a", 1, DEAR, decode, ended.append))
    await queue.settle()
    assert ended == ["process", ""]
    assert told == [
        "the process that decodes bodies failed; an event notes it: it could not be started"
    ]
    queue.close()
