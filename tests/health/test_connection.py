"""Deadlines of the health port's connections."""

import asyncio
import contextlib

import pytest

from auditproxy.health import connection as healthconnection
from auditproxy.metrics.registry import Metrics
from tests.conformance.client import read_answer
from tests.fakes.health import serving
from tests.fakes.waiting import until

BOTH_LOOPS = True


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nHost: h\r\n"])
async def test_no_request_in_time(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: a connection without a whole request is closed in time, whatever it has sent."""
    monkeypatch.setattr(healthconnection, "HEAD_TIMEOUT", 0.05)
    async with serving() as (health, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
        assert not health._connections


async def test_an_answer_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """B2: who asks for much and reads nothing of it is closed, and so is who falls silent."""
    monkeypatch.setattr(healthconnection, "LAST_USE_TIMEOUT", 0.2)
    metrics = Metrics()
    for number in range(20_000):
        metrics.audit.dropped(f"reason-{number}", "log", "log")
    async with serving(registry=metrics.registry) as (health, port):
        _, slow_writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        slow_writer.write(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        idle_writer.write(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await read_answer(idle, "GET")).body == b"ok"
            assert await idle.read() == b""
        await until(lambda: not health._connections, "the health port drops both")
        for writer in (slow_writer, idle_writer):
            writer.transport.abort()
