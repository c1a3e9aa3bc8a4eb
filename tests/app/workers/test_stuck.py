"""Workers that say nothing while they start, leave or stop: killed, and told of."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.app import operatorlog
from auditproxy.app.announcing import UNDELIVERED
from auditproxy.app.workers import parent
from auditproxy.app.workers.parent import Workers
from auditproxy.files.servingcertificate import make_certificate
from auditproxy.metrics.workers import WorkerMetrics
from auditproxy.options import Options
from tests.fakes.options import options
from tests.fakes.proxy import POLICY
from tests.fakes.waiting import until

SILENCE = 6.0
"""In place of half a minute; a worker that starts on a busy machine says nothing for a while."""


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What operators are told; silence is noticed soon."""
    lines: list[str] = []
    monkeypatch.setattr(parent, "LONGEST_SILENCE", SILENCE)
    for name in ("warn", "info"):
        monkeypatch.setattr(operatorlog, name, lambda text: lines.append(str(text)))
    return lines


def own_options(folder: Path) -> Options:
    """Of two workers that need no upstream."""
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "tokens.csv").write_text('admin-token,admin,1,"system:masters"\n')
    (folder / "kubeconfig").write_text(
        '{"apiVersion":"v1","kind":"Config","current-context":"c",'
        '"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],'
        '"clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],'
        '"users":[{"name":"u","user":{"token":"x"}}]}'
    )
    found = options(
        kubeconfig=str(folder / "kubeconfig"),
        audit_policy_file=str(folder / "policy.yaml"),
        audit_log_path=str(folder / "audit.log"),
        token_auth_file=str(folder / "tokens.csv"),
        cert_dir=str(folder / "certs"),
        workers=2,
    )
    # Made once, as the start does before several look for it.
    make_certificate(found)
    return found


@contextlib.asynccontextmanager
async def two(folder: Path) -> AsyncIterator[Workers]:
    """Two workers that serve nothing yet; none is left at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Workers(own_options(folder), listener, WorkerMetrics())
    try:
        yield found
    finally:
        for worker in found._running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGCONT)
        running = found._running()
        await found.kill()
        await asyncio.gather(*(worker.wait() for worker in running))
        listener.close()


def stop(found: Workers, number: int) -> None:
    """Have a worker say nothing from now on."""
    os.kill(found._running()[number - 1].pid, signal.SIGSTOP)


async def test_start(tmp_path: Path, said: list[str]) -> None:
    """One that says nothing before it serves is killed, and the start fails with the reason."""
    async with two(tmp_path) as found:
        await found.build()
        stop(found, 2)
        async with asyncio.timeout(60):
            with pytest.raises(Unusable, match="worker 2 ended before it served"):
                await found.start()
        (line,) = (line for line in said if "is killed" in line)
        assert line.startswith("worker 2 (process ")
        assert "while it starts, and is killed" in line


async def test_stop(tmp_path: Path, said: list[str]) -> None:
    """One that says nothing at the stop does not hold it up; it may have lost events."""
    async with two(tmp_path) as found:
        await found.build()
        await found.start()
        stop(found, 1)
        async with asyncio.timeout(60):
            assert await found.stop() == UNDELIVERED
        (line,) = (line for line in said if "while it" in line)
        assert "while it stops, and is killed" in line


async def test_leave(tmp_path: Path, said: list[str]) -> None:
    """One that says nothing in a rolling restart is killed and replaced, and the restart goes on."""
    async with two(tmp_path) as found:
        await found.build()
        await found.start()
        before = [worker.pid for worker in found._running()]
        stop(found, 1)
        found.restart()
        async with asyncio.timeout(60):
            await until(
                lambda: "rolling restart: all 2 workers are restarted" in said,
                "the restart ends",
                seconds=60,
            )
        assert not set(before) & {worker.pid for worker in found._running()}
        assert sum("while it leaves, and is killed" in line for line in said) == 1
        begin = "rolling restart: 2 workers are replaced, one after the other"
        assert said.index(begin) < min(
            i for i, line in enumerate(said) if "while it leaves" in line
        )
        assert await found.stop() == UNDELIVERED


async def test_one_that_serves_is_not_killed(tmp_path: Path, said: list[str]) -> None:
    """It may hold events: probes tell of it, and whoever reads them decides."""
    async with two(tmp_path) as found:
        await found.build()
        await found.start()
        stop(found, 1)
        await until(lambda: found.is_alive() is not True, "it is told of", seconds=60)
        assert said == []
        os.kill(found._running()[0].pid, signal.SIGCONT)
        await until(lambda: found.is_alive() is True, "it answers", seconds=60)
        assert await found.stop() == 0


async def test_the_last_one_that_serves_stays(tmp_path: Path, said: list[str]) -> None:
    """No restart takes a worker while another does not serve."""
    async with two(tmp_path) as found:
        await found.build()
        await found.start()
        (tmp_path / "policy.yaml").write_text("rules: [{level: Everything}]\n")
        os.kill(found._running()[0].pid, signal.SIGKILL)
        await until(lambda: "cannot be started" in "".join(said), "it is not replaced", seconds=60)
        (tmp_path / "policy.yaml").write_text(POLICY)
        found.restart()
        expected = (
            "rolling restart: it ends before worker 2: worker 1 does not serve, and clients "
            "need one that does"
        )
        await until(lambda: expected in said, "the restart ends", seconds=60)
        await until(lambda: found.is_ready() is True, "both serve", seconds=60)
