"""Recorder: bodies that take a file on their way to the event, and what is left behind."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from auditproxy.serializer.govalues import Members
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.envelope import Envelope
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import until
from tests.fakes.wire import block, envelope

ITEM = {"metadata": {"name": "n" * 200}, "data": {"x": "y" * 800}}
LIST = json.dumps({"kind": "ConfigMapList", "apiVersion": "v1", "items": [ITEM] * 2000}).encode()
ENOUGH = 3 << 20
"""Memory that holds all of the list while it waits for the disk, and less than twice of it."""
FOLDED = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"x": "z" * 1_500_000}}


async def served(connection: FakeConnection) -> None:
    """Every answer is the list."""
    while await connection.read_request() is not None:
        connection.send(answer(200, LIST, b"Content-Type: application/json"))


async def recorded(tmp_path: Path, count: int = 1, **flags: Any) -> tuple[list[Any], list[float]]:
    """The last events of so many concurrent requests, and the metrics of captures after them."""
    async with FakeUpstream(served) as upstream:
        async with proxy_before(upstream.port, tmp_path, **flags) as proxy:
            answers = await asyncio.gather(
                *(proxy.ask(request("GET", "/api/v1/configmaps")) for _ in range(count))
            )
            assert [got.body for got in answers] == [LIST] * count
            metrics = [
                proxy.metric("auditproxy_capture_bytes", where="memory"),
                proxy.metric("auditproxy_capture_bytes", where="file"),
                proxy.metric("auditproxy_captures_dropped_total", reason="no-room"),
                proxy.metric("auditproxy_captures_dropped_total", reason="file-error"),
            ]
            return [e for e in proxy.events if e["stage"] == "ResponseComplete"], metrics


async def test_body_through_a_file(tmp_path: Path) -> None:
    """A body larger than the memory for copies is in its event, whole, and no file stays."""
    spill = tmp_path / "spill"
    spill.mkdir()
    events, metrics = await recorded(
        tmp_path,
        audit_capture_memory_limit=ENOUGH,
        audit_capture_spill_dir=str(spill),
    )
    assert events[0]["responseObject"] == json.loads(LIST)
    assert "annotations" in events[0]
    assert not any("omitted" in key for key in events[0]["annotations"])
    assert metrics == [0, 0, 0, 0]
    assert list(spill.iterdir()) == []


async def test_many_at_once(tmp_path: Path) -> None:
    """More than there is room for: each client has its answer, each event its body or the reason."""
    events, (memory, files, dropped, broken) = await recorded(
        tmp_path,
        count=8,
        audit_capture_memory_limit=1 << 20,
        audit_capture_spill_limit=3 << 20,
    )
    assert len(events) == 8
    whole = [e for e in events if "responseObject" in e]
    notes = [
        e["annotations"]["auditproxy.io/response-object-omitted"]
        for e in events
        if "responseObject" not in e
    ]
    assert all(e["responseObject"] == json.loads(LIST) for e in whole)
    assert notes
    assert all(note.startswith("no space for a copy of") for note in notes)
    assert dropped == len(notes)
    assert memory == files == broken == 0


async def test_folder_goes_away(tmp_path: Path) -> None:
    """Without its folder such a body is lost, never the event."""
    spill = tmp_path / "spill"
    spill.mkdir()
    async with FakeUpstream(served) as upstream:
        async with proxy_before(
            upstream.port,
            tmp_path,
            audit_capture_memory_limit=ENOUGH,
            audit_capture_spill_dir=str(spill),
        ) as proxy:
            spill.rmdir()
            assert (await proxy.ask(request("GET", "/api/v1/configmaps"))).body == LIST
            note = proxy.events[-1]["annotations"]["auditproxy.io/response-object-omitted"]
            assert note.endswith("could not be used")
            assert proxy.metric("auditproxy_captures_dropped_total", reason="file-error") == 1
            assert proxy.metric("auditproxy_capture_bytes", where="file") == 0


@pytest.mark.parametrize("level", ["Metadata", "RequestResponse"])
async def test_request_body_through_a_file(tmp_path: Path, level: str) -> None:
    """A large request body, too; at Metadata it fills objectRef."""
    body = json.dumps({**FOLDED, "metadata": {"name": "given"}}).encode()

    async def create(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(201, body, b"Content-Type: application/json"))

    async with FakeUpstream(create) as upstream:
        async with proxy_before(
            upstream.port,
            tmp_path,
            policy=f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {level}}}]\n",
            audit_capture_memory_limit=3 << 19,
        ) as proxy:
            target = "/api/v1/namespaces/d/configmaps"
            await proxy.ask(request("POST", target, "Content-Type: application/json", body=body))
            event = proxy.events[-1]
            assert event["objectRef"]["name"] == "given"
            assert ("requestObject" in event) == (level == "RequestResponse")

            def held() -> float | None:
                return proxy.metric("auditproxy_capture_bytes", where="memory")

            # A part of it may still be on its way to the file.
            await until(lambda: held() == 0, "the room is given back")


async def test_client_that_leaves(tmp_path: Path) -> None:
    """A client that leaves inside a large answer leaves no copy behind."""
    go = asyncio.Event()

    async def half(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: 4000000\r\n\r\n" + b"x" * 2_000_000
        )
        await go.wait()

    async with FakeUpstream(half) as upstream:
        async with proxy_before(
            upstream.port, tmp_path, audit_capture_memory_limit=1 << 20
        ) as proxy:
            reader, writer = await proxy.connect()
            writer.write(request("GET", "/api/v1/configmaps"))
            await reader.readexactly(1_500_000)
            writer.transport.abort()
            await proxy.until_events(2)
            await proxy.proxy.settle()
            assert "responseObject" not in proxy.events[-1]
            go.set()
            # What was on its way to a file counts until it is there.
            room = proxy.proxy.handler.shared.room
            await asyncio.wrap_future(room._writer.submit(lambda: None))
            for where in ("memory", "file"):
                assert proxy.metric("auditproxy_capture_bytes", where=where) == 0


class Broken(Decoder):
    """A decoder with a fault of its own."""

    def decode_object(self, found: Envelope, **_: object) -> bytes:
        """Fail as nothing should."""
        raise ZeroDivisionError("of a secret value")


@pytest.mark.parametrize("size", [10, 100_000])
async def test_fault_of_our_own(tmp_path: Path, size: int) -> None:
    """HD7: whatever recording meets, the event goes out and operators are told, without content."""

    async def create(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(201, b'{"kind":"Pod"}', b"Content-Type: application/json"))

    body = envelope("v1", "Pod", block(1, block(1, b"n" * size)))
    async with FakeUpstream(create) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        told: list[str] = []
        proxy.proxy.handler.services.types = Broken()
        proxy.proxy.handler.shared.report = told.append
        kind = "Content-Type: application/vnd.kubernetes.protobuf"
        target = "/api/v1/namespaces/d/pods"
        assert (await proxy.ask(request("POST", target, kind, body=body))).status == 201
        event = proxy.events[-1]
        assert event["stage"] == "ResponseComplete"
        assert event["responseObject"] == {"kind": "Pod"}
        omitted = event["annotations"]["auditproxy.io/request-object-omitted"]
        assert omitted == "recording it failed"
        assert len(told) == 1
        assert event["auditID"] in told[0]
        assert "ZeroDivisionError" in told[0]
        assert "secret" not in told[0]
        assert proxy.metric("auditproxy_capture_bytes", where="memory") == 0


class Watched(Decoder):
    """A decoder that remembers the thread of its last object."""

    thread = ""

    def spell(self, object_members: Members, *arguments: Any, **named: Any) -> None:
        """Note the thread."""
        self.thread = threading.current_thread().name
        super().spell(object_members, *arguments, **named)


@pytest.mark.parametrize(
    ("text", "is_beside"),
    [(b"kind: Pod\na: [&a {b: c}, *a]\n", True), (b"kind: Pod\na: [{b: c}, {b: c}]\n", False)],
)
async def test_aliases_are_read_beside_the_event_loop(
    tmp_path: Path, text: bytes, is_beside: bool
) -> None:
    """B1: a few bytes of YAML may unfold to a megabyte; others are too short to wait for a turn."""

    async def create(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(201, b'{"kind":"Pod"}', b"Content-Type: application/json"))

    async with FakeUpstream(create) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        watched = proxy.proxy.handler.services.types = Watched()
        target = "/api/v1/namespaces/d/pods"
        await proxy.ask(request("POST", target, "Content-Type: application/yaml", body=text))
        await proxy.proxy.settle()
        assert proxy.events[-1]["requestObject"]["a"] == [{"b": "c"}, {"b": "c"}]
        assert watched.thread.startswith("decode-bodies") is is_beside


async def test_error_of_a_pod(tmp_path: Path) -> None:
    """B1: an error that is read before its client has it has a budget, too."""
    body = b"kind: Status\nx: [" + b"1," * 50_000 + b"1]\n"

    async def refuse(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(400, body, b"Content-Type: application/yaml"))

    async with FakeUpstream(refuse) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        target = "/api/v1/namespaces/d/pods/p/proxy/"
        assert (await proxy.ask(request("GET", target))).body == body
        await proxy.proxy.settle()
        note = proxy.events[-1]["annotations"]["auditproxy.io/response-object-omitted"]
        assert note == "not decoded: more than 65536 bytes of YAML"
        assert proxy.metric("auditproxy_bodies_undecoded_total", reason="nodes") == 1


@pytest.mark.parametrize("size", [10, 100_000])
async def test_fault_of_our_own_in_an_answer(tmp_path: Path, size: int) -> None:
    """HD7: an answer that cannot be recorded keeps its code, the decision and the request's body."""
    packed = envelope("v1", "Pod", block(1, block(1, b"n" * size)))

    async def create(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(201, packed, b"Content-Type: application/vnd.kubernetes.protobuf"))

    body = json.dumps({"kind": "Pod", "metadata": {"name": "given"}}).encode()
    async with FakeUpstream(create) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        told: list[str] = []
        proxy.proxy.handler.services.types = Broken()
        proxy.proxy.handler.shared.report = told.append
        kind = "Content-Type: application/json"
        target = "/api/v1/namespaces/d/pods"
        assert (await proxy.ask(request("POST", target, kind, body=body))).status == 201
        event = proxy.events[-1]
        assert event["requestObject"] == json.loads(body)
        assert event["objectRef"]["name"] == "given"
        assert event["responseStatus"]["code"] == 201
        notes = event["annotations"]
        assert notes["authorization.k8s.io/decision"] == "allow"
        assert notes["auditproxy.io/response-object-omitted"] == "recording it failed"
        assert len(told) == 1
        assert "secret" not in told[0]


