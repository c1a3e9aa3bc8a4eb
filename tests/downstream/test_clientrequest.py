"""Requests that the parser refuses and Go's net/http takes, from the client to the upstream."""

import json
from pathlib import Path

import pytest

from tests.conformance.client import read_answer
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying

BOTH_LOOPS = True
PODS = "/api/v1/namespaces/default/pods"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("User-Agent", True),
        ("user-agent", True),
        ("Content-Type", False),
        ("ETag", False),
        ("Server", False),
        ("Max-Forwards", False),
        ("Content-Location", False),
        ("Content-Range", False),
        ("Sec-WebSocket-Key1", False),
        ("X-Respelled", False),
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 5], ids=["whole", "pieces"])
async def test_doubled_headers(tmp_path: Path, name: str, shown: bool, step: int) -> None:
    """A2: the first line of a doubled header counts, all of them go upstream, the event is as always."""
    object_ = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"}}'
    lines = (f"{name}: application/json", f"{name.upper()}: text/plain", f"{name}: c")
    raw = request("POST", PODS, *lines, "X-Last: 1", body=object_) + request("GET", PODS)
    async with (
        FakeUpstream(replying(answer(201, object_, b"Content-Type: application/json"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        for start in range(0, len(raw), step):
            writer.write(raw[start : start + step])
            await writer.drain()
        assert (await read_answer(reader, "POST")).status == 201
        assert (await read_answer(reader, "GET")).status == 201
        await proxy.until_events(4)
        received = bytes(upstream.connections[0].received)
        sent = [line.encode() for line in (*lines, "X-Last: 1")]
        assert [line for line in received.split(b"\r\n") if line in sent] == sent
        event = proxy.events[1]
        assert (event["stage"], event["verb"]) == ("ResponseComplete", "create")
        assert event["objectRef"]["name"] == "p"
        assert event.get("userAgent") == ("application/json" if shown else None)
        assert proxy.metric("auditproxy_requests_unparsed_total", code="400") == 0


async def test_first_content_type_counts(tmp_path: Path) -> None:
    """A2: of two Content-Type lines the body is read by the first, as the upstream does."""
    body = b"kind: Pod\napiVersion: v1\nmetadata: {name: p}\n"
    kinds = ("Content-Type: application/yaml", "Content-Type: application/json")
    async with (
        FakeUpstream(replying(answer(201, b"{}", b"Content-Type: application/json"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request("POST", PODS, *kinds, body=body))
        assert proxy.events[-1]["requestObject"]["metadata"] == {"name": "p"}


@pytest.mark.parametrize(
    ("method", "target", "uri"),
    [
        ("GET", PODS + "?labelSelector=team!=Größe", PODS + "?labelSelector=team!=Größe"),
        ("GET", PODS + "/ä", PODS + "/%C3%A4"),
        ("DELETE", PODS + "/ä?x=ü", PODS + "/%C3%A4?x=ü"),
        ("PROPFIND", "/ä", "/%C3%A4"),
        ("POST", "/%zz-ä", None),
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 3], ids=["whole", "pieces"])
async def test_raw_targets(
    tmp_path: Path, method: str, target: str, uri: str | None, step: int
) -> None:
    """A3: bytes over 0x7f in a target go up as they came and are recorded as Go writes them."""
    raw = request(method, "@").replace(b"@", target.encode("utf-8"), 1)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        for start in range(0, len(raw), step):
            writer.write(raw[start : start + step])
            await writer.drain()
        got = await read_answer(reader, method)
        await proxy.proxy.settle()
        assert got.status == (200 if uri else 400)
        assert {event["requestURI"] for event in proxy.events} == {uri or target}
        if uri:
            line = upstream.connections[0].received.split(b"\r\n")[0]
            assert line == b"%b %b HTTP/1.1" % (method.encode(), target.encode("utf-8"))
            assert proxy.events[0]["verb"] in ("list", "get", "delete", "propfind")


async def test_invalid_utf8_in_a_target(tmp_path: Path) -> None:
    """A3: bytes that are no UTF-8 go up as they are; in the event's query each is U+FFFD."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "@").replace(b"@", b"/a\xff?b=\xe4\xf6", 1))
        assert got.status == 200
        assert upstream.connections[0].received.startswith(b"GET /a\xff?b=\xe4\xf6 HTTP/1.1\r\n")
        assert proxy.events[0]["requestURI"] == "/a%FF?b=\ufffd\ufffd"


@pytest.mark.parametrize(
    ("method", "target", "uri"),
    [
        ("GET", "https://alice:PASSWORD@localhost/api/v1/pods", "/api/v1/pods"),
        ("GET", "https://alice:PASSWORD@localhost/api/v1/pods?limit=1", "/api/v1/pods?limit=1"),
        ("GET", "http://PASSWORD@proxy", "/"),
        ("GET", "http://alice:PASSWORD@[::1]:6443/version", "/version"),
        ("GET", "http://alice:PASS/WORD@proxy/version", "/"),
        ("GET", "http://alice:1/WORD@proxy/version", "/"),
        ("GET", "http://alice:PASS?WORD@proxy/version", "/"),
        ("GET", "http://alice:1?WORD@proxy/version", "/"),
        ("GET", "http://alice:1/x?WORD@proxy/version", "/"),
        ("GET", "http://alice:PASS=WORD/version", "/"),
        ("GET", "https://a@b:PASSWORD@proxy/version", "/version"),
        ("GET", "alice:PASSWORD@proxy", "proxy"),
        ("CONNECT", "alice:PASSWORD@proxy:443", "/"),
        ("GET", "/api/v1/pods#access_token=PASSWORD", "/api/v1/pods"),
        ("GET", "/api/v1/pods?limit=1#PASSWORD", "/api/v1/pods?limit=1"),
        ("GET", "http://proxy/version#PASSWORD", "/version"),
        ("GET", "http://proxy#PASSWORD", "/"),
        ("GET", "/ä#PASSWORD", "/ä"),
    ],
)
@pytest.mark.parametrize("token", ["", "admin-token"], ids=["anonymous", "known"])
@pytest.mark.parametrize("extra", [(), ("Transfer-Encoding: gzip",), ("X: \x01",)], ids=str)
async def test_secrets_in_targets(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    method: str,
    target: str,
    uri: str,
    token: str,
    extra: tuple[str, ...],
) -> None:
    """A13: user information and fragments are refused, and stand nowhere."""
    raw = request(method, "@", *extra, token=token).replace(b"@", target.encode("utf-8"), 1)
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(raw)
        assert got.status in (400, 501)
        (event,) = proxy.events
        assert event["requestURI"] == uri
        told = json.dumps(event) + got.body.decode() + "".join(capsys.readouterr())
        assert "PASS" not in told
        assert "WORD" not in told
        assert upstream.connections == []
