"""The chain, over real sockets: which events each way through it leaves, and what the client gets."""

import asyncio
import gc
import json
from pathlib import Path
from typing import Any, NoReturn

import pytest

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.audit import Event
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import Decision
from auditproxy.monitor.monitor import Unwatched
from auditproxy.server.exchange import Exchange
from auditproxy.upstream.messages import ResponseHead
from tests.fakes.proxy import ALICE, BOB, EVERYTHING, EventCollector, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import until

BOTH_LOOPS = True

POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}\n'
JSON = b"Content-Type: application/json"
NOT_FOUND = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"pods \\"box\\" not found","reason":"NotFound",'
    b'"details":{"name":"box","kind":"pods"},"code":404}\n'
)
FORBIDDEN = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"pods \\"box\\" is forbidden: User \\"admin\\" cannot get resource \\"pods\\" in '
    b'API group \\"\\" in the namespace \\"default\\"","reason":"Forbidden",'
    b'"details":{"name":"box","kind":"pods"},"code":403}\n'
)


def header_lines(received: bytes | bytearray) -> list[bytes]:
    """The header lines of the first request that an upstream received."""
    return bytes(received).split(b"\r\n\r\n")[0].split(b"\r\n")[1:]


async def test_get(tmp_path: Path) -> None:
    """A GET: RequestReceived and ResponseComplete, the object, the upstream's bytes."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api/v1/namespaces/default/pods/box?x=%41"))
        assert (got.status, got.body) == (200, POD)
        assert got.header("cache-control") == "no-cache, private"
        first, last = proxy.events
        assert got.header("audit-id") == first["auditID"] == last["auditID"]
        assert first["stage"] == "RequestReceived"
        assert first["stageTimestamp"] == first["requestReceivedTimestamp"]
        assert "responseStatus" not in first
        assert last["requestURI"] == "/api/v1/namespaces/default/pods/box?x=%41"
        assert last["verb"] == "get"
        assert last["user"]["username"] == "admin"
        assert last["objectRef"] == {
            "resource": "pods",
            "namespace": "default",
            "name": "box",
            "apiVersion": "v1",
        }
        assert last["responseStatus"] == {"metadata": {}, "code": 200}
        assert last["responseObject"] == json.loads(POD)
        assert last["annotations"] == {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "",
        }


async def test_identity_upstream(tmp_path: Path) -> None:
    """T007 T008 T020: the upstream sees our credential and the user, and nothing the client made up."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(
            request(
                "GET",
                "/api/v1/pods",
                "X-Remote-User: root",
                "X-Forwarded-For: 9.9.9.9",
                "Connection: Impersonate-User, Impersonate-Group, Authorization, close",
                "Cookie: a=b",
                "Accept: application/json",
                "Audit-ID: mine",
                token=ALICE,
            )
        )
        lines = header_lines(upstream.connections[0].received)
        assert b"Host: 127.0.0.1:%d" % upstream.port in lines
        assert b"Authorization: Bearer proxy-credential" in lines
        assert [x for x in lines if x.startswith(b"Impersonate-")] == [
            b"Impersonate-User: alice",
            b"Impersonate-Uid: 1",
            b"Impersonate-Group: dev",
            b"Impersonate-Group: system:authenticated",
        ]
        assert b"Audit-ID: mine" in lines
        assert b"Accept: application/json" in lines
        names = {line.split(b":")[0].lower() for line in lines}
        assert not names & {b"x-remote-user", b"x-forwarded-for", b"cookie", b"connection"}
        assert proxy.events[-1]["sourceIPs"] == ["9.9.9.9", "127.0.0.1"]


