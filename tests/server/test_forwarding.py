"""Forwarding: what goes up, what is asked again, and what is refused on the way."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditproxy.server.forwarding import SMALL_BODY
from tests.conformance.client import read_answer
from tests.fakes.proxy import ALICE, BOB, RunningProxy, proxy_before, request
from tests.fakes.upgrades import SWITCH_SPDY
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying

JSON = b"Content-Type: application/json"


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/pods?",
        "/api/v1/pods??",
        "/api//v1/../pods/%2e%2E/a%2Fb",
        "/apis/x/v1/y?a=%zz&b=1;c=2&=&d",
        "/%41%7e?x=%20+",
    ],
)
async def test_target_byte_for_byte(tmp_path: Path, target: str) -> None:
    """T122 T130: the upstream gets the target exactly as the client sent it."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request("GET", target))
        line = upstream.connections[0].received.split(b"\r\n")[0]
        assert line == f"GET {target} HTTP/1.1".encode()


async def test_chunked_upload(tmp_path: Path) -> None:
    """T088 T093: a chunked body is framed anew; trailers are not headers."""
    raw = request("POST", "/api/v1/pods", "Transfer-Encoding: chunked", "Content-Type: text/x")
    raw += b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nImpersonate-User: evil\r\n\r\n"
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(raw)
        assert got.status == 200
        received = bytes(upstream.connections[0].received)
        assert b"evil" not in received
        assert b"Transfer-Encoding: chunked" in received
        body = received.partition(b"\r\n\r\n")[2]
        assert b"".join(body.split(b"\r\n")[1::2]).startswith(b"abcde")


@pytest.mark.parametrize("size", [1000, 1_000_000], ids=["small", "large"])
async def test_slow_body(tmp_path: Path, size: int) -> None:
    """T216: a body that comes too slowly is a 408 with its event, and never whole upstream."""
    cut = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        try:
            await connection.read_request()
        finally:
            cut.set()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        services = proxy.proxy.handler.services
        services.limits = dataclasses.replace(services.limits, body_wait=100_000_000)
        reader, writer = await proxy.connect()
        writer.write(request("POST", "/api/v1/pods", f"Content-Length: {size}") + b'{"a":')
        async with asyncio.timeout(10):
            got = await read_answer(reader, "POST")
            assert await reader.read() == b"", "the connection is closed behind it"
            if upstream.connections:
                await cut.wait()
        assert got.status == 408
        assert json.loads(got.body)["message"] == "the request body arrives too slowly"
        await proxy.until_events(2)
        assert proxy.stages()[-1] == ("ResponseComplete", 408)
        assert len(upstream.connections) == (size > SMALL_BODY)


async def test_silent_tunnel(tmp_path: Path) -> None:
    """T216: what goes through a proxy subresource may pause for as long as it likes."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        services = proxy.proxy.handler.services
        services.limits = dataclasses.replace(services.limits, body_wait=50_000_000)
        reader, writer = await proxy.connect()
        through = "/api/v1/namespaces/d/pods/p/proxy/x"
        writer.write(request("POST", through, "Content-Length: 100000") + b" ")
        other, slow = await proxy.connect()
        slow.write(request("POST", "/api/v1/pods", "Content-Length: 9") + b" ")
        async with asyncio.timeout(10):
            assert (await read_answer(other, "POST")).status == 408
            writer.write(b" " * 99_999)
            assert (await read_answer(reader, "POST")).status == 200


class SecondIsReset:
    """An upstream that resets the connection at the second request, and has ``seen`` so many."""

    def __init__(self) -> None:
        self.seen = 0

    async def __call__(self, connection: FakeConnection) -> None:
        while True:
            await connection.read_request()
            self.seen += 1
            if self.seen == 2:
                connection.reset()
                return
            connection.send(answer(200, b"ok"))


async def test_retry_is_noted(tmp_path: Path) -> None:
    """T183: a GET that met a dead connection is sent once more, with one Audit-ID and a note."""
    script = SecondIsReset()
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        await proxy.ask(request())
        got = await proxy.ask(request("GET", "/api/v1/pods", "Audit-ID: second"))
        assert got.status == 200
        assert script.seen == 3
        events = [event for event in proxy.events if event["auditID"] == "second"]
        assert len(events) == 2
        assert events[-1]["annotations"]["auditproxy.io/retried"] == "true"


async def test_post_is_not_sent_twice(tmp_path: Path) -> None:
    """A POST that may have arrived is never sent again."""
    script = SecondIsReset()
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        await proxy.ask(request())
        got = await proxy.ask(request("POST", "/api/v1/pods", body=b"{}"))
        assert got.status == 502
        assert script.seen == 2
        assert proxy.stages()[-1] == ("ResponseComplete", 502)


async def test_client_leaves_during_upload(tmp_path: Path) -> None:
    """T085 T158: an upload that breaks off ends the upstream's request and leaves its event."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        _, writer = await proxy.connect()
        size = 1 << 20
        writer.write(request("POST", "/api/v1/pods", f"Content-Length: {size}") + b"x" * 70_000)
        await upstream.until(lambda: bool(upstream.connections))
        first = upstream.connections[0]
        await first.until(lambda: len(first.received) > 1000)
        writer.transport.abort()
        await first.wait_closed(1)
        await proxy.until_events(2)
        assert proxy.events[-1]["responseStatus"]["message"] == "Connection closed early"


