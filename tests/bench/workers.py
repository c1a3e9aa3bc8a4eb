"""``python -m tests.bench.workers``: what a log of several processes would cost, and what they cost.

One line is written by the process itself, or handed to a writer process that acknowledges it, over
a pair of sockets; the writer is on another core where there is one, or on the same. Then memory of
``auditproxy serve --workers 2``, without load.
"""

import asyncio
import os
import re
import resource
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.processes import started
from tests.fakes.upstream import FakeUpstream, answer, replying

LINE = b"x" * 799 + b"\n"
COUNT = 5000
ROUNDS = 9
ACKNOWLEDGED = b"\x00\x00\x00\x01"


def own_cpu() -> float:
    """Seconds of CPU of this process and of those that it has waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


@contextmanager
def writer(descriptor: int, core: int, *, answers: bool) -> Iterator[socket.socket]:
    """A process that writes what comes, and says so if it ``answers``; waited for at the end."""
    ours, its = socket.socketpair()
    process = os.fork()
    if not process:
        os.sched_setaffinity(0, {core})
        ours.close()
        while data := its.recv(1 << 18):
            os.write(descriptor, data)
            if answers:
                its.send(ACKNOWLEDGED)
        os._exit(0)
    its.close()
    try:
        yield ours
    finally:
        ours.close()
        os.waitpid(process, 0)


def by_itself(descriptor: int) -> None:
    """Each line is one write."""
    for _ in range(COUNT):
        os.write(descriptor, LINE)


def handed_over(core: int, *, waits: bool) -> Callable[[int], None]:
    """Each line is sent to a writer on a core; with ``waits`` until it is written."""

    def run(descriptor: int) -> None:
        with writer(descriptor, core, answers=waits) as connection:
            for _ in range(COUNT):
                connection.sendall(LINE)
                if waits:
                    connection.recv(len(ACKNOWLEDGED))

    return run


def measure(write: Callable[[int], None], folder: Path) -> tuple[float, float]:
    """Microseconds that a line takes, and those of CPU of all processes: medians."""
    took, spent = [], []
    for _ in range(ROUNDS):
        with (folder / "audit.log").open("wb", buffering=0) as file:
            began, cpu = time.perf_counter(), own_cpu()
            write(file.fileno())
            took.append((time.perf_counter() - began) / COUNT * 1e6)
            spent.append((own_cpu() - cpu) / COUNT * 1e6)
    return statistics.median(took), statistics.median(spent)


def memory(process: int) -> tuple[int, int]:
    """MiB that are resident, and of them its share, pages of several divided among them."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    sizes = {name: int(size) // 1024 for name, size in re.findall(r"^(\w+): +(\d+)", text, re.M)}
    return sizes["Rss"], sizes["Pss"]


async def processes(folder: Path) -> None:
    """Print the memory of a parent and of its workers."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        started(upstream.port, folder, "--workers=2") as proxy,
    ):
        page = (await proxy.health("/readyz?verbose")).body.decode()
        ids = [proxy.process.pid, *map(int, re.findall(r"serves, process (\d+)", page))]
        for name, process in zip(("parent", "worker 1", "worker 2"), ids, strict=True):
            resident, share = memory(process)
            print(f"{name:34} {resident:4} MiB resident, its share {share:4} MiB")


def main() -> None:
    """Measure and print."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(processes(folder))
        os.sched_setaffinity(0, {cores[0]})
        ways = {
            "written by the process itself": by_itself,
            "writer on another core, waited for": handed_over(cores[-1], waits=True),
            "writer on the same core, waited for": handed_over(cores[0], waits=True),
            "writer on another core, no waiting": handed_over(cores[-1], waits=False),
        }
        for what, write in ways.items():
            took, spent = measure(write, folder)
            print(f"{what:36} {took:7.1f} us a line, {spent:6.1f} us of CPU")


if __name__ == "__main__":
    main()
