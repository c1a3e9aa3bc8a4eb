"""A: whatever a client writes, the upstream sees whom we authenticated (oracle O3 of the rig)."""

import pytest

from tests.fakes.upstream import FakeConnection, answer
from tests.threats.rig import OK, Rig, RigFactory, each_way

DENIED = answer(
    201, b'{"kind":"SubjectAccessReview","status":{"allowed":false}}', b"Content-Type: application/json"
)  # fmt: skip


async def denying(connection: FakeConnection) -> None:
    """An upstream whose authorizer allows no impersonation."""
    while True:
        head, _ = await connection.read_request()
        connection.send(DENIED if b"subjectaccessreviews" in head else OK)


def stays_alice(rig: Rig) -> None:
    """One request went up, as alice."""
    (request,) = rig.forwarded()
    assert request.values(b"impersonate-user") == [b"alice"]
    assert not [n for n, _ in request.headers if n.startswith((b"x-remote", b"x-forwarded"))]


@each_way
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (("Impersonate-User: root",), 403),
        (("iMPERSONATE-uSER: root", "IMPERSONATE-GROUP: system:masters"), 403),
        (("Impersonate-Group: system:masters",), 400),
        (("Impersonate-Uid: 0",), 400),
        (("Impersonate-Extra-x: y",), 400),
        (("Impersonate-Foo: x",), 400),
        (("Impersonate_User: root",), 400),
        (("X_Remote_User: root",), 400),
        (("Impersonate-Extra_a: b",), 400),
    ],
)
async def test_asked_for(rigged: RigFactory, headers: tuple[str, ...], code: int, cut: str) -> None:
    """T001, T002, T003, T004, T005, T006: who may not be somebody else is refused, with an event."""
    async with rigged(denying) as rig:
        got = await rig.ask(rig.request("GET", "/api/v1/pods", *headers), cut)
        assert got.status == code
        assert rig.forwarded() == []
        assert rig.events[-1]["responseStatus"]["code"] == code


@each_way
@pytest.mark.parametrize(
    "headers",
    [
        ("X-Remote-User: root", "X-Remote-Group: system:masters", "X-Remote-Extra-a: b"),
        ("Connection: Impersonate-User, Impersonate-Group",),
        ("Connection: ,\timpersonate-user\t,,", "Connection: authorization", "Connection: HOST"),
        ("Connection: content-length, host, authorization, audit-id",),
        ("Keep-Alive: 5", "Proxy-Connection: close", "TE: trailers", "Proxy-Authorization: x"),
        ("X-Forwarded-User: root", "X-Auth-Request-User: root", "SSL-Client-Subject: root"),
        ("X-Original-URL: /api/v1/secrets", "X-HTTP-Method-Override: DELETE"),
        ("Authorization: Bearer admin-token",),
        ("Cookie: user=root",),
    ],
)
async def test_made_up(rigged: RigFactory, headers: tuple[str, ...], cut: str) -> None:
    """T007, T008, T009, T011, T012, T013, T025: what is made up or named away changes nothing."""
    async with rigged() as rig:
        # alice's Authorization stands before any other.
        raw = b"GET /api/v1/pods HTTP/1.1\r\nHost: proxy\r\n"
        raw += f"Authorization: Bearer {rig.canary}\r\n".encode()
        raw += "".join(f"{header}\r\n" for header in headers).encode() + b"\r\n"
        assert (await rig.ask(raw, cut)).status == 200
        stays_alice(rig)
        assert rig.events[-1]["verb"] == "list"


@each_way
@pytest.mark.parametrize("agent", ["kube-probe/1.30", "GoogleHC/1.0", "kube-apiserver-healthcheck"])
async def test_probes_are_like_anyone(rigged: RigFactory, agent: str, cut: str) -> None:
    """T014: a User-Agent is no credential."""
    async with rigged(anonymous_auth=False) as rig:
        raw = f"GET /healthz HTTP/1.1\r\nHost: proxy\r\nUser-Agent: {agent}\r\n\r\n".encode()
        assert (await rig.ask(raw, cut)).status == 401
        assert rig.forwarded() == []
