"""The exchange: time, ids, and the one place that emits."""

import asyncio
from pathlib import Path

import pytest

from auditproxy.request import attributes
from auditproxy.request.selectors import Requirements, label_requirements
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("foo-bar-baz", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("with blank", False),
        ("bell\x07", None),
        ("é", False),
    ],
)
async def test_audit_id(tmp_path: Path, offered: str, kept: bool | None) -> None:
    """T174: a storable id is kept and echoed, anything else is replaced; control bytes are no HTTP."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api", f"Audit-ID: {offered}"))
        if kept is None:
            assert got.status == 400
            return
        found = got.header("audit-id")
        assert (found == offered) is kept
        assert {event["auditID"] for event in proxy.events} == {found}
        assert b"Audit-ID: " + found.encode() in upstream.connections[0].received


async def test_clock_that_jumps_back(tmp_path: Path) -> None:
    """T178 T179: stages are in order whatever the wall clock does meanwhile."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        shared = proxy.proxy.handler.shared
        times = iter([1_795_439_191_000_000_000, 1_000_000_000])
        shared.wall_clock = lambda: next(times)
        await proxy.ask(request())
        first, last = proxy.events
        assert first["requestReceivedTimestamp"].startswith("2026-11-23T")
        assert last["requestReceivedTimestamp"] == first["requestReceivedTimestamp"]
        assert last["stageTimestamp"] >= first["stageTimestamp"]


async def test_user_agent(tmp_path: Path) -> None:
    """T173 T176: cut at 1024 bytes; bytes that are not UTF-8 become U+FFFD."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request("GET", "/api", "User-Agent: " + "u" * 1025))
        assert proxy.events[-1]["userAgent"] == "u" * 1024 + "...TRUNCATED"
        await proxy.ask(request("GET", "/api", "User-Agent: a\xff\xfe"))
        assert proxy.events[-1]["userAgent"] == "a\ufffd\ufffd"


async def test_request_metrics(tmp_path: Path) -> None:
    """Every request is counted with its code, also one of our own answers."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request())
        await proxy.ask(request("GET", "/version", token="wrong"))
        labels = {
            "verb": "GET",
            "dry_run": "",
            "group": "",
            "version": "v1",
            "resource": "pods",
            "subresource": "",
            "scope": "resource",
            "component": "apiserver",
        }
        assert proxy.metric("apiserver_request_total", **labels, code="200") == 1
        plain = {**dict.fromkeys(labels, ""), "verb": "GET", "component": "apiserver"}
        assert proxy.metric("apiserver_request_total", **plain, code="401") == 1
        assert proxy.metric("apiserver_audit_event_total") == 3


@pytest.mark.parametrize(("target", "code"), [("http://proxy/api", 200), ("http://evil/api", 400)])
async def test_absolute_form(tmp_path: Path, target: str, code: int) -> None:
    """T123: an absolute target must name the host that the request is for; its path goes upstream."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        assert (await proxy.ask(request("GET", target))).status == code
        if code == 200:
            assert upstream.connections[0].received.startswith(b"GET /api HTTP/1.1\r\n")
            assert proxy.events[0]["requestURI"] == "/api"
        else:
            assert upstream.connections == []


async def test_open_requests_are_counted(tmp_path: Path) -> None:
    """apiserver_longrunning_requests rises while a watch is open and falls when it ends."""
    release = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await release.wait()
        connection.send(b"0\r\n\r\n")

    labels = {
        "verb": "WATCH",
        "group": "",
        "version": "v1",
        "resource": "pods",
        "subresource": "",
        "scope": "cluster",
        "component": "apiserver",
    }
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(5):
            await reader.readuntil(b"hi")
            assert proxy.metric("apiserver_longrunning_requests", **labels) == 1
            release.set()
            await reader.readuntil(b"0\r\n\r\n")
        await proxy.until_events(3)
        assert proxy.metric("apiserver_longrunning_requests", **labels) == 0


@pytest.mark.parametrize("impersonating", [False, True])
async def test_selectors_are_read_for_reviews_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impersonating: bool
) -> None:
    """B8: the selectors of a request are taken apart where somebody is asked with them."""
    read: list[str] = []

    def watched(text: str) -> Requirements:
        read.append(text)
        return label_requirements(text)

    monkeypatch.setattr(attributes, "label_requirements", watched)
    # Longer than what is remembered from one request to the next.
    selector = "a," * attributes._REMEMBERED_LENGTH + "b"
    headers = ("Impersonate-User: bob",) if impersonating else ()
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request("GET", f"/api/v1/pods?labelSelector={selector}", *headers))
    assert read == [selector] * impersonating
