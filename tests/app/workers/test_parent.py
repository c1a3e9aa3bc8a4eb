"""Several processes on one port, as an operator starts, kills, restarts and stops them."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.workers.parent import exit_code, signal_name
from auditproxy.app.workers.worker import FIRST_REQUEST
from tests.conformance.client import read_answer
from tests.fakes.processes import Started, started
from tests.fakes.proxy import request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer
from tests.fakes.waiting import turns, until

CLIENTS = 4
"""How many ask at once, each on a connection of its own for each request."""

WATCH = request("GET", "/api/v1/namespaces/d/pods?watch=1")

pytestmark = pytest.mark.timeout(120)


@dataclass
class Seen:
    """Which requests the upstream got, by name."""

    names: set[str] = field(default_factory=set)

    async def script(self, connection: FakeConnection) -> None:
        """Answer one request, or hold a watch."""
        head, _ = await connection.read_request()
        self.names.add(name_in(head.split(b" ", 2)[1].decode()))
        if b"watch=1" in head:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
            await connection.wait_closed(100)
            return
        connection.send(answer(200, b"ok", b"Connection: close"))


def name_in(target: str) -> str:
    """The last part of a path."""
    return target.partition("?")[0].rpartition("/")[2]


@dataclass
class Load:
    """Clients that ask without a pause."""

    proxy: Started
    answered: set[str] = field(default_factory=set)
    broken: list[BaseException] = field(default_factory=list)
    _ended: bool = False
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        names = count()
        self._tasks = [asyncio.create_task(self._ask(names)) for _ in range(CLIENTS)]

    async def _ask(self, names: Iterator[int]) -> None:
        while not self._ended:
            name = f"box-{next(names)}"
            try:
                got = await self.proxy.ask(request("GET", f"/api/v1/namespaces/d/pods/{name}"))
            except ConnectionRefusedError:
                raise
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self.broken.append(error)
            else:
                assert got.status == 200
                self.answered.add(name)

    async def more(self, number: int = 20) -> None:
        """Wait for so many answers from now on."""
        before = len(self.answered)
        await until(
            lambda: len(self.answered) >= before + number or self._failed(),
            f"{number} more answers",
            seconds=30,
        )
        assert not self._failed()

    def _failed(self) -> bool:
        return any(task.done() for task in self._tasks)

    async def end(self) -> None:
        """Let each client have its last answer; raises what a refused connection raised."""
        self._ended = True
        await asyncio.gather(*self._tasks)


def events(folder: Path) -> list[dict[str, Any]]:
    """Every event of every worker."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("audit-worker*.log"))
        for line in path.read_text().splitlines()
    ]


def names_of(folder: Path, stage: str) -> set[str]:
    """The requests that have an event of a stage."""
    return {name_in(event["requestURI"]) for event in events(folder) if event["stage"] == stage}


async def workers_of(proxy: Started) -> dict[int, int]:
    """The process of each worker that serves, by its number."""
    page = (await proxy.health("/readyz?verbose")).body.decode()
    found = re.findall(r"worker (\d+) serves, process (\d+)", page)
    return {int(number): int(process) for number, process in found}


async def until_all_serve(proxy: Started, number: int) -> None:
    """Wait until so many workers serve."""
    await proxy.until_shown("/metrics", b"auditproxy_workers_serving %d.0" % number, seconds=30)


def is_gone(process: int) -> bool:
    """Whether a process that is not ours has ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def test_killed_worker(tmp_path: Path) -> None:
    """T274: kill -9 of a worker under load: others serve, what reached the upstream is in the logs."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        load = Load(proxy)
        load.start()
        await load.more()
        killed = (await workers_of(proxy))[1]
        os.kill(killed, signal.SIGKILL)
        await proxy.until_said("was killed by SIGKILL and is replaced")
        await load.more()
        await until_all_serve(proxy, 2)
        await load.more()
        await load.end()
        assert killed not in (await workers_of(proxy)).values()
        await proxy.until_shown("/metrics", b'auditproxy_worker_ends_total{reason="killed"} 1.0')
        proxy.process.send_signal(signal.SIGTERM)
        # What a killed process may have lost is said with the exit code.
        assert await proxy.ended(40) == 3
        missing = "every request that was forwarded is recorded, and of those under way the last"
        assert "workers have stopped; worker 1 was killed: " in proxy.lines[-1]
        assert sum(f"is replaced: {missing}" in line for line in proxy.lines) == 1
    # As with one process: RequestReceived is written before the upstream gets the request, and
    # only what was under way in the killed one lacks its last event.
    assert seen.names <= names_of(tmp_path, "RequestReceived")
    assert len(load.answered - names_of(tmp_path, "ResponseComplete")) <= CLIENTS
    assert len(load.broken) <= CLIENTS


