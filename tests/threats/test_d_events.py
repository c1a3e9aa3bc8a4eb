"""D: every request leaves the truth, whatever it, the upstream or the network does."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from auditproxy.app.logs.logbackend import LogFileError
from auditproxy.app.proxy import build
from auditproxy.audit.refusals.handlers import summary
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, TOKENS, write_files
from tests.fakes.upstream import FakeConnection, answer
from tests.fakes.waiting import turns
from tests.threats.rig import OK, POD, RigFactory, each_way

JSON = b"Content-Type: application/json"
NOT_FOUND = answer(404, b"no", b"Content-Type: text/plain")
CREATED = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"new"},"spec":{"a":1.50}}'


@pytest.mark.parametrize("round_", range(8))
async def test_reset_with_the_answer(rigged: RigFactory, round_: int) -> None:
    """T159: a client that resets while the upstream answers leaves one end, with the upstream's code or none."""
    answered = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(NOT_FOUND)
        answered.set()

    async with rigged(script) as rig:
        _, writer = await rig.connect()
        writer.write(rig.request("DELETE", "/api/v1/namespaces/n/pods/p"))
        await answered.wait()
        await turns(round_)
        writer.transport.abort()
        await rig.proxy.until_events(2)
        status = rig.events[-1]["responseStatus"]
        assert status["code"] == 404 or status["message"] == "Connection closed early"


@each_way
@pytest.mark.parametrize(
    ("content_type", "body", "recorded"),
    [
        ("application/json", CREATED, json.loads(CREATED)),
        ("application/yaml", b"kind: Pod\napiVersion: v1\nmetadata: {name: new}\n",
         {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "new"}}),
        # The server took it: it is shown as it was sent.
        ("application/json", b'{"kind":"Pod",', '{"kind":"Pod",'),
        ("text/plain", b"hello", None),
    ],
)  # fmt: skip
async def test_request_objects(
    rigged: RigFactory, content_type: str, body: bytes, recorded: object, cut: str
) -> None:
    """T167: a body that can be read is in the event, and goes up byte for byte in any case."""
    async with rigged() as rig:
        raw = rig.request(
            "POST", "/api/v1/namespaces/n/pods", f"Content-Type: {content_type}", body=body
        )
        assert (await rig.ask(raw, cut)).status == 200
        assert [request.body for request in rig.forwarded()] == [body]
        assert rig.events[-1].get("requestObject") == recorded


@each_way
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("json-patch", b'[{"op":"replace","path":"/spec/replicas","value":3}]'),
        ("merge-patch", b'{"spec":{"replicas":3}}'),
        ("strategic-merge-patch", b'{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}'),
        ("apply-patch", b'{"kind":"Deployment","apiVersion":"apps/v1"}'),
    ],
)
async def test_patches(rigged: RigFactory, kind: str, body: bytes, cut: str) -> None:
    """T168: a patch is recorded as it was sent, not as what it made."""
    content_type = f"application/{kind}+{'yaml' if kind == 'apply-patch' else 'json'}"
    async with rigged() as rig:
        target = "/apis/apps/v1/namespaces/n/deployments/d"
        raw = rig.request("PATCH", target, f"Content-Type: {content_type}", body=body)
        assert (await rig.ask(raw, cut)).status == 200
        assert rig.events[-1]["requestObject"] == json.loads(body)
        assert rig.events[-1]["verb"] == "patch"


@pytest.mark.parametrize(
    "target",
    ["/api/v1/pods?watch=1", "/api/v1/namespaces/n/pods/p/log?follow=true",
     "/api/v1/namespaces/n/services/s/proxy/x", "/api/v1/watch/pods"],
)  # fmt: skip
async def test_streams_have_no_body(rigged: RigFactory, target: str) -> None:
    """T169: what a stream carries is not in its events."""
    async with rigged() as rig:
        assert (await rig.ask(rig.request("GET", target))).body == POD
        assert [event["stage"] for event in rig.events] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]
        assert not any("responseObject" in event for event in rig.events)


async def test_large_lists_are_bounded(rigged: RigFactory) -> None:
    """T169: a body over the limit goes to the client whole, and is an annotation in the event."""
    large = b'{"kind":"PodList","apiVersion":"v1","items":["' + b"x" * 10_000_000 + b'"]}'

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        await connection.send_all(answer(200, large, JSON))

    async with rigged(script) as rig:
        assert (await rig.ask(rig.request())).body == large
        await rig.proxy.until_events(2)
        note = rig.events[-1]["annotations"]["auditproxy.io/response-object-omitted"]
        assert note == f"too large: {len(large)} bytes"
        assert "responseObject" not in rig.events[-1]


