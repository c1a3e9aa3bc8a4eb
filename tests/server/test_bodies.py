"""Odd bodies through the whole chain: forwarded as they came, and always an event."""

import gzip
import json
from pathlib import Path

import pytest

from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying

PODS = "/api/v1/namespaces/default/pods"
JSON = b"Content-Type: application/json"
CREATED = answer(201, b'{"kind":"Pod"}', JSON)
OMITTED = "auditproxy.io/request-object-omitted"
ALIASES = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (here, here, b",".join([b"*%c" % (here - 1)] * 9))
    for here in range(ord("b"), ord("j"))
)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        ("application/json", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
        ("application/yaml", b"[" * 100_000 + b"]" * 100_000),
        ("application/yaml", ALIASES),
        ("application/cbor", b"\x81" * 100_000 + b"\x00"),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00" + b"\x0b" * 100_000),
        ("application/json", b'{"a":NaN}'),
        ("application/json", b'\xef\xbb\xbf{"a":1}'),
        ("application/json", b"\xff\xfe"),
    ],
)
async def test_bombs_and_garbage(tmp_path: Path, content_type: str, body: bytes) -> None:
    """T220 T223: what cannot be decoded passes unchanged, and its event says what is missing."""
    async with (
        FakeUpstream(replying(CREATED)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("POST", PODS, f"Content-Type: {content_type}", body=body))
        assert got.status == 201
        assert upstream.connections[0].received.endswith(body)
        last = proxy.events[-1]
        assert last["stage"] == "ResponseComplete"
        assert last["responseObject"] == {"kind": "Pod"}
        is_text = content_type in ("application/json", "application/yaml")
        expected = body.decode("utf-8", "replace") if is_text else None
        assert last.get("requestObject") == expected
        assert OMITTED in last["annotations"]


@pytest.mark.parametrize("size", [25, 100, 20_000])
async def test_deep_answers(tmp_path: Path, size: int) -> None:
    """T220 HD1: an answer nested without end reaches the client, its event notes what is missing."""
    body = b'{"kind":"Pod","a":' + b"[" * size * 10 + b"]" * size * 10 + b"}"
    async with (
        FakeUpstream(replying(answer(200, body, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", f"{PODS}/p"))
        assert got.body == body
        last = proxy.events[-1]
        assert last["annotations"]["auditproxy.io/response-object-omitted"] == (
            "JSON is nested too deeply"
        )
        assert last["responseStatus"]["code"] == 200


async def test_json_patch_copy_bomb(tmp_path: Path) -> None:
    """T221: a patch of copies passes, is recorded as sent, and unfolds nowhere."""
    patch: list[dict[str, object]] = [{"op": "add", "path": "/x", "value": ["y" * 1000]}]
    patch += [{"op": "copy", "from": "/x", "path": "/x/-"} for _ in range(1000)]
    body = json.dumps(patch).encode()
    async with (
        FakeUpstream(replying(answer(200, b'{"kind":"Pod"}', JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(
            request("PATCH", f"{PODS}/p", "Content-Type: application/json-patch+json", body=body)
        )
        assert proxy.events[-1]["requestObject"] == patch


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", "x"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_foreign_content_types(tmp_path: Path, method: str, content_type: str) -> None:
    """T224: forms and texts are forwarded and never parsed, whatever they hold."""
    body = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"v" * 100
    async with (
        FakeUpstream(replying(CREATED)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        target = PODS if method == "POST" else f"{PODS}/p"
        await proxy.ask(request(method, target, f"Content-Type: {content_type}", body=body))
        assert upstream.connections[0].received.endswith(body)
        assert "requestObject" not in proxy.events[-1]


async def test_packed_bodies(tmp_path: Path) -> None:
    """A compressed request and answer pass as they are and are recorded unpacked."""
    packed = gzip.compress(b'{"kind":"Pod","metadata":{"name":"p"}}')
    reply = answer(201, packed, JSON, b"Content-Encoding: gzip")
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(
            request("POST", PODS, JSON.decode(), "Content-Encoding: gzip", body=packed)
        )
        assert got.body == packed
        assert upstream.connections[0].received.endswith(packed)
        last = proxy.events[-1]
        assert last["requestObject"] == last["responseObject"]
        assert last["objectRef"]["name"] == "p"


async def test_a_packed_bomb(tmp_path: Path) -> None:
    """T220: a compressed answer that unfolds past the limits passes; the event notes it."""
    bomb = gzip.compress(b'{"kind":"Pod","x":"' + b"x" * (64 << 20) + b'"}')
    reply = answer(200, bomb, JSON, b"Content-Encoding: gzip")
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", f"{PODS}/p"))
        assert got.body == bomb
        note = proxy.events[-1]["annotations"]["auditproxy.io/response-object-omitted"]
        assert "when unpacked" in note


@pytest.mark.parametrize("size", [0, 1024 * 1024, 3 * 1024 * 1024, 3 * 1024 * 1024 + 1])
async def test_the_upstream_decides_on_size(tmp_path: Path, size: int) -> None:
    """T213: bodies stream up whatever their size; kube-apiserver's 413 is the client's answer."""
    allowed = 3 * 1024 * 1024
    refused = answer(413, b'{"kind":"Status","apiVersion":"v1","code":413}', JSON)
    body = b'"' + b"x" * (size - 2) + b'"' if size else b""

    async def script(connection: FakeConnection) -> None:
        _, got = await connection.read_request()
        connection.send(refused if len(got) > allowed else CREATED)

    async with (
        FakeUpstream(script) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("POST", PODS, "Content-Type: application/json", body=body))
        assert got.status == (413 if size > allowed else 201)
        assert upstream.connections[0].received.endswith(body)
        assert proxy.events[-1]["responseStatus"]["code"] == got.status


async def test_many_small_chunks(tmp_path: Path) -> None:
    """T219: a body in a hundred thousand chunks of one byte passes, and its event has it whole."""
    body = b'{"kind":"Pod","apiVersion":"v1","a":"' + b"x" * 100_000 + b'"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = request("POST", PODS, "Content-Type: application/json").replace(
        b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n", 1
    )
    async with (
        FakeUpstream(replying(CREATED)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        assert b"Content-Length" not in head
        got = await proxy.ask(head + chunks)
        assert got.status == 201
        assert proxy.events[-1]["requestObject"]["a"] == "x" * 100_000
