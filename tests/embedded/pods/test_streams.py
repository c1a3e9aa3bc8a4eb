"""Upgrades of the embedded API server over raw connections; real kubectl has its own tests."""

import asyncio
import json

import pytest

from auditproxy.embedded.pods.streams import exit_status, log_lines
from tests.fakes.embedded import running

POD = {"metadata": {"name": "box", "uid": "u"}}
EXEC = "/api/v1/namespaces/default/pods/hello/exec?command=true&stdout=true"


async def test_log_lines() -> None:
    """A few lines; following gives further ones."""
    assert [line async for line in log_lines(POD, False)] == [
        b"box log line 0\n",
        b"box log line 1\n",
        b"box log line 2\n",
    ]
    assert [line async for line in log_lines(POD, False, 1)] == [b"box log line 2\n"]
    assert [line async for line in log_lines(POD, False, 0)] == []
    assert len([line async for line in log_lines(POD, False, 99)]) == 3
    following = log_lines(POD, True)
    async with asyncio.timeout(5):
        lines = [await anext(following) for _ in range(4)]
    assert lines[-1] == b"box log line 3\n"
    await following.aclose()  # type: ignore[attr-defined]


def test_exit_status() -> None:
    """Success, or the exit code as kubectl reads it."""
    assert json.loads(exit_status(0))["status"] == "Success"
    failed = json.loads(exit_status(3))
    assert failed["reason"] == "NonZeroExitCode"
    assert failed["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ("Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n", 101),
        ("Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v9.channel.k8s.io\r\n", 403),
        ("Upgrade: SPDY/3.1\r\n", 403),
        ("Upgrade: h2c\r\n", 403),
        (
            "Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n"
            "Sec-WebSocket-Protocol: other, v5.channel.k8s.io\r\n",
            101,
        ),
        ("Upgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n", 403),
    ],
)
async def test_negotiation(headers: str, code: int) -> None:
    """Only known protocols are switched to."""
    async with running() as cluster:
        reader, writer = await cluster.connect()
        writer.write(
            f"POST {EXEC} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin-token\r\n"
            f"Connection: Upgrade\r\n{headers}\r\n".encode()
        )
        async with asyncio.timeout(5):
            line = await reader.readline()
        assert line.split(b" ")[1] == str(code).encode()
        writer.close()


@pytest.mark.parametrize(
    ("subresource", "protocol"),
    [("exec?command=true&stdout=true", "v4.channel.k8s.io"), ("portforward", "portforward.k8s.io")],
)
async def test_no_http_after_the_switch(subresource: str, protocol: str) -> None:
    """What is no SPDY ends the connection; an HTTP answer has no place in it any more."""
    async with running() as cluster:
        reader, writer = await cluster.connect()
        writer.write(
            f"POST /api/v1/namespaces/default/pods/hello/{subresource} HTTP/1.1\r\nHost: h\r\n"
            "Authorization: Bearer admin-token\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
            f"X-Stream-Protocol-Version: {protocol}\r\n\r\n".encode()
        )
        async with asyncio.timeout(5):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x80\x03\x00\x01\x00\x00\x00\x0c" + b"x" * 12)
            assert await reader.read() == b""
        writer.close()
