"""What is recorded on the short way is what the chain records, whatever the policy wants."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bothways import ECHOED, JSON, OK, POD, Scene, both, kube
from tests.fakes.proxy import ALICE, EVERYTHING, request
from tests.fakes.upstream import FakeConnection, answer
from tests.fakes.waiting import until

GET = request()
LIST = request("GET", "/api/v1/pods?limit=500&resourceVersion=0", "Accept: application/json")
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
TYPE = "Content-Type: application/json"
BODY = b'{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"n1"}}'
REQUESTS = {
    "get": GET,
    "get of alice": request(token=ALICE),
    "list": LIST,
    "not a resource": request("GET", "/healthz?verbose"),
    "quoted": request("GET", '/api/v1/namespaces/a"<>\\^`{|}/pods/%22%0a?a="<>&b=%'),
    "secret in the query": request("GET", "/api/v1/pods?token=abc&access_token=d"),
    "agent": request("GET", "/api/v1/pods", 'User-Agent: kubectl/v1 "q" \xe9', "Accept: */*"),
    "forwarded": request("GET", "/api", "X-Forwarded-For: 1.2.3.4, nobody", "X-Real-Ip: 9.9.9.9"),
    "put": request("PUT", LEASE, TYPE, body=BODY),
    "put of no JSON": request("PUT", LEASE, TYPE, body=b"{"),
    "put without a type": request("PUT", LEASE, body=BODY),
    "put of YAML": request("PUT", LEASE, "Content-Type: application/yaml", body=b"a: b\n"),
    "put, dry run": request("PUT", f"{LEASE}?dryRun=All", TYPE, body=BODY),
    "post": request("POST", "/api/v1/namespaces/d/pods", TYPE, body=POD),
    "post without a body": request("POST", "/api/v1/namespaces/d/pods"),
    "patch": request("PATCH", LEASE, "Content-Type: application/merge-patch+json", body=b"{}"),
    "apply": request("PATCH", LEASE, "Content-Type: application/apply-patch+yaml", body=b"a: b\n"),
    "patch of no kind": request("PATCH", LEASE, TYPE, body=b"{}"),
    "delete": request("DELETE", LEASE),
    "delete with options": request("DELETE", LEASE, TYPE, body=b'{"kind":"DeleteOptions"}'),
    "delete of all": request("DELETE", "/api/v1/namespaces/d/pods"),
    "get with a body": request("GET", LEASE, TYPE, body=BODY),
    "get with a length": request("GET", LEASE, "Content-Length: 0"),
    "secret": request("GET", "/api/v1/namespaces/d/secrets/s"),
    "secret put": request(
        "PUT",
        "/api/v1/namespaces/d/secrets/s",
        TYPE,
        body=b'{"kind":"Secret","apiVersion":"v1","data":{"a":"c2VjcmV0"}}',
    ),
    "token": request("POST", "/api/v1/namespaces/d/serviceaccounts/s/token", TYPE, body=b"{}"),
    "old": request("GET", "/apis/extensions/v1beta1/namespaces/d/ingresses/i"),
    "watch": request("GET", "/api/v1/pods?watch=0"),
    "scale": request("GET", "/apis/apps/v1/namespaces/d/deployments/x/scale"),
}
NOT_SHORT = {"token", "get with a length"}
"""Whether they go the short way is not for this test."""
LEVELS = ("None", "Metadata", "Request", "RequestResponse")


def policy(level: str, more: str = "") -> str:
    """A policy of one rule."""
    return EVERYTHING.replace("level: RequestResponse", f"level: {level}{more}")


@pytest.mark.parametrize("log", [False, True], ids=["events", "lines"])
@pytest.mark.parametrize("level", LEVELS)
async def test_requests(tmp_path: Path, level: str, log: bool) -> None:
    """T153: every kind of request, on one connection and several times, at any level."""
    bodies = [
        OK,
        kube(201, POD),
        OK,
        answer(201, POD, JSON, reason=b"Created"),
        answer(200, b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}', JSON),
    ]

    async def play(scene: Scene) -> None:
        for raw in REQUESTS.values():
            for _ in range(3):
                await scene.ask(raw)

    steps = bodies * len(REQUESTS)
    took = 2 * (len(REQUESTS) - len(NOT_SHORT)) - 2
    seen = await both(tmp_path, steps, play, log=log, policy=policy(level), took=took)
    assert len(seen.events) == (0 if level == "None" else 2 * (3 * len(REQUESTS) + 1))


@pytest.mark.parametrize("log", [False, True], ids=["events", "lines"])
@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("stage", ["RequestReceived", "ResponseComplete"])
async def test_stages(tmp_path: Path, stage: str, level: str, log: bool) -> None:
    """Stages that the policy leaves out."""

    async def play(scene: Scene) -> None:
        for raw in (GET, REQUESTS["put"]):
            for _ in range(3):
                await scene.ask(raw)

    wanted = policy(level, f", omitStages: [{stage}]")
    seen = await both(tmp_path, [], play, log=log, policy=wanted, took=4)
    assert len(seen.events) == 7
    assert stage not in {event["stage"] for event in seen.events}


ANSWERS = {
    "like the last": [
        *(kube(200, b"1" * length) for length in (1, 1, 9, 10, 99, 100, 5, 1000)),
        kube(201, POD),
        *(kube(200, POD, date=b"Date: %d" % day) for day in (1, 1, 2, 2, 1)),
        kube(200, POD).replace(ECHOED, b"theirs"),
        kube(200, POD, b"Vary: a"),
        kube(200, POD),
        kube(200, POD, b"Vary: b"),
        kube(200, POD).replace(b"Content-Length: ", b"Content-Length: 0"),
        kube(200, POD).replace(b"\r\n\r\n", b"\r\nVary: a\r\n\r\n", 1),
        kube(200, POD).replace(b"\r\n\r\n", b"\r\nAudit-Id: b\r\n\r\n", 1),
        kube(200, POD).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1),
    ],
    "code": [answer(code, POD, JSON, reason=b"Other") for code in (200, 201, 202, 203, 206, 299)],
    "Status": [answer(200, b'{"kind":"Status","apiVersion":"v1","status":"Success","code":%d}' % code, JSON) for code in (200, 202, 404)],
    "types": [
        answer(200, POD, JSON, b"Content-Type: text/plain"),
        answer(200, POD, b"Content-Type: application/json;charset=utf-8"),
        answer(200, POD, b"Content-Type: text/plain", b"X-Content-Type-Options: nosniff"),
        answer(200, b"k8s\0\n\x08\n\x02v1\x12\x02ab", b"Content-Type: application/vnd.kubernetes.protobuf"),
        answer(200, b"a: b\n", b"Content-Type: application/yaml"),
        answer(200, POD),
        answer(200, b"\x1f\x8bbroken", JSON, b"Content-Encoding: gzip"),
        answer(200, b'{"a":', JSON),
        answer(200, b"", JSON),
        answer(200, b'{"a":' * 2000, JSON),
    ],
    "sizes": [
        answer(200, json.dumps({"kind": "Pod", "a": "x" * size}).encode(), JSON)
        for size in (1, 4_000, 16_000, 30_000, 70_000, 200_000)
    ],
}  # fmt: skip


@pytest.mark.parametrize("log", [False, True], ids=["events", "lines"])
@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("kind", ANSWERS)
async def test_answers(tmp_path: Path, kind: str, level: str, log: bool) -> None:
    """Bodies of every kind and size, small ones and such as are decoded aside."""
    steps = [step for step in ANSWERS[kind] for _ in range(2)]

    async def play(scene: Scene) -> None:
        for raw in (GET, REQUESTS["put"]):
            for _ in steps:
                await scene.ask(raw)

    seen = await both(
        tmp_path, steps * 2, play, log=log, policy=policy(level), took=len(steps) // 2
    )
    assert len(seen.events) == 4 * len(steps) + 2


async def test_large_requests(tmp_path: Path) -> None:
    """Bodies of requests around the bounds of what is read at once."""
    sizes = (10, 5_000, 20_000, 40_000, 100_000)
    bodies = [json.dumps({"kind": "Lease", "a": "x" * size}).encode() for size in sizes]

    async def play(scene: Scene) -> None:
        for body in bodies:
            for _ in range(3):
                await scene.ask(request("PUT", LEASE, TYPE, body=body))

    await both(tmp_path, [], play, took=2)


@pytest.mark.parametrize("log", [False, True], ids=["events", "lines"])
@pytest.mark.parametrize(
    "flags",
    [
        {"audit_authorization_annotations": "infer"},
        {"audit_authorization_annotations": "none"},
        {"audit_redact": "none"},
        {"audit_log_mode": "blocking-strict"},
        {"audit_log_mode": "durable"},
        {"audit_log_truncate_enabled": True},
    ],
    ids=str,
)
async def test_flags(tmp_path: Path, flags: dict[str, Any], log: bool) -> None:
    """Other ways to store, redact and explain."""

    async def play(scene: Scene) -> None:
        for name in ("get", "put", "secret put", "secret in the query", "old"):
            for _ in range(3):
                await scene.ask(REQUESTS[name])

    await both(tmp_path, [], play, log=log, took=6, **flags)


@pytest.mark.parametrize("log", [False, True], ids=["events", "lines"])
@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("milliseconds", [499, 500, 501, 5000])
async def test_slow_ones(tmp_path: Path, milliseconds: int, level: str, log: bool) -> None:
    """From half a second on an event says where the time went."""

    passed = [0]
    is_warm = [False]

    async def later(connection: FakeConnection) -> None:
        passed[0] += milliseconds * 1_000_000 * is_warm[0]
        connection.send(OK)

    async def play(scene: Scene) -> None:
        scene.handler.shared.monotonic_clock = lambda: passed[0]
        is_warm[0] = False
        await scene.ask(GET)
        await scene.ask(REQUESTS["put"])
        is_warm[0] = True
        for raw in (GET, REQUESTS["put"], GET):
            await scene.ask(raw)

    seen = await both(tmp_path, [later] * 5, play, log=log, policy=policy(level), took=3)
    marks = ["apiserver.latency.k8s.io/total" in e.get("annotations", {}) for e in seen.events]
    assert sum(marks) == (3 if milliseconds > 500 else 0)


class HeldLog:
    """The thread of a log in its blocking mode, which is at work on something large, or not."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.scene: Any = None

    def hold(self) -> None:
        """Give it work that lasts."""
        self.aside._writer.run(self._wait)

    def _wait(self) -> None:
        self.gate.wait(10)

    @property
    def aside(self) -> Any:
        """The backend that has the thread."""
        return self.scene.handler.shared.sink._inner

    async def release(self) -> None:
        """Let it go on, once an event waits for it."""
        await until(lambda: self.aside._awaited.waiting == 1, "an event waits for its turn")
        self.gate.set()


@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("stage", ["RequestReceived", "ResponseComplete"])
async def test_a_log_that_a_thread_has(tmp_path: Path, stage: str, level: str) -> None:
    """A line that comes while a large event is written is an event that waits, on both ways."""
    held = HeldLog()

    async def holding(connection: FakeConnection) -> None:
        if stage == "ResponseComplete":
            held.hold()
        connection.send(OK)

    async def play(scene: Scene) -> None:
        held.scene = scene
        held.gate.clear()
        await scene.ask(GET)
        if stage == "RequestReceived":
            held.hold()
        scene.client.send(GET)
        await held.release()
        await scene.answered()
        await scene.ask(GET)

    seen = await both(
        tmp_path, [OK, holding, OK], play, log=True, policy=policy(level), audit_log_mode="blocking"
    )
    assert [event["stage"] for event in seen.events] == ["RequestReceived", "ResponseComplete"] * 4
    assert seen.metrics['auditproxy_audit_events_written_total{"plugin": "log"}'] == 8
