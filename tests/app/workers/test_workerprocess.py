"""One worker as its parent sees it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app.workers.workerprocess import WorkerProcess
from auditproxy.options import Options
from auditproxy.sockets.listener import reserve
from tests.fakes.options import options
from tests.fakes.proxy import POLICY, TOKENS, write_files

pytestmark = pytest.mark.timeout(120)


def set_up(folder: Path) -> Options:
    """Options of two workers; nothing is at the upstream's port."""
    flags = write_files(1, folder, policy=POLICY, tokens=TOKENS)
    flags["audit_log_path"] = str(folder / "audit.log")
    flags["cert_dir"] = str(folder / "certs")
    return options(workers=2, **flags)


@contextlib.asynccontextmanager
async def worker(given: Options) -> AsyncIterator[tuple[WorkerProcess, int]]:
    """A worker of number 2, and the port that it is to serve on."""
    with reserve("127.0.0.1", 0) as listener:
        running = await WorkerProcess.start(2, given, listener)
        try:
            yield running, listener.getsockname()[1]
        finally:
            running.kill()
            async with asyncio.timeout(30):
                await running.wait()


async def test_from_start_to_end(tmp_path: Path) -> None:
    """It listens once it is told to, reports, has metrics, and ends when it is told to."""
    async with asyncio.timeout(100), worker(set_up(tmp_path)) as (running, port):
        await running.built()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        await running.serve()
        socket.create_connection(("127.0.0.1", port)).close()
        first, second = await asyncio.gather(running.metrics(), running.metrics())
        assert first == second
        assert b"auditproxy_build_info" in first
        assert (tmp_path / "audit-worker2.log").exists()
        assert "audit-log: accepting events" in running.readiness.information
        running.tell("leave")
        assert await running.wait() == 0
        assert await running.metrics() == b""


async def test_what_it_cannot_use(tmp_path: Path) -> None:
    """Its faults are those of the start, with the exit code."""
    given = set_up(tmp_path)
    given = replace(given, audit=replace(given.audit, policy_file="/nope"))
    async with asyncio.timeout(100), worker(given) as (running, _):
        with pytest.raises(Unusable, match="--audit-policy-file /nope") as error:
            await running.built()
        assert error.value.code == 2
        assert await running.wait() == 2


async def test_killed(tmp_path: Path) -> None:
    """Whoever waits for one that was killed is told."""
    async with asyncio.timeout(100), worker(set_up(tmp_path)) as (running, _):
        running.kill()
        with pytest.raises(Unusable, match="worker 2 ended before it served"):
            await running.built()
        assert await running.wait() == -signal.SIGKILL
        running.kill()