async def test_review_annotations(tmp_path: Path) -> None:
    """With review the reason is the authorizer's; an authorizer that fails gives no decision."""
    allowed = {"kind": "SubjectAccessReview", "status": {"allowed": True, "reason": "because"}}

    async def script(connection: FakeConnection) -> None:
        while True:
            head, _ = await connection.read_request()
            if b"subjectaccessreviews" not in head:
                connection.send(answer(200, b"ok"))
            elif b"alice" in connection.received:
                connection.send(answer(201, json.dumps(allowed).encode()))
            else:
                connection.send(answer(404, b"{}"))

    flags: dict[str, Any] = {"audit_authorization_annotations": "review"}
    async with (
        FakeUpstream(script) as upstream,
        proxy_before(upstream.port, tmp_path, **flags) as proxy,
    ):
        await proxy.ask(request("GET", "/api/v1/pods", token="alice-token"))
        annotations = proxy.events[-1]["annotations"]
        assert annotations["authorization.k8s.io/decision"] == "allow"
        assert annotations["authorization.k8s.io/reason"] == "because"


WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SPDY = ("Connection: Upgrade", "Upgrade: SPDY/3.1")
NOT_FOUND = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \\"box\\" '
    b'not found","reason":"NotFound","details":{"name":"box","kind":"pods"},"code":404}\n'
)
GONE = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"s"}}\n'
)
LIST = b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}\n'
OBJECT = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}'
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def without_times(events: list[dict[str, object]]) -> list[dict[str, object]]:
    """Events but for what differs between any two requests."""
    left = []
    for event in events:
        event = {k: v for k, v in event.items() if not k.endswith("Timestamp") and k != "auditID"}
        left.append(event)
    return left


