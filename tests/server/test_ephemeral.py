"""Ephemeral containers: kubectl debug's patch in its event, and in what sessions know."""

import json
from pathlib import Path

import pytest

from auditproxy.server.ephemeral import EPHEMERAL_LIMIT
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream

TARGET = "/api/v1/namespaces/team/pods/box/ephemeralcontainers"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
ANNOTATION = "auditproxy.io/ephemeral-containers"


def patch(image: str) -> bytes:
    """What kubectl debug sends."""
    containers = [{"name": "debugger-x", "image": image}]
    return json.dumps({"spec": {"ephemeralContainers": containers}}).encode()


async def answering(connection: FakeConnection) -> None:
    """Accept a request when all of it is there."""
    await connection.read_request()
    connection.send(ANSWER)


@pytest.mark.parametrize(
    ("image", "chunked", "named"),
    [("i", False, True), ("i", True, True), ("i" * EPHEMERAL_LIMIT, False, False)],
)
async def test_debugged(tmp_path: Path, image: str, chunked: bool, named: bool) -> None:
    """The event names the container, however the body is framed, and sessions know it.

    A body beyond the limit passes, and nothing is looked for in it.
    """
    body = patch(image)
    headers = ["Content-Type: application/strategic-merge-patch+json", "Connection: close"]
    if chunked:
        headers.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        headers.append(f"Content-Length: {len(body)}")
    log = str(tmp_path / "sessions.log")
    async with (
        FakeUpstream(answering) as upstream,
        proxy_before(upstream.port, tmp_path, sessions_log_path=log, audit_redact="none") as proxy,
    ):
        assert (await proxy.ask(request("PATCH", TARGET, *headers) + body)).status == 200
        await proxy.until_events(2)
        (event,) = (one for one in proxy.events if one["stage"] == "ResponseComplete")
        added = event["annotations"].get(ANNOTATION)
        assert added == ('[{"name":"debugger-x","image":"i"}]' if named else None)
        supervisor = proxy.proxy.handler.shared.supervisor
        assert supervisor is not None
        assert supervisor.debugged.is_ephemeral("team", "box", "debugger-x") is named
