"""A target that is made from a sibling is the one that is read from its line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from auditproxy.server.services import Services
from auditproxy.server.short import siblings
from auditproxy.server.short.shorttarget import (
    LONGEST_LINE,
    MAXIMUM_TARGET_KINDS,
    Kinds,
    ShortTarget,
    parse_line,
)
from auditproxy.server.short.siblings import KnownSiblings
from tests.fakes.proxy import EVERYTHING, proxy_before
from tests.fakes.shorttargets import target_of

WORDS = st.one_of(
    st.sampled_from(["a", "b", "web-0", "x.y"]),
    st.sampled_from(["a", "b", "web-0", "x.y"]),
    st.sampled_from(
        [
            "a",
            "b",
            "web-0",
            "x.y",
            "a-",
            "-a",
            ".",
            "..",
            "A",
            "watch",
            "proxy",
            "status",
            "finalize",
            "namespaces",
            "pods",
            "secrets",
            "log",
            "exec",
            "nodes",
            "api",
            "v1",
            "%41",
            "a%2fb",
            "a?",
            "a/b",
            "a//b",
            "ü",
            "\\",
            '"',
            "<",
            "&",
            "kube-system",
            "token",
        ]
    ),
    st.text("ab-.", min_size=1, max_size=4),
)
METHODS = st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE"])
APIS = st.sampled_from(
    [
        "/api/v1",
        "/api/v1",
        "/api/v1",
        "/apis/apps/v1",
        "/apis/a.b/v1beta1",
        "/api/v2",
        "/healthz",
        "",
    ]
)
RESOURCES = st.sampled_from(
    [
        "pods",
        "pods",
        "pods",
        "nodes",
        "nodes",
        "secrets",
        "namespaces",
        "watch",
        "proxy",
        "status",
        "serviceaccounts",
    ]
)
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: None
    namespaces: [kube-system]
  - level: Request
    resources: [{group: "", resources: [pods], resourceNames: [a]}]
  - level: Metadata
"""


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A path of few words, so that several of them are siblings."""
    path = draw(APIS)
    if draw(st.booleans()):
        path += "/namespaces/" + draw(WORDS)
    path += "/" + draw(RESOURCES)
    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2]))):
        path += "/" + draw(WORDS)
    return path + draw(st.sampled_from(["", "", "", "?watch=0"]))


def values(target: ShortTarget) -> dict[str, Any]:
    """All that a target is."""
    of = target.found.target
    return asdict(target) | {
        "kind": asdict(target.kind),
        "found": replace(target.found, target=None),
        "target": (of.raw, of.path, of.raw_path, of.raw_query, of.request_uri, of.authority),
    }


def asked(services: Services, known: KnownSiblings, kinds: Kinds, method: str, text: str) -> bool:
    """Ask for a target as the short way does; whether a sibling gave it, which is what it is."""
    line = f"{method} {text} HTTP/1.1".encode()
    if parse_line(line) is None:
        assert known.get(line) is None
        return False
    found, read = known.get(line), target_of(services, method, text, kinds)
    if found is not None:
        assert read is not None
        assert values(found) == values(read)
    elif read is not None and "?" not in text:
        known.note(line, read)
    return found is not None


@pytest.mark.parametrize("base", ["", "/k8s/c1"])
async def test_siblings(tmp_path: Path, base: str) -> None:
    """Whatever was noted before, what a sibling gives is what is read from the line."""

    def change(kubeconfig: dict[str, Any]) -> None:
        kubeconfig["clusters"][0]["cluster"]["server"] += base

    async with proxy_before(1, tmp_path, change=change, policy=POLICY) as proxy:
        services = proxy.proxy.handler.services
        taken = 0

        @settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
        @given(METHODS, st.lists(lines(), min_size=2, max_size=20))
        def play(method: str, texts: list[str]) -> None:
            nonlocal taken
            known, kinds = KnownSiblings(), Kinds(MAXIMUM_TARGET_KINDS)
            for text in texts:
                taken += asked(services, known, kinds, method, text)

        play()
        assert taken


@pytest.mark.parametrize(
    ("first", "second", "is_sibling"),
    [
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/e/pods/q", True),
        ("/api/v1/nodes/n", "/api/v1/nodes/m", True),
        (
            "/apis/apps/v1/namespaces/d/deployments/p",
            "/apis/apps/v1/namespaces/d/deployments/q",
            True,
        ),
        ("/api/v1/nodes/n", "/api/v1/namespaces/d/nodes/n", False),
        ("/api/v1/namespaces/d", "/api/v1/namespaces/e", False),
        ("/api/v1/namespaces/d/status", "/api/v1/namespaces/e/status", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/pods/p/log", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/secrets/p", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/kube-system/pods/p", False),
        ("/api/v1/namespaces/kube-system/pods/p", "/api/v1/namespaces/d/pods/p", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/pods/a", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/pods/A", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/pods/%70", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/pods/q?watch=1", False),
        ("/api/v1/namespaces/d/pods/p", "/api/v1/namespaces/d/pods/" + "q" * LONGEST_LINE, False),
        ("/healthz", "/livez", False),
    ],
)
async def test_which(tmp_path: Path, first: str, second: str, is_sibling: bool) -> None:
    """T126: what differs in plain names that no rule mentions, and nothing else."""
    async with proxy_before(1, tmp_path, policy=POLICY) as proxy:
        services, known = proxy.proxy.handler.services, KnownSiblings()
        kinds = Kinds(MAXIMUM_TARGET_KINDS)
        assert not asked(services, known, kinds, "GET", first)
        assert asked(services, known, kinds, "GET", second) is is_sibling
        other = KnownSiblings()
        assert not asked(services, other, kinds, "GET", first)
        assert not asked(services, other, kinds, "PUT", second)


async def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T126: as many as they may be; none after they were forgotten."""
    monkeypatch.setattr(siblings, "MAXIMUM_SIBLINGS", 4)
    async with proxy_before(1, tmp_path, policy=EVERYTHING) as proxy:
        services, known = proxy.proxy.handler.services, KnownSiblings()
        kinds = Kinds(MAXIMUM_TARGET_KINDS)
        for number in range(50):
            text = f"/api/v1/namespaces/d/a{number}/x"
            assert not asked(services, known, kinds, "GET", text)
            assert asked(services, known, kinds, "GET", text + "y")
            assert len(known._known) <= 4
        known.clear()
        assert not asked(services, known, kinds, "GET", text + "z")