@pytest.mark.parametrize("upgrade", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])
@pytest.mark.parametrize(
    ("method", "target", "body", "reply"),
    [
        ("DELETE", "/api/v1/namespaces/default/secrets/s", b"", answer(200, GONE, JSON)),
        ("DELETE", "/api/v1/namespaces/default/secrets", b"", answer(200, GONE, JSON)),
        ("DELETE", "/api/v1/namespaces/default/pods/box", b"", answer(404, NOT_FOUND, JSON)),
        ("GET", "/api/v1/namespaces/default/pods/box", b"", answer(404, NOT_FOUND, JSON)),
        ("GET", "/api/v1/pods", b"", answer(200, LIST, JSON)),
        ("GET", "/api/v1/pods?watch=1", b"", answer(404, NOT_FOUND, JSON)),
        ("GET", "/api/v1/namespaces/d/pods/p/exec", b"", answer(404, NOT_FOUND, JSON)),
        ("GET", "/version", b"", answer(200, b"{}", JSON)),
        ("HEAD", "/version", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        ("GET", "/", b"", answer(302, b"", b"Location: /x")),
        ("GET", "/", b"", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("POST", CONFIG_MAPS, OBJECT, answer(201, OBJECT, JSON)),
        ("PUT", f"{CONFIG_MAPS}/c", OBJECT, answer(200, OBJECT, JSON)),
        ("POST", "/api/v1/namespaces/d/pods/p/exec", b"x", answer(404, NOT_FOUND, JSON)),
    ],
)
async def test_upgrade_that_is_not_taken(
    tmp_path: Path, method: str, target: str, body: bytes, reply: bytes, upgrade: tuple[str, ...]
) -> None:
    """A1: where the server does not switch, all is answered and recorded as without Upgrade."""
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        kind = ("Content-Type: application/json",) if body else ()
        plain = await proxy.ask(request(method, target, *kind, body=body))
        await proxy.proxy.settle()
        expected = without_times(proxy.events)
        proxy.events.clear()
        got = await proxy.ask(request(method, target, *kind, *upgrade, body=body))
        await proxy.proxy.settle()
        assert without_times(proxy.events) == expected
        assert (got.status, got.body) == (plain.status, plain.body)
        own = {"audit-id", "connection"}
        assert [h for h in got.headers if h[0].lower() not in own] == [
            h for h in plain.headers if h[0].lower() not in own
        ]
        asked = bytes(upstream.connections[1].received)
        assert b"\r\nConnection: Upgrade\r\n" in asked
        assert asked.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("head", "target", "code"),
    [
        (b"", "/api/v1/pods?watch=1", 101),
        (b"Audit-Id: x\r\nContent-Length: 0\r\n", "/api/v1/pods?watch=1", 403),
        (b"Content-Length: 0\r\n", "/api/v1/pods?watch=1", 403),
        (b"", "/api/v1/pods", 403),
    ],
)
async def test_a_watch_whose_websocket_is_refused(
    tmp_path: Path, head: bytes, target: str, code: int
) -> None:
    """E: kube-apiserver has recorded 101 when the handshake is refused, in an answer without a header."""
    reply = b"HTTP/1.1 403 Forbidden\r\n" + head + b"\r\n"

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(reply)
        connection.close()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        got = await proxy.ask(request("GET", target, *WEBSOCKET))
        assert got.status == 403
        await proxy.proxy.settle()
        assert proxy.events[-1]["responseStatus"]["code"] == code
        assert (proxy.events[-1]["annotations"]["authorization.k8s.io/decision"] == "allow") is (
            code == 101
        )


async def test_late_answer_to_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A1: a short request has its own deadline, with Upgrade as without; long ones have a handshake's."""
    go_on = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        await go_on.wait()
        connection.send(answer(200, LIST, JSON))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        pool = proxy.proxy.handler.services.upstream.pool
        pool._limits = msgspec.structs.replace(pool._limits, upgrade_timeout=0.05)
        short, short_writer = await proxy.connect()
        short_writer.write(request("GET", "/api/v1/pods", *SPDY))
        long = await proxy.ask(request("GET", "/api/v1/namespaces/d/pods/p/exec", *SPDY))
        assert long.status == 504
        go_on.set()
        async with asyncio.timeout(5):
            assert (await read_answer(short, "GET")).status == 200


async def test_a_switch_before_the_body_is_complete(tmp_path: Path) -> None:
    """A 101 in the middle of a request's body is a 502 whose text says that, and makes no tunnel."""

    async def hasty(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(SWITCH_SPDY)
        await connection.wait_closed(5)

    async with FakeUpstream(hasty) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        half = ("Content-Length: 100000", *SPDY)
        writer.write(request("POST", "/api/v1/namespaces/d/pods/p/exec", *half) + b"x" * 10)
        async with asyncio.timeout(5):
            got = await read_answer(reader, "POST")
        assert got.status == 502
        status = json.loads(got.body)
        assert status["message"].startswith(
            "the Kubernetes API server switched protocols before the request was complete; "
        )
        await proxy.proxy.settle()
        assert proxy.events[-1]["responseStatus"]["code"] == 502
        annotations = proxy.events[-1]["annotations"]
        assert annotations["auditproxy.io/upstream-error"] == "protocol-error"


async def test_upgrade_in_a_pipeline(tmp_path: Path) -> None:
    """A1: an upgrade behind other requests waits for its turn, and what is before it is answered."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/1") + request("GET", "/2") + request("GET", "/3", *SPDY))
        async with asyncio.timeout(5):
            for _ in range(3):
                assert (await read_answer(reader, "GET")).status == 200
            assert await reader.read() == b""
        ended = [e["requestURI"] for e in proxy.events if e["stage"] == "ResponseComplete"]
        assert ended == ["/1", "/2", "/3"]


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\nabc\r\n", b"3\r\nabcd\r\n", b"-1\r\n", b"0x3\r\nabc\r\n", b"f" * 17 + b"\r\n"],
)
async def test_malformed_chunks(tmp_path: Path, chunks: bytes) -> None:
    """T092: a body whose framing is broken is a 400, audited; the upstream sees no whole request."""
    raw = request("POST", "/api/v1/pods", "Transfer-Encoding: chunked") + chunks
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(raw)
        assert got.status == 400
        for connection in upstream.connections:
            assert b"0\r\n\r\n" not in connection.received
        assert not any(event["stage"] == "Panic" for event in proxy.events)


async def test_impersonated_extra_key(tmp_path: Path) -> None:
    """A12: an escaped capital in an extra's key is asked for, recorded and forwarded as one value."""
    asked: list[str] = []

    async def script(connection: FakeConnection) -> None:
        while True:
            head, body = await connection.read_request()
            if b"subjectaccessreviews" in head:
                spec = json.loads(body)["spec"]["resourceAttributes"]
                if spec["resource"] == "userextras":
                    asked.append(spec["subresource"])
                allowed = {"kind": "SubjectAccessReview", "status": {"allowed": True}}
                connection.send(answer(201, json.dumps(allowed).encode(), JSON))
            else:
                connection.send(answer(200, LIST, JSON))

    extra = ("Impersonate-User: jane", "Impersonate-Extra-acme.io%2F%56ia: 1")
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        got = await proxy.ask(request("GET", "/api/v1/pods", *extra, token="alice-token"))
        assert got.status == 200
        assert asked == ["acme.io/Via"]
        assert proxy.events[-1]["impersonatedUser"]["extra"] == {"acme.io/Via": ["1"]}
        received = b"".join(bytes(c.received) for c in upstream.connections)
        assert b"\r\nImpersonate-Extra-acme.io%2F%56ia: 1\r\n" in received


async def sent_and_received(
    proxy: RunningProxy, upstream: FakeUpstream, requests: list[bytes]
) -> list[tuple[bytes, list[tuple[str, str]], bytes]]:
    """What goes up and what comes back for requests on one connection; ids are ``<id>``."""
    reader, writer = await proxy.connect()
    found = []
    for raw in requests:
        before = {id(each): len(each.received) for each in upstream.connections}
        writer.write(raw)
        async with asyncio.timeout(5):
            got = await read_answer(reader, "GET")
        audit_id = got.header("audit-id")
        up = b"".join(bytes(e.received[before.get(id(e), 0) :]) for e in upstream.connections)
        headers = [(name, value.replace(audit_id, "<id>")) for name, value in got.headers]
        assert up.count(audit_id.encode()) == 1
        found.append((up.replace(audit_id.encode(), b"<id>"), headers, got.body))
    return found


async def test_the_same_again(tmp_path: Path) -> None:
    """Requests that come again, by whomever, go up and are answered as they were at first."""
    body = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}'
    target = "/api/v1/namespaces/d/pods/p"
    kinds = [
        request("GET", target, token=ALICE),
        request("GET", target, token=BOB),
        request("GET", target, "X-A: 1", token=ALICE),
        request("GET", target, "Impersonate-User: eve", "Impersonate-Group: g"),
        request("GET", target, "Impersonate-User: mallory"),
        request("PUT", target, "Content-Type: application/json", body=body),
        request("PUT", target, "Content-Type: application/json", body=body + b" "),
        request("DELETE", target, "Connection: X-B", "X-B: 1", "Cookie: c"),
        request("GET", target, token=""),
    ]
    async with (
        FakeUpstream(replying(answer(200, body, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        first = [(await sent_and_received(proxy, upstream, [kind]))[0] for kind in kinds]
        for order in (kinds, kinds[::-1]):
            again = await sent_and_received(proxy, upstream, order * 3)
            wanted = first if order is kinds else first[::-1]
            assert again == wanted * 3
        users = [up.partition(b"Impersonate-User: ")[2].split(b"\r\n")[0] for up, _, _ in first]
        admin = [b"eve", b"mallory", b"admin", b"admin", b"admin"]
        assert users == [b"alice", b"bob", b"alice", *admin, b"system:anonymous"]
        await proxy.proxy.settle()
        await proxy.until_events(7 * 2 * len(kinds))
        shown = [
            {k: v for k, v in event.items() if not k.endswith("Timestamp") and k != "auditID"}
            for event in proxy.events
        ]
        for event in shown:
            event.pop("annotations", None)
        one = shown[: 2 * len(kinds)]
        assert shown[2 * len(kinds) : 8 * len(kinds)] == one * 3