async def test_compressed_answers(rigged: RigFactory) -> None:
    """T170: a compressed answer is decoded for the event, and reaches the client as it is."""
    packed = gzip.compress(POD)

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(answer(200, packed, JSON, b"Content-Encoding: gzip"))

    async with rigged(script) as rig:
        got = await rig.ask(rig.request("GET", "/api/v1/pods", "Accept-Encoding: gzip"))
        assert (got.body, got.header("content-encoding")) == (packed, "gzip")
        assert rig.events[-1]["responseObject"] == json.loads(POD)


@each_way
async def test_compressed_requests(rigged: RigFactory, cut: str) -> None:
    """T172: a compressed body goes up compressed, with its header; its event has it unpacked."""
    packed = gzip.compress(CREATED)
    async with rigged() as rig:
        headers = ("Content-Type: application/json", "Content-Encoding: gzip")
        raw = rig.request("POST", "/api/v1/namespaces/n/pods", *headers, body=packed)
        assert (await rig.ask(raw, cut)).status == 200
        (request,) = rig.forwarded()
        assert request.body == packed
        assert request.values(b"content-encoding") == [b"gzip"]
        assert rig.events[-1]["requestObject"] == json.loads(CREATED)


@each_way
async def test_compressed_requests_refused(rigged: RigFactory, cut: str) -> None:
    """T172: kube-apiserver reads no content coding; what it refused is not in the event."""
    packed = gzip.compress(CREATED)
    why = (
        "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; "
        f"json parse error: invalid character '\\x1f' ({summary(packed)})"
    )
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": why}
    refused = json.dumps({**status, "reason": "BadRequest", "code": 400}).encode()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(answer(400, refused, JSON))

    async with rigged(script) as rig:
        headers = ("Content-Type: application/json", "Content-Encoding: gzip")
        raw = rig.request("POST", "/api/v1/namespaces/n/pods", *headers, body=packed)
        assert (await rig.ask(raw, cut)).status == 400
        assert "requestObject" not in rig.events[-1]


@each_way
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_short_requests(rigged: RigFactory, method: str, cut: str) -> None:
    """T181: what is not long-running has no ResponseStarted."""
    async with rigged() as rig:
        await rig.ask(rig.request(method, "/api/v1/namespaces/n/pods/p"), cut)
        stages = [event["stage"] for event in rig.events]
        assert stages == ["RequestReceived", "ResponseComplete"]


@each_way
async def test_preflight(rigged: RigFactory, cut: str) -> None:
    """T185: a CORS preflight is a request like others: authenticated, audited, forwarded."""
    origin = ("Origin: https://evil", "Access-Control-Request-Method: DELETE")
    async with rigged() as rig:
        assert (await rig.ask(rig.request("OPTIONS", "/api/v1/pods", *origin), cut)).status == 200
        assert rig.events[-1]["user"]["username"] == "alice"
        assert len(rig.forwarded()) == 1


async def test_shutdown(rigged: RigFactory) -> None:
    """T186: what is under way at shutdown ends with its event, and nothing unaudited begins."""
    release = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        while True:
            await connection.read_head()
            await release.wait()
            connection.send(OK)

    async with rigged(script) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.request("GET", "/first"))
        await rig.proxy.until_events(1)
        closing = asyncio.ensure_future(rig.proxy.proxy._serving.close(5.0))
        await turns()
        writer.write(rig.request("GET", "/second"))
        release.set()
        assert (await rig.read(reader)).status == 200
        await closing
        assert rig.events[-1]["stage"] == "ResponseComplete"
        first = [e["stage"] for e in rig.events if e["requestURI"] == "/first"]
        assert first == ["RequestReceived", "ResponseComplete"]


@pytest.mark.parametrize("path", ["", "file/below"])
async def test_start_needs_a_log(tmp_path: Path, path: str) -> None:
    """T187: the log is opened at start; where it cannot be, nothing is served."""
    (tmp_path / "file").write_text("")
    flags = write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS)
    with pytest.raises(LogFileError):
        await build(options(**flags, audit_log_path=str(tmp_path / path)), listener_tls=False)
