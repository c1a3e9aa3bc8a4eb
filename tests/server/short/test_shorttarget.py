"""Which request lines may go the short way, and what follows from one."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from auditproxy.apis.audit import Level
from auditproxy.server.short.shorttarget import (
    LONGEST_LINE,
    LONGEST_OF_KIND,
    MAXIMUM_TARGET_KINDS,
    Kinds,
    parse_line,
)
from tests.fakes.proxy import proxy_before
from tests.fakes.shorttargets import target_of


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "target", ["/", "/api/v1/pods?watch=0", "//a/../%00%zz", "/#", '/"<>\\^`{|}']
)
def test_lines(method: str, target: str) -> None:
    """A method, a blank, a path, a blank, the version."""
    assert parse_line(f"{method} {target} HTTP/1.1".encode()) == (method, target)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET",
        b"GET /",
        b"GET / HTTP/1.0",
        b"GET / HTTP/1.11",
        b"GET / HTTP/1.1 ",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r",
        b"\nGET / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a\tb HTTP/1.1",
        b"GET /a\0b HTTP/1.1",
        b"GET /a\x7fb HTTP/1.1",
        b"GET /a\xe9b HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET http://a/ HTTP/1.1",
        b"get / HTTP/1.1",
        b"HEAD / HTTP/1.1",
        b"OPTIONS / HTTP/1.1",
        b"CONNECT / HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"BREW / HTTP/1.1",
        b"GET /" + b"a" * LONGEST_LINE + b" HTTP/1.1",
    ],
)
def test_other_lines(line: bytes) -> None:
    """T089: whatever another reader could read otherwise is none."""
    assert parse_line(line) is None


@given(st.binary(max_size=40))
def test_any_line(line: bytes) -> None:
    """What is read is written back as the same bytes."""
    found = parse_line(line)
    if found is not None:
        assert " ".join((*found, "HTTP/1.1")).encode() == line


POD = "/api/v1/namespaces/d/pods/p"


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("GET", "/api/v1/pods?watch=true"),
        ("GET", "/api/v1/watch/namespaces/d/pods"),
        ("GET", f"{POD}/log"),
        ("GET", f"{POD}/log?follow=true"),
        ("POST", f"{POD}/exec?command=ls"),
        ("GET", f"{POD}/attach"),
        ("POST", f"{POD}/portforward"),
        ("GET", f"{POD}/proxy/a"),
        ("GET", "/api/v1/nodes/n/proxy/exec/d/p/c"),
        ("PATCH", f"{POD}/ephemeralcontainers"),
        ("POST", "/api/v1/namespaces/d/serviceaccounts/s/token"),
        ("GET", "/api/v1/pods#a"),
        ("GET", "/api/v1/pods?timeout=x"),
    ],
)
async def test_left_to_the_chain(tmp_path: Path, method: str, text: str) -> None:
    """Streams, sessions, credentials and what is refused."""
    async with proxy_before(1, tmp_path) as proxy:
        assert target_of(proxy.proxy.handler.services, method, text) is None


@pytest.mark.parametrize(
    ("method", "has_length", "is_resendable"),
    [
        ("GET", False, True),
        ("DELETE", False, False),
        ("PUT", True, False),
        ("POST", True, False),
        ("PATCH", True, False),
    ],
)
async def test_methods(tmp_path: Path, method: str, has_length: bool, is_resendable: bool) -> None:
    """T183: what has a length upstream, and what may be sent twice; the line has our base path."""

    def change(kubeconfig: dict[str, Any]) -> None:
        kubeconfig["clusters"][0]["cluster"]["server"] += "/k8s/c1"

    async with proxy_before(1, tmp_path, change=change) as proxy:
        target = target_of(proxy.proxy.handler.services, method, f"{POD}?a=%zz")
        assert target is not None
        assert (target.has_length, target.is_resendable) == (has_length, is_resendable)
        assert target.line == f"{method} /k8s/c1{POD}?a=%zz HTTP/1.1\r\n".encode()
        assert target.text == f"{POD}?a=%zz"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (POD, 61.0),
        (f"{POD}?timeout=10s", 11.0),
        (f"{POD}?timeout=10h", 61.0),
        (f"{POD}?timeout=0", 61.0),
    ],
)
async def test_deadlines(tmp_path: Path, text: str, seconds: float) -> None:
    """?timeout= may shorten the time; a second on top is the upstream's to say so itself."""
    async with proxy_before(1, tmp_path) as proxy:
        services = proxy.proxy.handler.services
        assert services.limits.request_timeout == 60_000_000_000
        target = target_of(services, "GET", text)
        assert target is not None
        assert target.seconds == seconds


