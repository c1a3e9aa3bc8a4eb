"""B3: standard output, a FIFO and standard error that nobody reads hold up nothing else."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from auditproxy.app.operatorlines import MAXIMUM_LINES
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import until

GET = request("GET", "/api/v1/pods")
STALLED = b"[-]audit-log failed: a write has taken "


class Pipe:
    """A pipe or FIFO that is full until somebody drains it."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self.reading, self.writing = os.pipe()
        else:
            os.mkfifo(path)
            self.reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self.writing = os.open(path, os.O_WRONLY)
        os.set_blocking(self.reading, False)

    def fill(self) -> None:
        """Leave no room in it."""
        os.set_blocking(self.writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writing, b"\n" * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writing, b"\n")
        os.set_blocking(self.writing, True)

    def drain(self) -> bytes:
        """Everything in it."""
        taken = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.reading, 1 << 16):
                taken += piece
        return taken

    def close(self) -> None:
        """Both ends."""
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A full pipe."""
    full = Pipe()
    full.fill()
    yield full
    full.close()


@contextlib.asynccontextmanager
async def stalled(folder: Path, pipe: Pipe, *flags: str) -> AsyncIterator[Started]:
    """A proxy whose events go to standard output, which is the pipe."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(
            upstream.port,
            folder,
            "--audit-log-path=-",
            "--shutdown-audit-grace-period=1s",
            *flags,
            stdout=pipe.writing,
        ) as proxy,
    ):
        yield proxy


async def until_unready(proxy: Started) -> bytes:
    """What /readyz says once it fails."""
    body = b""

    async def unready() -> bool:
        nonlocal body
        answer = await proxy.health("/readyz")
        body = answer.body
        return answer.status != 200

    await until(unready, "/readyz fails", seconds=20)
    return body


async def until_waiting(proxy: Started, count: int) -> None:
    """Wait until so many events are stuck."""
    expected = f'auditproxy_audit_buffer_events{{plugin="log"}} {count}.0'.encode()
    await proxy.until_shown("/metrics", expected, seconds=30)


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict"])
@pytest.mark.parametrize("fifo", [False, True])
async def test_requests_wait(tmp_path: Path, mode: str, fifo: bool) -> None:
    """B3: audited requests wait, probes do not, /readyz says why, and all goes on once it is read."""
    pipe = Pipe(tmp_path / "fifo" if fifo else None)
    pipe.fill()
    path = f"--audit-log-path={tmp_path}/fifo" if fifo else "--audit-log-path=-"
    async with stalled(tmp_path, pipe, f"--audit-log-mode={mode}", path) as proxy:
        asked = asyncio.create_task(proxy.ask(GET, 60.0))
        assert STALLED in await until_unready(proxy)
        for probe in ("/livez", "/healthz"):
            assert (await proxy.health(probe)).body == b"ok"
        metrics = (await proxy.health("/metrics")).body
        assert b'auditproxy_audit_sink_healthy{plugin="log"} 0.0' in metrics
        assert b'auditproxy_audit_buffer_events{plugin="log"} 1.0' in metrics
        assert not asked.done()
        lines = b""

        def answered() -> bool:
            nonlocal lines
            lines += pipe.drain()
            return asked.done()

        await until(answered, "the request ends once its event is read")
        assert (await asked).status == 200
        await proxy.until_ready()
        await proxy.until_written(2)
        lines += pipe.drain()
        stages = [json.loads(line)["stage"] for line in lines.splitlines() if line]
        assert stages == ["RequestReceived", "ResponseComplete"]
        proxy.process.terminate()
        assert await proxy.ended() == 0
    pipe.close()


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict", "batch"])
async def test_a_stop_is_bounded(tmp_path: Path, pipe: Pipe, mode: str) -> None:
    """B3: SIGTERM while nobody reads ends in the audit grace period, code 3, every loss counted
    and told."""
    async with stalled(tmp_path, pipe, f"--audit-log-mode={mode}") as proxy:
        asked = [asyncio.create_task(proxy.ask(GET, 60.0)) for _ in range(3)]
        if mode == "batch":
            assert {(await each).status for each in asked} == {200}
        else:
            await until_waiting(proxy, 3)
        proxy.process.terminate()
        assert await proxy.ended() == 3
        await asyncio.gather(*asked, return_exceptions=True)
        assert "audit events were not delivered: 6 of log: shutdown" in proxy.lines[-1]


async def test_batch_goes_on(tmp_path: Path, pipe: Pipe) -> None:
    """B3: in batch mode requests are served, and what does not fit the buffer is dropped and counted."""
    flags = ("--audit-log-mode=batch", "--audit-log-batch-buffer-size=4")
    async with stalled(tmp_path, pipe, *flags) as proxy:
        for _ in range(150):
            assert (await proxy.ask(GET)).status == 200
        metrics = (await proxy.health("/metrics")).body
        assert (
            b'auditproxy_audit_events_dropped_total{plugin="log",reason="buffer-full"}' in metrics
        )
        assert (await proxy.health("/readyz")).status == 200
        await proxy.until_shown(
            "/readyz?verbose", b"info: audit-log: not accepting events: a write has taken "
        )
        assert b"[+]audit-log ok" in (await proxy.health("/readyz?verbose")).body


async def test_a_second_signal(tmp_path: Path, pipe: Pipe) -> None:
    """B3: a second signal ends at once, whoever does not read."""
    async with stalled(tmp_path, pipe, "--shutdown-audit-grace-period=60s") as proxy:
        asked = asyncio.create_task(proxy.ask(GET, 60.0))
        await until_waiting(proxy, 1)
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("shutting down")
        proxy.process.send_signal(signal.SIGTERM)
        assert await proxy.ended(20.0) == 1
        await asyncio.gather(asked, return_exceptions=True)


async def test_a_waiting_request_has_its_deadline(tmp_path: Path, pipe: Pipe) -> None:
    """B3: a request that waits for the sink is answered 504 in its time, as by kube-apiserver."""
    async with stalled(tmp_path, pipe, "--request-timeout=1s") as proxy:
        assert (await proxy.ask(GET, 30.0)).status == 504


async def test_standard_error_that_nobody_reads(tmp_path: Path, pipe: Pipe) -> None:
    """B3: lines for operators that nobody reads hold up neither requests nor a stop."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, stderr=pipe.writing) as proxy,
    ):
        assert (await proxy.ask(GET)).status == 200
        assert (await proxy.health("/livez")).body == b"ok"
        proxy.process.terminate()
        assert await proxy.ended() == 0


async def test_lines_that_nobody_reads_are_counted(tmp_path: Path, pipe: Pipe) -> None:
    """B3: what standard error has no room for is lost, and a metric of the process says so."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, tmp_path, stderr=pipe.writing) as proxy,
    ):
        lost = b"auditproxy_operator_lines_dropped_total "
        assert lost + b"0.0\n" in (await proxy.health("/metrics")).body
        for number in range(MAXIMUM_LINES + 10):
            # Each address has its own line: what repeats is told once a minute.
            source = f"127.0.{1 + number // 250}.{1 + number % 250}"
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", proxy.port, local_addr=(source, 0)
            )
            writer.write(b"GETTY")
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
        metrics = b""

        async def counted() -> bool:
            nonlocal metrics
            metrics = (await proxy.health("/metrics")).body
            return lost + b"0.0\n" not in metrics

        await until(counted, "lost lines are counted")
        assert lost in metrics