async def test_rolling_restart(tmp_path: Path) -> None:
    """SIGUSR2 under load: other processes, no request fails, every event is there."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        before = await workers_of(proxy)
        reader, writer = await proxy.connect()
        writer.write(WATCH)
        async with asyncio.timeout(10):
            await reader.readuntil(b"hi")
        load = Load(proxy)
        load.start()
        await load.more()
        proxy.process.send_signal(signal.SIGUSR2)
        await proxy.until_said("rolling restart: 2 workers are replaced")
        await proxy.until_said("rolling restart: all 2 workers are restarted")
        await load.more()
        await load.end()
        after = await workers_of(proxy)
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values())
        assert load.broken == []
        writer.close()
        proxy.process.send_signal(signal.SIGTERM)
        assert await proxy.ended(40) == 0
        assert "every audit event was delivered" in proxy.lines[-1]
    expected = {*load.answered, "pods"}
    assert expected == names_of(tmp_path, "RequestReceived") == seen.names
    assert expected == names_of(tmp_path, "ResponseComplete")
    assert "pods" in names_of(tmp_path, "ResponseStarted")
    assert len(events(tmp_path)) == 2 * len(expected) + 1


async def test_connections_end_with_an_answer(tmp_path: Path) -> None:
    """T267: A rolling restart ends busy connections with an answer that says so: no POST is lost."""
    seen = Seen()
    body = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"box"}}'
    post = request("POST", "/api/v1/namespaces/d/pods", "Content-Type: application/json", body=body)
    is_restarted = False
    ends = 0

    async def ask() -> None:
        nonlocal ends
        while not is_restarted:
            asked = time.monotonic()
            reader, writer = await proxy.connect()
            is_kept = True
            while is_kept and not is_restarted:
                before, asked = asked, time.monotonic()
                writer.write(post)
                try:
                    async with asyncio.timeout(10):
                        found = await read_answer(reader, "POST")
                except (asyncio.IncompleteReadError, ConnectionError):
                    # On a machine that keeps this client waiting its connection is an idle one,
                    # as the answer before may have waited for the client.
                    assert asked - before > FIRST_REQUEST / 2
                    is_kept = False
                    break
                assert found.status == 200
                is_kept = found.header("Connection") != "close"
            ends += not is_kept
            writer.close()

    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        clients = [asyncio.create_task(ask()) for _ in range(CLIENTS)]
        proxy.process.send_signal(signal.SIGUSR2)
        await proxy.until_said("all 2 workers are restarted")
        is_restarted = True
        await asyncio.gather(*clients)
        # Each had a connection to one of those that left.
        assert ends >= CLIENTS


async def test_no_restart_into_a_fault(tmp_path: Path) -> None:
    """A file that a new worker could not read leaves those that run where they are."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        before = await workers_of(proxy)
        (tmp_path / "policy.yaml").write_text("rules: [{level: Everything}]\n")
        proxy.process.send_signal(signal.SIGUSR2)
        await proxy.until_said("workers are not restarted: ")
        assert await workers_of(proxy) == before
        assert (await proxy.ask(request())).status == 200