@pytest.mark.parametrize(
    ("headers", "relayed"),
    [
        ((), False),
        ((b"Audit-Id: 1", b"Cache-Control: no-cache, private"), False),
        ((b"Audit-Id: 1", b"audit-id: 1"), True),
        ((b"Cache-Control: no-cache, private", b"Cache-Control: no-store"), False),
    ],
)
async def test_answers_of_aggregated_servers(
    tmp_path: Path, headers: tuple[bytes, ...], relayed: bool
) -> None:
    """An answer with an Audit-Id of two servers is the second one's: the body was read."""
    status = {
        "kind": "Status",
        "message": 'widgets.agg.io "w" not found',
        "reason": "NotFound",
        "details": {"name": "w", "group": "agg.io", "kind": "widgets"},
        "code": 404,
    }

    async def refuse(connection: FakeConnection) -> None:
        await connection.read_request()
        body = json.dumps(status).encode()
        connection.send(answer(404, body, b"Content-Type: application/json", *headers))

    async with FakeUpstream(refuse) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        kind = "Content-Type: application/json"
        target = "/apis/agg.io/v1/namespaces/n/widgets/w/approve"
        await proxy.ask(request("POST", target, kind, body=b'{"kind":"Approval"}'))
        assert ("requestObject" in proxy.events[-1]) is relayed
