"""Answers of our own: the same Status in the body and in the event, in the form the client accepts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying


@pytest.mark.parametrize(
    ("headers", "target", "indented"),
    [
        ((), "/api?timeout=x", False),
        (("User-Agent: curl/8",), "/api?timeout=x", True),
        (("User-Agent: Mozilla/5.0 (X11)",), "/api?timeout=x", True),
        ((), "/api?timeout=x&pretty=true", True),
        (("User-Agent: curl/8",), "/api?timeout=x&pretty=0", False),
    ],
)
async def test_pretty(
    tmp_path: Path, headers: tuple[str, ...], target: str, indented: bool
) -> None:
    """People get indented JSON without a newline, programs one line; the event is the same."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", target, *headers))
        assert got.status == 400
        assert got.header("content-type") == "application/json"
        assert got.body.startswith(b"{\n  ") is indented
        assert got.body.endswith(b"\n") is not indented
        message = 'invalid timeout specified in the request URL - time: invalid duration "x"'
        assert json.loads(got.body)["message"] == message
        event = proxy.events[0]
        assert event["responseStatus"]["message"] == message
        assert event["responseObject"] == json.loads(got.body)


@pytest.mark.parametrize(
    ("accept", "seen"),
    [("application/json", True), ("*/*", True), ("text/html", False), ("application/cbor", False)],
)
async def test_accept_decides_what_the_event_sees(tmp_path: Path, accept: str, seen: bool) -> None:
    """A Status that could not be negotiated is in the body only; the event keeps the preset message."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api?timeout=10", f"Accept: {accept}"))
        assert json.loads(got.body)["code"] == 400
        event = proxy.events[0]
        assert ("responseObject" in event) is seen
        assert ("reason" in event["responseStatus"]) is seen
        assert "missing unit in duration" in event["responseStatus"]["message"]


async def test_head_has_no_body(tmp_path: Path) -> None:
    """HEAD is answered with the length of the body and without it."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request("HEAD", "/api?timeout=10") + request("HEAD", "/api?timeout=11"))
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Content-Length: " in head


async def test_headers(tmp_path: Path) -> None:
    """Audit-Id, Cache-Control and Date as kube-apiserver sets them."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api?timeout=10", "Audit-ID: mine"))
        assert got.header("audit-id") == "mine"
        assert got.header("cache-control") == "no-cache, private"
        assert got.header("date").endswith(" GMT")
        assert got.header("x-content-type-options") == ""


SPACED = "Authorization: Bearer  admin-token"
EXTRA_SPACE = (
    '299 - "the provided Authorization header contains extra space before the bearer token, '
    'and is ignored"'
)


@pytest.mark.parametrize(
    ("target", "flags", "code"),
    [
        ("/api/v1/pods", {}, 200),
        ("/api/v1/namespaces/d/pods/p/exec?command=x", {}, 200),
        ("/api/v1/pods", {"anonymous_auth": False}, 401),
        ("/api/v1/pods?impersonate", {}, 400),
    ],
)
async def test_warning(tmp_path: Path, target: str, flags: dict[str, Any], code: int) -> None:
    """C6, HD4, T026: who writes two blanks before the token is told so, whatever the answer is."""
    extra = ("Impersonate-Group: ops",) if "impersonate" in target else ()
    own = answer(200, b"{}", b"Content-Type: application/json", b'Warning: 299 - "from upstream"')
    async with (
        FakeUpstream(replying(own)) as upstream,
        proxy_before(upstream.port, tmp_path, **flags) as proxy,
    ):
        got = await proxy.ask(request("GET", target, SPACED, *extra, token=""))
        assert got.status == code
        warnings = [value for name, value in got.headers if name.lower() == "warning"]
        assert warnings == ['299 - "from upstream"'] * (code == 200) + [EXTRA_SPACE]
        username = proxy.events[-1]["user"].get("username")
        assert username == (None if code == 401 else "system:anonymous")
        told = await proxy.ask(request("GET", "/api/v1/pods"))
        assert EXTRA_SPACE not in [value for _, value in told.headers]