async def test_bare_levels(tmp_path: Path) -> None:
    """At which levels no body is looked at, so that an event is joined from its parts."""
    async with proxy_before(1, tmp_path) as proxy:
        services = proxy.proxy.handler.services
        for method, text, bare in (
            ("GET", POD, {Level.NONE, Level.METADATA, Level.REQUEST}),
            # The body of one that creates or updates has a part in objectRef.
            ("PUT", POD, {Level.NONE}),
            ("DELETE", POD, {Level.NONE}),
            ("PATCH", POD, {Level.NONE, Level.METADATA}),
            ("GET", "/healthz", set(Level)),
        ):
            target = target_of(services, method, text)
            assert target is not None
            assert {level for level in Level if target.kind.bare[level]} == bare, (method, text)
        inferring = dataclasses.replace(services, infer_decision=True)
        silent = dataclasses.replace(services, infer_decision=False)
        with_it, without = target_of(inferring, "GET", POD), target_of(silent, "GET", POD)
        assert with_it is not None
        assert without is not None
        assert "authorization.k8s.io/decision" in with_it.kind.late
        assert without.kind.late == {}
        assert with_it.kind.early == without.kind.early == ""


async def test_kinds(tmp_path: Path) -> None:
    """What is found with kinds at hand is what is found without, whatever was asked before."""
    methods = ("GET", "PUT", "POST", "PATCH", "DELETE")
    queries = ("", "?dryRun=All", "?watch=0", "?token=a", "?limit=1")
    paths = (
        "/healthz",
        "/api",
        "/apis/apps/v1",
        "/api/v1/pods",
        "/api/v1/secrets/s",
        "/api/v1/namespaces/d",
        "/api/v1/namespaces/d/status",
        "/api/v1/namespaces/d/secrets",
        "/api/v1/namespaces/d/secrets/s",
        "/api/v1/namespaces/d/pods/p/status",
        "/api/v2/namespaces/d/pods/p/status",
        "/apis/a.b/v1/namespaces/d/secrets/s",
    )
    async with proxy_before(1, tmp_path) as proxy:
        services, kinds = proxy.proxy.handler.services, Kinds(MAXIMUM_TARGET_KINDS)
        lines = [
            (method, path + query) for method in methods for path in paths for query in queries
        ]
        for method, text in (*lines, *reversed(lines)):
            alone = target_of(services, method, text)
            known = target_of(services, method, text, kinds)
            assert alone is not None
            assert known is not None
            assert (alone.line, alone.part) == (known.line, known.part)
            assert asdict(alone.kind) == asdict(known.kind)
        assert 0 < len(kinds) < len(lines)
        assert not any(b"token" in repr(key).encode() for key in kinds)


async def test_bounds_of_kinds(tmp_path: Path) -> None:
    """T126: as many as they may be, and none of what is long."""
    async with proxy_before(1, tmp_path) as proxy:
        services, kinds = proxy.proxy.handler.services, Kinds(4)
        for number in range(50):
            assert target_of(services, "GET", f"/api/v1/a{number}", kinds) is not None
            assert len(kinds) <= 4
        kinds.clear()
        long = "a" * (LONGEST_OF_KIND - len("/api/v1/"))
        assert target_of(services, "GET", f"/api/v1/{long}", kinds) is not None
        assert len(kinds) == 1
        assert target_of(services, "GET", f"/api/v1/{long}b", kinds) is not None
        assert len(kinds) == 1
