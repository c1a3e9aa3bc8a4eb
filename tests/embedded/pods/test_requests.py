"""Logs and sessions, with containers of the test's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auditproxy.embedded.http1 import RawConnection, Request
from auditproxy.embedded.pods.journal import ContainerSession
from tests.fakes.embedded import Cluster, read_answer, read_head, running

POD = "/api/v1/namespaces/default/pods/hello"


class Containers:
    """Echoes one line of a session; writes three lines of log, and waits when followed."""

    async def serve(
        self,
        request: Request,
        pod: dict[str, Any],
        connection: RawConnection,
        session: ContainerSession,
    ) -> None:
        """Switch, and give the first line back with the pod's name and the command."""
        connection.writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        line = await connection.reader.readline()
        command = " ".join(request.query["command"]).encode()
        name = pod["metadata"]["name"].encode()
        user = request.user.username.encode()
        connection.writer.write(b" ".join((user, name, command, line)))
        await connection.writer.drain()

    async def log_lines(self, pod: dict[str, Any], follow: bool) -> AsyncIterator[bytes]:
        """Three lines."""
        for number in (b"1", b"2", b"3"):
            yield b"line " + number + b"\n"
        if follow:
            await asyncio.Event().wait()


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A server with these containers."""
    async with asyncio.timeout(30), running(streams=Containers()) as found:
        yield found


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", b"line 1\nline 2\nline 3\n"),
        ("tailLines=1", b"line 3\n"),
        ("tailLines=0", b""),
        ("container=app&limitBytes=4", b"line"),
    ],
)
async def test_log(cluster: Cluster, query: str, body: bytes) -> None:
    """Plain text, as much as was asked for."""
    answer = await cluster.ask("GET", f"{POD}/log?{query}", token="viewer-token")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    assert answer.body == body


async def test_followed_log(cluster: Cluster) -> None:
    """Lines come as they are written, until the client leaves."""
    reader, writer = await cluster.connect()
    writer.write(
        f"GET {POD}/log?follow=true HTTP/1.1\r\nAuthorization: Bearer viewer-token\r\n\r\n".encode()
    )
    assert (await read_head(reader))[1]["transfer-encoding"] == "chunked"
    assert await reader.readexactly(12) == b"7\r\nline 1\n\r\n"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_session(cluster: Cluster) -> None:
    """The connection is the container's, early bytes included."""
    reader, writer = await cluster.connect()
    writer.write(
        f"POST {POD}/exec?command=ls&command=-l HTTP/1.1\r\nAuthorization: Bearer admin-token\r\n"
        "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nearly\n".encode()
    )
    assert (await read_head(reader))[0] == 101
    assert await reader.read() == b"root hello ls -l early\n"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_refused_session(cluster: Cluster) -> None:
    """Who may not gets an answer, not a session."""
    reader, writer = await cluster.connect()
    writer.write(
        f"GET {POD}/exec?command=ls HTTP/1.1\r\nAuthorization: Bearer viewer-token\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode()
    )
    answer = await read_answer(reader)
    assert answer.status == 403
    assert 'cannot get resource "pods/exec"' in answer.json["message"]
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("hello/exec?command=ls", 400, "Upgrade request required"),
        ("hello/log?container=x", 400, "container x is not valid for pod hello"),
        ("no/log", 404, 'pods "no" not found'),
        (
            "two/log",
            400,
            "a container name must be specified for pod two, choose one of: [a b]",
        ),
    ],
)
async def test_refusals(cluster: Cluster, path: str, status: int, message: str) -> None:
    """What a session or a log needs."""
    cluster.server.add_pod("two", containers=("a", "b"))
    answer = await cluster.ask("GET", f"/api/v1/namespaces/default/pods/{path}")
    assert (answer.status, answer.json["message"]) == (status, message)
