"""Questions to the upstream: what is asked in each mode, and what the answers mean."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.clients.apiserver import ApiClient
from auditproxy.kubeconfig.credentials import StaticCredential
from auditproxy.monitor.faults import Place
from auditproxy.monitor.questions import FRONT_PROXY_USER, UpstreamQuestions
from auditproxy.upstream.identityheaders import remote_headers
from auditproxy.upstream.pool import UpstreamPool
from tests.fakes.asked import AskedUpstream
from tests.fakes.upstream import FakeUpstream, answer, replying

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@contextlib.asynccontextmanager
async def questions(script: Any, identity: str = "impersonate") -> AsyncIterator[UpstreamQuestions]:
    """Questions to an upstream with this script."""
    async with FakeUpstream(script) as upstream:
        pool = UpstreamPool(upstream)
        own = identity == "impersonate"
        client = ApiClient(
            pool,
            host=b"kubernetes",
            credential=StaticCredential("token", b"Bearer ours") if own else None,
            backoff=0.001,
        )
        headers = (
            remote_headers(UserInfo(username=FRONT_PROXY_USER))
            if identity == "request-header"
            else ()
        )
        yield UpstreamQuestions(identity, client, Place("http://up", "kubeconfig k"), headers)
        await pool.close()


async def test_impersonating() -> None:
    """C2: who we are, its version and our rights, in one line; with our credential and our name."""
    upstream = AskedUpstream()
    async with questions(upstream.script) as ours:
        standing = await ours.ask()
    assert standing.ready
    assert standing.fault is None
    assert standing.marks is True
    assert standing.line == (
        "upstream http://up is v1.36.2; the proxy is system:serviceaccount:auditproxy:auditproxy "
        "and may impersonate users, groups, serviceaccounts, uids and userextras"
    )
    assert upstream.questions == [REVIEW, "/version", *[ACCESS] * 5]
    assert all(b"Authorization: Bearer ours\r\n" in head for head in upstream.heads)
    assert all(b"User-Agent: auditproxy/" in head for head in upstream.heads)
    assert not any(b"Impersonate-" in head for head in upstream.heads)


@pytest.mark.parametrize(
    ("denied", "ready", "text"),
    [
        ({"userextras"}, True, "uids, but not every one of userextras"),
        ({"uids", "userextras"}, True, "serviceaccounts, but not every one of uids and userextras"),
        ({"users"}, True, "but not every one of users"),
        ({"groups"}, False, "but not every one of groups"),
        ({"users", "serviceaccounts"}, False, "rbac.yaml"),
        (
            {"users", "groups", "serviceaccounts", "uids", "userextras"},
            False,
            "may not impersonate any user",
        ),
    ],
)
async def test_missing_rights(denied: set[str], ready: bool, text: str) -> None:
    """C2: what may not be impersonated is named; without users and groups nothing can be served."""
    upstream = AskedUpstream()
    upstream.denied = denied
    async with questions(upstream.script) as ours:
        standing = await ours.ask()
    assert standing.ready is ready
    assert standing.fault is not None
    assert standing.fault.cause == "impersonation-refused"
    assert text in standing.line


@pytest.mark.parametrize(
    ("code", "busy", "cause"),
    [
        (401, False, "credential-refused"),
        (503, True, "unexpected-answer"),
        (429, True, "unexpected-answer"),
        (302, False, "unexpected-answer"),
    ],
)
async def test_refused(code: int, busy: bool, cause: str) -> None:
    """C2: a refused credential is ours; an overloaded upstream says nothing of us."""
    upstream = AskedUpstream()
    upstream.code = code
    async with questions(upstream.script) as ours:
        standing = await ours.ask()
    assert not standing.ready
    assert standing.busy is busy
    assert standing.fault is not None
    assert standing.fault.cause == cause


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (400, "answered with 400; if it speaks TLS, write https:// in kubeconfig k"),
        (302, "answered with 302; see whether it is overloaded, or correct the server in kube"),
    ],
)
async def test_what_to_do_about_another_answer(code: int, fix: str) -> None:
    """A port of TLS answers 400 to plain HTTP; others may be busy, or another server's."""
    upstream = AskedUpstream()
    upstream.code = code
    async with questions(upstream.script) as ours:
        assert fix in (await ours.ask()).line


async def test_anonymous() -> None:
    """C2: an upstream that takes us for anonymous says that our kubeconfig has no credential."""
    upstream = AskedUpstream()
    upstream.user = "system:anonymous"
    async with questions(upstream.script) as ours:
        standing = await ours.ask()
    assert not standing.ready
    assert standing.fault is not None
    assert standing.fault.cause == "credential-missing"
    assert "kubeconfig k" in standing.line


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"status":1}'])
async def test_no_api_server(body: bytes) -> None:
    """C2: what answers 200 to everything is no API server."""
    async with questions(replying(answer(200, body))) as ours:
        standing = await ours.ask()
    assert not standing.ready
    assert standing.fault is not None
    assert standing.fault.cause == "protocol-error"


async def test_request_header() -> None:
    """C2: a front proxy asks as a user of its own, with its certificate alone."""
    upstream = AskedUpstream()
    upstream.user = FRONT_PROXY_USER
    async with questions(upstream.script, "request-header") as ours:
        assert (await ours.ask()).line == (
            "upstream http://up is v1.36.2; it accepts the proxy as a front proxy"
        )
        assert all(b"X-Remote-User: auditproxy\r\n" in head for head in upstream.heads)
        assert upstream.questions == [REVIEW, "/version"]
        upstream.user = "cn-of-our-certificate"
        standing = await ours.ask()
        assert not standing.ready
        assert "it authenticates the proxy as cn-of-our-certificate" in standing.line
        upstream.code = 401
        standing = await ours.ask()
        assert not standing.ready
        assert "--requestheader-client-ca-file" in standing.line


@pytest.mark.parametrize(
    ("code", "shown"), [(0, "is v1.36.2"), (401, "with 401"), (403, "with 403")]
)
async def test_passing_through(code: int, shown: str) -> None:
    """C2: without a credential of ours only the version is asked, and a refusal is an answer."""
    upstream = AskedUpstream()
    upstream.code = code
    async with questions(upstream.script, "passthrough") as ours:
        standing = await ours.ask()
    assert standing.ready
    assert shown in standing.line
    assert set(upstream.questions) == {"/version"}
    assert not any(b"Authorization" in head for head in upstream.heads)


async def test_texts_of_the_upstream() -> None:
    """C2: names and versions that hold line breaks or terminal sequences stay in one line."""
    upstream = AskedUpstream()
    upstream.user, upstream.version = "a\nb\x1b[2J", "v1\r\n" + "x" * 1000
    async with questions(upstream.script) as ours:
        line = (await ours.ask()).line
    assert line.isprintable()
    assert len(line) < 600
    assert json.dumps("a\\nb\\x1b[2J")[1:-1].replace("\\\\", "\\") in line