@pytest.mark.parametrize(
    ("raw", "stage", "code"),
    [
        (request(token="wrong"), "ResponseStarted", 401),
        (request("GET", "/api/v1/pods?timeout=10"), "ResponseStarted", 400),
        (request("GET", "/api/v1/watch"), "ResponseStarted", 500),
        (request("GET", "/api/v1/%zz"), "ResponseStarted", 400),
        (request("GET", "/api/v1/pods#x"), "ResponseStarted", 400),
        (request("OPTIONS", "*"), "ResponseStarted", 400),
        (request("GET", "/" + "a" * 132_000), "ResponseStarted", 414),
        (request("GET", "/api", "X-Forwarded-For: " + "1" * 132_000), "ResponseStarted", 431),
        (request("GET", "/api", "X_Remote_User: a"), "ResponseStarted", 400),
        (request("GET", "/api", "Impersonate-Foo: a"), "ResponseStarted", 400),
        (request("GET", "/api", "Expect: foo"), "ResponseStarted", 417),
        (
            b"GET /api HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "ResponseStarted",
            400,
        ),
        (request("POST", "/api", "Transfer-Encoding: gzip, chunked"), "ResponseStarted", 501),
    ],
)
async def test_refused_before_policy(tmp_path: Path, raw: bytes, stage: str, code: int) -> None:
    """T006 T156: what is refused before anyone is authenticated leaves one event and no upstream byte."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(raw)
        assert got.status == code
        assert proxy.stages() == [(stage, code)]
        assert proxy.events[0]["user"] == {}
        # A long target is not shown as a whole: anybody may send one.
        shortened = {"auditproxy.io/shortened": "requestURI"} if code == 414 else {}
        assert proxy.events[0].get("annotations", {}) == shortened
        assert len(proxy.events[0]["requestURI"]) <= 4096
        assert upstream.connections == []


async def test_unauthorized_body(tmp_path: Path) -> None:
    """T154: the 401 is kube-apiserver's Status, in the answer and in the event."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request(token="wrong"))
        status = json.loads(got.body)
        assert status == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        }
        assert proxy.events[0]["responseObject"] == status
        unreadable = await proxy.ask(request("GET", "/api", "Accept: text/html", token="wrong"))
        assert unreadable.status == 401
        assert proxy.events[1]["responseStatus"] == {
            "metadata": {},
            "message": "Authentication failed, attempted: bearer",
            "code": 401,
        }
        assert "responseObject" not in proxy.events[1]


async def test_anonymous(tmp_path: Path) -> None:
    """T041 T042: without credentials the user is system:anonymous, or there is a 401."""
    async with FakeUpstream(replying(answer(200, POD, JSON))) as upstream:
        async with proxy_before(upstream.port, tmp_path) as proxy:
            await proxy.ask(request(token=""))
            assert proxy.events[-1]["user"] == {
                "username": "system:anonymous",
                "groups": ["system:unauthenticated"],
            }
            lines = header_lines(upstream.connections[0].received)
            assert b"Impersonate-User: system:anonymous" in lines
        async with proxy_before(upstream.port, tmp_path, anonymous_auth=False) as proxy:
            assert (await proxy.ask(request(token=""))).status == 401
            assert proxy.stages() == [("ResponseStarted", 401)]