async def test_signals_of_a_service_manager(tmp_path: Path) -> None:
    """SIGTERM to each process and to the parent stops all in order; SIGHUP opens every log again."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        for path in tmp_path.glob("audit-worker*.log"):
            path.rename(tmp_path / f"moved-{path.name}")
        proxy.process.send_signal(signal.SIGHUP)
        for number in (1, 2):
            text = b'auditproxy_audit_log_reopened_total{worker="%d",reason="signal"} 1.0'
            await proxy.until_shown("/metrics", text % number)
        reader, writer = await proxy.connect()
        writer.write(WATCH)
        async with asyncio.timeout(10):
            await reader.readuntil(b"hi")
        workers = set((await workers_of(proxy)).values())
        proxy.process.send_signal(signal.SIGTERM)
        # Until the end of each, whatever it is doing.
        while workers:
            for process in tuple(workers):
                try:
                    os.kill(process, signal.SIGTERM)
                except ProcessLookupError:
                    workers.remove(process)
            await turns(1)
        assert await proxy.ended(40) == 0, "\n".join(proxy.lines)
        assert [event["stage"] for event in events(tmp_path)] == [
            "RequestReceived",
            "ResponseStarted",
            "ResponseComplete",
        ]
        writer.close()


async def test_stop_in_a_restart(tmp_path: Path) -> None:
    """A successor that is killed before it serves has lost nothing, and the exit code says so."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        proxy.process.send_signal(signal.SIGUSR2)
        await proxy.until_shown("/readyz?verbose", b"worker 1 is not serving")
        proxy.process.send_signal(signal.SIGTERM)
        assert await proxy.ended(60) == 0, "\n".join(proxy.lines)


async def test_killed_parent(tmp_path: Path) -> None:
    """Without their parent workers stop in order, with the last event of what was under way."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        workers = await workers_of(proxy)
        reader, writer = await proxy.connect()
        writer.write(WATCH)
        async with asyncio.timeout(10):
            await reader.readuntil(b"hi")
        proxy.process.kill()
        await until(
            lambda: all(map(is_gone, workers.values())), "the workers have ended", seconds=40
        )
        assert await proxy.ended() == -signal.SIGKILL
        assert names_of(tmp_path, "ResponseComplete") == {"pods"}
        with pytest.raises(ConnectionRefusedError):
            await proxy.connect()
        writer.close()


async def test_second_signal(tmp_path: Path) -> None:
    """A second signal ends all of them at once, with code 1."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        await connection.wait_closed(60)

    async with (
        FakeUpstream(script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        workers = await workers_of(proxy)
        _, writer = await proxy.connect()
        writer.write(request())
        await upstream.until(lambda: bool(upstream.connections))
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.until_said("a second signal exits at once")
        proxy.process.send_signal(signal.SIGTERM)
        assert await proxy.ended(10) == 1
        assert all(map(is_gone, workers.values()))
        writer.close()


async def test_readiness(tmp_path: Path) -> None:
    """/readyz fails with what one of them cannot do; a worker that is stopped is told of."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        await proxy.until_shown("/readyz", b"ok")
        process = (await workers_of(proxy))[2]
        os.kill(process, signal.SIGSTOP)
        try:
            await proxy.until_shown("/readyz", b"worker 2: has not answered for", seconds=20)
            # The others' metrics are there without it.
            page = (await proxy.health("/metrics")).body
            assert b'process_start_time_seconds{worker="1"}' in page
            assert b'process_start_time_seconds{worker="2"}' not in page
        finally:
            os.kill(process, signal.SIGCONT)
        await proxy.until_shown("/readyz", b"ok", seconds=20)


async def test_keep_alive(tmp_path: Path) -> None:
    """One connection stays with one worker; connections are shared by all."""
    seen = Seen()
    async with (
        FakeUpstream(seen.script) as upstream,
        started(upstream.port, tmp_path, "--workers=2") as proxy,
    ):
        reader, writer = await proxy.connect()
        for _ in range(4):
            writer.write(request())
            async with asyncio.timeout(10):
                assert (await read_answer(reader, "GET")).status == 200
        writer.close()
        page = await proxy.until_shown("/metrics", b"} 8.0")
        lines = [line for line in page.splitlines() if b"events_generated_total{" in line]
        assert sorted(float(line.split()[1]) for line in lines) == [0.0, 8.0]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((), 0), ((0, 0), 0), ((0, 3), 3), ((0, -9), 3), ((1, 0), 1), ((1, 3, -9), 3)],
)
def test_exit_code(codes: tuple[int, ...], expected: int) -> None:
    """Lost events come before other failures; a killed worker may have lost some."""
    assert exit_code(codes) == expected


def test_signal_name() -> None:
    """The name of a signal, or its number."""
    assert signal_name(9) == "SIGKILL"
    assert signal_name(250) == "signal 250"
