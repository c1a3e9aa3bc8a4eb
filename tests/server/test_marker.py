"""The marker of forwarded requests, through the whole chain."""

import json
from pathlib import Path

import pytest

from tests.fakes.proxy import ADMIN, ALICE, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying

MARKER = "auditproxy.io/via=auditproxy"
LINE = b"impersonate-extra-auditproxy.io%2fvia"
JSON = b"Content-Type: application/json"
POD = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}'


def marks(received: bytes | bytearray) -> list[bytes]:
    """The values of the marker in what an upstream received."""
    lines = bytes(received).split(b"\r\n")
    pairs = [line.partition(b": ") for line in lines]
    return [value for name, _, value in pairs if name.lower() == LINE]


async def test_every_request_is_marked(tmp_path: Path) -> None:
    """Reads, writes, impersonation and upgrades carry the marker, exactly once each."""
    async with (
        FakeUpstream(replying(answer(403, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, impersonation_marker_extra=MARKER) as proxy,
    ):
        for raw in (
            request("GET", token=ALICE),
            request("POST", "/api/v1/namespaces/default/pods", body=POD, token=ALICE),
            request("GET", "/api", "Impersonate-User: jane", token=ADMIN),
            request(
                "GET",
                "/api/v1/namespaces/default/pods/box/exec?command=ls",
                "Connection: Upgrade",
                "Upgrade: websocket",
                token=ALICE,
            ),
        ):
            assert (await proxy.ask(raw)).status == 403
        received = [mark for one in upstream.connections for mark in marks(one.received)]
        assert received == [b"auditproxy"] * 4


async def test_off_by_default(tmp_path: Path) -> None:
    """Without the flag there is no such line."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request("GET"))
        assert marks(upstream.connections[0].received) == []


@pytest.mark.parametrize(
    "name",
    [
        "Impersonate-Extra-auditproxy.io%2Fvia",
        "impersonate-extra-auditproxy.io%2fVIA",
        "Impersonate-Extra-%61uditproxy.io%2Fvia",
    ],
)
async def test_a_client_cannot_ask_for_it(name: str, tmp_path: Path) -> None:
    """T004: even who may impersonate anybody gets 400 for the marker's key, on record."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, impersonation_marker_extra=MARKER) as proxy,
    ):
        got = await proxy.ask(
            request("GET", "/api", "Impersonate-User: jane", f"{name}: auditproxy", token=ADMIN)
        )
        assert got.status == 400
        assert upstream.connections == []
        assert proxy.stages() == [("RequestReceived", None), ("ResponseComplete", 400)]


async def test_a_header_without_a_user_is_no_way_in(tmp_path: Path) -> None:
    """T004: the bare header, without a user to impersonate, never reaches the upstream."""
    async with (
        FakeUpstream(replying(answer(200, POD, JSON))) as upstream,
        proxy_before(upstream.port, tmp_path, impersonation_marker_extra=MARKER) as proxy,
    ):
        got = await proxy.ask(
            request("GET", "/api", "Impersonate-Extra-auditproxy.io%2Fvia: x", token=ALICE)
        )
        assert got.status >= 400
        assert upstream.connections == []


async def test_a_token_cannot_bring_it(tmp_path: Path) -> None:
    """T004: a user to whom a TokenReview gives the marker's key is refused, whatever the value."""

    async def script(connection: FakeConnection) -> None:
        while True:
            head, _ = await connection.read_request()
            assert b"tokenreviews" in head.split(b"\r\n")[0]
            status = {
                "authenticated": True,
                "user": {"username": "eve", "extra": {"auditproxy.io/via": ["auditproxy"]}},
            }
            review = {
                "kind": "TokenReview",
                "apiVersion": "authentication.k8s.io/v1",
                "status": status,
            }
            connection.send(answer(201, json.dumps(review).encode(), JSON))

    async with (
        FakeUpstream(script) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            impersonation_marker_extra=MARKER,
            authentication_token_review=True,
        ) as proxy,
    ):
        got = await proxy.ask(request("GET", token="a-token-of-eve"))
        assert got.status == 400
        assert b"the proxy's own marker" in got.body
        assert proxy.events[-1]["user"]["username"] == "eve"