async def test_status_of_the_upstream(tmp_path: Path) -> None:
    """A Status that the upstream answers is the event's responseStatus at every level."""
    metadata = EVERYTHING.replace("RequestResponse", "Metadata")
    async with (
        FakeUpstream(replying(answer(404, NOT_FOUND, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, policy=metadata) as proxy,
    ):
        assert (await proxy.ask(request())).body == NOT_FOUND
        last = proxy.events[-1]
        assert last["responseStatus"]["reason"] == "NotFound"
        assert last["responseStatus"]["details"] == {"name": "box", "kind": "pods"}
        assert "responseObject" not in last
        assert last["annotations"]["authorization.k8s.io/decision"] == "allow"


async def test_inferred_forbid(tmp_path: Path) -> None:
    """A 403 in the authorizer's words is inferred as forbid, with its message as the reason."""
    async with (
        FakeUpstream(replying(answer(403, FORBIDDEN, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request())
        annotations = proxy.events[-1]["annotations"]
        assert annotations["authorization.k8s.io/decision"] == "forbid"
        assert "cannot get resource" in annotations["authorization.k8s.io/reason"]


async def test_metadata_reads_the_body(tmp_path: Path) -> None:
    """objectRef is completed from the body even at Metadata, and the body is not recorded."""
    metadata = EVERYTHING.replace("RequestResponse", "Metadata")
    body = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new","uid":"u","resourceVersion":"5"}}'
    async with (
        FakeUpstream(replying(answer(201, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, policy=metadata) as proxy,
    ):
        target = "/api/v1/namespaces/default/pods"
        await proxy.ask(request("POST", target, "Content-Type: application/json", body=body))
        first, last = proxy.events
        assert "name" not in first["objectRef"]
        assert last["objectRef"]["name"] == "new"
        assert last["objectRef"]["uid"] == "u"
        assert last["objectRef"]["resourceVersion"] == "5"
        assert "requestObject" not in last
        assert upstream.connections[0].received.endswith(body)


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        (("Impersonate-User: jane",), 403, "cannot impersonate"),
        (("Impersonate-Group: g",), 400, "without impersonating a user name"),
        (("Impersonate-Uid: u",), 400, "without impersonating a user name"),
        (("iMPERSONATE-extra-x: u",), 400, "without impersonating a user name"),
    ],
)
async def test_impersonation_refused(
    tmp_path: Path, headers: tuple[str, ...], code: int, message: str
) -> None:
    """T001 T002 T003 T005 T155: refused impersonation is audited with the real user, nothing is forwarded."""
    denied = b'{"kind":"SubjectAccessReview","status":{"allowed":false}}'
    async with (
        FakeUpstream(replying(answer(201, denied, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api/v1/pods", *headers, token=BOB))
        assert got.status == code
        assert message in json.loads(got.body)["message"]
        assert got.header("x-content-type-options") == "nosniff"
        assert proxy.stages() == [("RequestReceived", None), ("ResponseComplete", code)]
        last = proxy.events[-1]
        assert last["user"]["username"] == "bob"
        assert "impersonatedUser" not in last
        assert "annotations" not in last
        for connection in upstream.connections:
            assert b"/api/v1/pods" not in connection.received


async def test_impersonation_allowed(tmp_path: Path) -> None:
    """T018: user is who asks, impersonatedUser whom the upstream sees."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(
            request("GET", "/api/v1/pods", "Impersonate-User: jane", "Impersonate-Group: ops")
        )
        first, last = proxy.events
        assert first["user"]["username"] == last["user"]["username"] == "admin"
        assert "impersonatedUser" not in first
        assert last["impersonatedUser"] == {
            "username": "jane",
            "groups": ["ops", "system:authenticated"],
        }
        assert last["authenticationMetadata"] == {
            "impersonationConstraint": "impersonate:user-info"
        }
        lines = header_lines(upstream.connections[0].received)
        assert b"Impersonate-User: jane" in lines
        assert b"Impersonate-User: admin" not in lines


async def test_passthrough(tmp_path: Path) -> None:
    """T019: in passthrough mode the client's own token goes up, and no credential of ours."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, upstream_identity="passthrough") as proxy,
    ):
        await proxy.ask(request("GET", "/api/v1/pods", "Impersonate-User: jane", token=ALICE))
        lines = header_lines(upstream.connections[0].received)
        assert b"Authorization: Bearer " + ALICE.encode() in lines
        assert b"Impersonate-User: jane" in lines
        assert not any(b"proxy-credential" in line for line in lines)
        assert proxy.events[-1]["impersonatedUser"]["username"] == "jane"


async def test_unreachable_upstream(tmp_path: Path) -> None:
    """T182: an upstream that cannot be reached is a 503 Status, audited, without a decision."""
    upstream = await FakeUpstream(replying(answer())).start()
    port = upstream.port
    await upstream.close()
    async with proxy_before(port, tmp_path) as proxy:
        got = await proxy.ask(request())
        assert got.status == 503
        assert json.loads(got.body)["reason"] == "ServiceUnavailable"
        assert proxy.stages() == [("RequestReceived", None), ("ResponseComplete", 503)]
        assert proxy.events[-1]["annotations"] == {"auditproxy.io/upstream-error": "unreachable"}
        assert proxy.metric("auditproxy_upstream_errors_total", reason="unreachable") == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 502),
        (b"garbage\r\n\r\n", 502),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 502),
    ],
)
async def test_broken_upstream(tmp_path: Path, reply: bytes, code: int) -> None:
    """T114 T117: an answer that cannot be framed is a 502 Status, audited."""
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request())
        assert got.status == code
        assert proxy.stages()[-1] == ("ResponseComplete", code)


async def test_upstream_breaks_off(tmp_path: Path) -> None:
    """A body that the upstream breaks off is never ended cleanly; the event keeps the code."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        connection.send(b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n')
        await connection.until(lambda: True)
        connection.close()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        got = await proxy.ask(request())
        assert got.status == 200
        assert not got.complete
        await proxy.until_events(2)
        assert proxy.stages()[-1] == ("ResponseComplete", 200)
        last = proxy.events[-1]
        assert last["annotations"]["auditproxy.io/upstream-error"] == "closed-early"
        assert "responseObject" not in last


async def test_deadline(tmp_path: Path) -> None:
    """T229: A request that outlives its ?timeout= gets kube-apiserver's 504."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        await connection.wait_closed(10)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        got = await proxy.ask(request("GET", "/api/v1/pods?timeout=1ms"))
        assert got.status == 504
        assert json.loads(got.body)["reason"] == "Timeout"
        assert proxy.stages()[-1] == ("ResponseComplete", 504)
        await upstream.connections[0].wait_closed()


async def test_watch_streams(tmp_path: Path) -> None:
    """T180 T209: a watch line passes as it comes; ResponseStarted is written before the first byte."""
    release = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nline1\n\r\n")
        await release.wait()
        connection.send(b"6\r\nline2\n\r\n0\r\n\r\n")

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(5):
            await reader.readuntil(b"line1\n")
            assert proxy.stages() == [("RequestReceived", None), ("ResponseStarted", 200)]
            release.set()
            await reader.readuntil(b"0\r\n\r\n")
        await proxy.until_events(3)
        assert proxy.stages()[-1] == ("ResponseComplete", 200)
        assert "responseObject" not in proxy.events[-1]


async def test_refused_watch(tmp_path: Path) -> None:
    """A refused watch shows its Status already in ResponseStarted."""
    async with (
        FakeUpstream(replying(answer(403, FORBIDDEN, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api/v1/pods?watch=1"))
        assert got.body == FORBIDDEN
        assert [stage for stage, _ in proxy.stages()] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]
        assert proxy.events[1]["responseStatus"]["reason"] == "Forbidden"
        assert proxy.events[1]["responseObject"] == json.loads(FORBIDDEN)


@pytest.mark.parametrize("answered", [False, True])
async def test_client_leaves(tmp_path: Path, answered: bool) -> None:
    """T158: a client that leaves ends the upstream's request within a second, and its event is written."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        if answered:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await connection.wait_closed(1)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        await upstream.until(lambda: bool(upstream.connections))
        await upstream.connections[0].until(lambda: b"\r\n\r\n" in upstream.connections[0].received)
        if answered:
            await reader.readuntil(b"hi")
        writer.transport.abort()
        await upstream.connections[0].wait_closed(1)
        await proxy.until_events(3)
        assert [stage for stage, _ in proxy.stages()] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]
        message = proxy.events[-1]["responseStatus"].get("message")
        assert message == (None if answered else "Connection closed early")


async def test_client_leaves_a_held_error(tmp_path: Path) -> None:
    """A refusal whose body is still to come is one, though no byte of it went out."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n{")
        await connection.wait_closed(5)

    class Watch(Unwatched):
        """Knows when a refusal's head is there."""

        def __init__(self) -> None:
            self.seen = asyncio.Event()

        def refused(
            self, user: UserInfo, info: RequestInfo, head: ResponseHead, *, upgrade: bool = False
        ) -> None:
            """It is there."""
            self.seen.set()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        watch = proxy.proxy.handler.shared.watch = Watch()
        _, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/namespaces/a/pods/box/exec?command=ls"))
        await until(watch.seen.is_set, "the head of the answer")
        writer.transport.abort()
        await proxy.until_events(3)
        assert [code for _, code in proxy.stages()] == [None, 403, 403]


async def test_strict_backend(tmp_path: Path) -> None:
    """blocking-strict: RequestReceived that cannot be stored is a 500, and nothing goes upstream."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        proxy.collector.accepts = False
        got = await proxy.ask(request("GET", "/api/v1/pods?a=1&b=2"))
        assert got.status == 500
        assert got.body == (
            b'Internal Server Error: "/api/v1/pods?a=1&amp;b=2": failed to store audit event\n'
        )
        assert upstream.connections == []
        assert proxy.stages() == [("RequestReceived", None)]
        assert proxy.metric("apiserver_audit_requests_rejected_total") == 1


async def test_strict_backend_and_omitted_stage(tmp_path: Path) -> None:
    """T165: what the policy omits is what blocking-strict waits for, so it is written all the same."""
    policy = EVERYTHING.replace("rules:", "omitStages: [RequestReceived]\nrules:")
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(
            upstream.port, tmp_path, policy=policy, audit_log_mode="blocking-strict"
        ) as proxy,
    ):
        assert (await proxy.ask(request())).status == 200
        assert proxy.stages() == [("RequestReceived", None), ("ResponseComplete", 200)]
        proxy.collector.accepts = False
        assert (await proxy.ask(request())).status == 500
        assert len(upstream.connections) == 1
        assert upstream.connections[0].received.count(b"GET ") == 1


async def test_latency_of_authorization(tmp_path: Path) -> None:
    """A slow review of a slow request is a layer of its own among the latency annotations."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        services = proxy.proxy.handler.services
        passed = [0]

        class Slow:
            """Takes 600 milliseconds of a clock that stands still otherwise."""

            async def authorize(self, attributes: Attributes) -> Decision:
                passed[0] += 600_000_000
                return Decision(allowed=True, reason="because")

        proxy.proxy.handler.shared.monotonic_clock = lambda: passed[0]
        services.annotation_authorizer = Slow()
        assert (await proxy.ask(request())).status == 200
        annotations = proxy.events[-1]["annotations"]
        assert annotations["authorization.k8s.io/reason"] == "because"
        prefix = "apiserver.latency.k8s.io/"
        layers = {k: v for k, v in annotations.items() if k.startswith(prefix)}
        assert layers == {f"{prefix}authorization": "600ms", f"{prefix}total": "600ms"}


async def test_authorizer_without_an_answer(tmp_path: Path) -> None:
    """HD7: where nobody could say why a request is allowed, its event says that and no decision."""

    async def script(connection: FakeConnection) -> None:
        while True:
            head, _ = await connection.read_request()
            reviews = b"subjectaccessreviews" in head
            connection.send(answer(500, b"{}", JSON) if reviews else answer(200, POD, JSON))

    flags: dict[str, Any] = {"audit_authorization_annotations": "review"}
    async with (
        FakeUpstream(script) as upstream,
        proxy_before(upstream.port, tmp_path, **flags) as proxy,
    ):
        assert (await proxy.ask(request(token="alice-token"))).status == 200
        annotations = proxy.events[-1]["annotations"]
        assert annotations["authorization.k8s.io/reason"] == "internal error"
        assert "authorization.k8s.io/decision" not in annotations


async def test_level_none(tmp_path: Path) -> None:
    """T161: without a matching rule nothing is recorded, and the request works."""
    policy = EVERYTHING.replace("{level: RequestResponse}", "{level: Metadata, verbs: [create]}")
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, policy=policy) as proxy,
    ):
        got = await proxy.ask(request())
        assert (got.status, got.body) == (200, POD)
        assert got.header("audit-id")
        assert proxy.events == []
        assert proxy.metric("apiserver_audit_level_total", level="None") == 1


async def test_crash(tmp_path: Path) -> None:
    """T157: a crash of our own is kube-apiserver's Panic event and its text; no value leaks."""

    async def crashing(*args: object, **more: object) -> NoReturn:
        raise RuntimeError("secret value")

    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        proxy.proxy.handler.services.impersonator.impersonate = crashing  # type: ignore[method-assign]
        got = await proxy.ask(request("GET", "/api/v1/pods", "Impersonate-User: bob"))
        assert got.status == 500
        assert got.body.startswith(b"This request caused apiserver to panic.")
        assert proxy.stages() == [("RequestReceived", None), ("Panic", 500)]
        message = proxy.events[-1]["responseStatus"]["message"]
        assert message == "APIServer panic'd: RuntimeError"


async def test_a_crash_of_the_last_event(tmp_path: Path) -> None:
    """A request whose last event cannot be emitted is not under way for ever."""

    class Crashing(EventCollector):
        def process_events(self, events: tuple[Event, ...]) -> bool:
            if events[0].stage == "ResponseComplete":
                raise MemoryError
            return super().process_events(events)

    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        shared = proxy.proxy.handler.shared
        shared.sink = Crashing()
        reader, writer = await proxy.connect()
        writer.write(request())
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()
        gc.collect()
        exchanges = [each for each in gc.get_objects() if isinstance(each, Exchange)]
        assert not any(each.shared is shared for each in exchanges)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
async def test_never_forwarded_methods(tmp_path: Path, method: str) -> None:
    """T101 T102: CONNECT and TRACE are kube-apiserver's 405 and reach no upstream."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request(method, "/api/v1/namespaces/default/pods/box"))
        assert got.status == 405
        assert proxy.stages()[-1] == ("ResponseComplete", 405)
        assert upstream.connections == []


async def test_keep_alive_identities(tmp_path: Path) -> None:
    """T033 T034: identity is per request, also for pipelined ones on one connection."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request(token=ALICE) + request(token=BOB) + request(token=""))
        async with asyncio.timeout(5):
            for _ in range(3):
                await reader.readuntil(POD)
        await proxy.until_events(6)
        users = [e["user"]["username"] for e in proxy.events if e["stage"] == "ResponseComplete"]
        assert users == ["alice", "bob", "system:anonymous"]
        assert len({e["auditID"] for e in proxy.events}) == 3


async def test_expect_continue(tmp_path: Path) -> None:
    """T104 T105: 100 Continue comes after authentication; refused requests do not get it."""
    async with (
        FakeUpstream(replying(answer(201, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        head = request("POST", "/api/v1/pods", "Expect: 100-continue", "Content-Length: 2")
        writer.write(head)
        async with asyncio.timeout(5):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"{}")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 201")
        assert b"Expect" not in upstream.connections[0].received
        reader, writer = await proxy.connect()
        writer.write(head.replace(b"admin-token", b"wrong"))
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401")


async def test_large_upload(tmp_path: Path) -> None:
    """T215: a large body streams up unchanged; past the limit of the copy the event says so."""
    body = b'{"a":"' + b"x" * (4 * 1024 * 1024) + b'"}'
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        target = "/api/v1/namespaces/default/pods"
        got = await proxy.ask(request("POST", target, "Content-Type: application/json", body=body))
        assert got.status == 200
        assert upstream.connections[0].received.endswith(body)
        note = proxy.events[-1]["annotations"]["auditproxy.io/request-object-omitted"]
        assert note == f"too large: {len(body)} bytes"
        assert "requestObject" not in proxy.events[-1]


async def test_large_answer_decoded_on_a_thread(tmp_path: Path) -> None:
    """An answer too large for the event loop is recorded all the same, whole."""
    items = ",".join(f'{{"metadata":{{"name":"p{n}"}}}}' for n in range(5000))
    body = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{}},"items":[{items}]}}\n'.encode()
    async with (
        FakeUpstream(replying(answer(200, body, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        assert (await proxy.ask(request("GET", "/api/v1/pods"))).body == body
        await proxy.until_events(2)
        assert proxy.events[-1]["responseObject"] == json.loads(body)
