"""What is measured: each proxy as a process of its own, on a core of its own where there are two."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import peers
from tests.bench.settings import Files
from tests.fakes.waiting import pause

PEERS = ("haproxy", "nginx")
LOOPS = ("uvloop", "asyncio")
FLOOR = "floor"
"""Not a proxy: see tests/bench/floor.py."""
START = 30.0
"""Seconds within which a process must listen."""

WITHOUT_UVLOOP = """\
import sys
sys.modules["uvloop"] = None
from auditproxy.cli import main
sys.exit(main())
"""
"""``auditproxy`` as it runs where uvloop is not installed."""


@dataclass(frozen=True)
class Setup:
    """How the proxies are configured; nginx and HAProxy are the same in all of them."""

    level: str = "Metadata"
    identity: str = "impersonate"
    flags: tuple[str, ...] = ()
    """More flags of auditproxy, with ``{folder}`` and ``{upstream}``, the upstream's port."""


def cores() -> tuple[set[int], set[int]]:
    """The proxies' core and the others'; all for both where there is one only."""
    there = sorted(os.sched_getaffinity(0))
    return ({there[0]}, set(there[1:])) if len(there) > 1 else (set(there), set(there))


@contextmanager
def on_core(core: set[int]) -> Iterator[None]:
    """What is started within runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def installed(name: str) -> str | None:
    """Where a program is, in the folders of administrators too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def auditproxy_words(files: Files, port: int, setup: Setup) -> list[str]:
    """The flags of ``auditproxy serve``."""
    words = [
        f"--{name.replace('_', '-')}={value}"
        for name, value in files.flags.items()
        if name != "audit_log_path"
    ]
    words += [
        f"--audit-log-path={files.path(f'audit-{port}.log')}",
        "--audit-log-mode=blocking",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--health-bind-address=",
        "--upstream-check-period=0",
        f"--upstream-identity={setup.identity}",
    ]
    if setup.identity == "request-header":
        words += [
            f"--proxy-client-cert-file={files.path('front.crt')}",
            f"--proxy-client-key-file={files.path('front.key')}",
        ]
    return [*words, *setup.flags]


def command(name: str, files: Files, port: int, upstream: int, setup: Setup) -> list[str]:
    """What starts a subject; writes the configuration that it reads."""
    if name == "nginx":
        file = files.folder / f"nginx-{port}.conf"
        file.write_text(peers.nginx(files, port, upstream), encoding="utf-8")
        return [installed("nginx") or "nginx", "-p", str(files.folder), "-c", str(file)]
    if name == "haproxy":
        file = files.folder / f"haproxy-{port}.cfg"
        file.write_text(peers.haproxy(files, port, upstream), encoding="utf-8")
        return [installed("haproxy") or "haproxy", "-db", "-q", "-f", str(file)]
    if name == FLOOR:
        words = [sys.executable, "-m", "tests.bench.floor", str(files.folder)]
        return [*words, str(port), str(upstream)]
    words = auditproxy_words(files, port, setup)
    serve = ["serve", *(word.format(folder=files.folder, upstream=upstream) for word in words)]
    if name == "uvloop":
        return [sys.executable, "-m", "auditproxy", *serve]
    return [sys.executable, "-c", WITHOUT_UVLOOP, *serve]


def running_seconds(stat: str, schedules: Sequence[str], ticks: int) -> float:
    """CPU seconds of a process: of /proc's schedstat of its threads, else utime and stime.

    The first is exact, the second counts ticks.
    """
    if schedules:
        return sum(int(text.split()[0]) for text in schedules) / 1e9
    after_name = stat.rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / ticks


class Subject:
    """One process; figures are read from /proc."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, port: int) -> None:
        self.name = name
        self.port = port
        self.started = 0.0
        """Seconds from its start until it listened."""
        self._process = process

    @classmethod
    async def start(
        cls, name: str, words: Sequence[str], port: int, core: set[int], log: Path
    ) -> "Subject":
        """Start a process and wait until it listens; raises RuntimeError with what it logged."""
        began = time.perf_counter()
        # An installation has byte code, which the first start writes here.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        with on_core(core), log.open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *words, stdout=asyncio.subprocess.DEVNULL, stderr=said, env=environment
            )
        subject = cls(name, process, port)
        while not listens(port):
            if process.returncode is not None or time.perf_counter() - began > START:
                last = log.read_text(encoding="utf-8", errors="replace")[-500:]
                raise RuntimeError(f"{name} did not start: {last}")
            await pause(0.005)
        subject.started = time.perf_counter() - began
        return subject

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        folder = Path(f"/proc/{self._process.pid}")
        stat = (folder / "stat").read_text(encoding="ascii")
        schedules = [path.read_text(encoding="ascii") for path in folder.glob("task/*/schedstat")]
        return running_seconds(stat, schedules, os.sysconf("SC_CLK_TCK"))

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        statm = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    async def stop(self) -> None:
        """End it."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
