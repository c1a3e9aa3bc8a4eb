"""Large events beside the event loop: order, the end, and what there is no room for."""

import json
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.audit.encode import LARGE, json_line, json_parts
from auditproxy.backends.aside import LargeAside
from auditproxy.backends.log import LineWriter, LogBackend
from auditproxy.backends.modes import Awaited
from auditproxy.backends.writer import LogWriter
from auditproxy.sockets.tasks import spawn
from tests.fakes.backends import Told, dropped, event, value
from tests.fakes.rotating import Clocks, rotating
from tests.fakes.waiting import turns, until

DEADLINE = 20.0


class Lines:
    """A writer that keeps lines and threads; large ones wait for the gate."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.threads: list[str] = []
        self.parts: list[int] = []
        self.gate = threading.Event()
        self.is_closed = False

    def write(self, *parts: bytes) -> None:
        """Keep a line."""
        if sum(map(len, parts)) > LARGE:
            self.gate.wait(DEADLINE)
        self.lines.append(b"".join(parts))
        self.parts.append(len(parts))
        self.threads.append(threading.current_thread().name)

    def take_fault(self) -> str:
        """Nothing to tell."""
        return ""

    def probe(self) -> str:
        """Nothing speaks against a line."""
        return ""

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True


class Bench:
    """A log whose large events go aside, and what became of them."""

    def __init__(self, maximum: int = 1000, lines: LineWriter | None = None) -> None:
        self.lines, self.told = Lines(), Told()
        self.log = LogBackend(
            lines or self.lines,
            encode=json_parts,
            losses=self.told.losses,
            report=self.told.lines.append,
        )
        self.writer = LogWriter(self.log)
        self.awaited = Awaited(self.writer, self.told.losses, maximum=maximum)
        self.backend = LargeAside(self.log, self.writer, self.awaited)

    def take(self, one: Event) -> Delivery:
        """Take an event as the short way does: without a body its line, otherwise the event."""
        if one.request_object is None and self.log.process_line(json_line(one), is_intent=False):
            return True
        return self.backend.process_events((one,))

    def written(self) -> float:
        """Events that are counted as written."""
        return value(self.told.metrics, "auditproxy_audit_events_written_total", plugin="log")


class Held:
    """A real file; a line in parts waits for the gate before it is written."""

    def __init__(self, path: Path, *, size: int = 0) -> None:
        self.path = path
        self.clocks = Clocks()
        self.file = rotating(path, self.clocks, size=size)
        self.take_fault, self.probe = self.file.take_fault, self.file.probe
        self.close = self.file.close
        self.began, self.gate = threading.Event(), threading.Event()

    def write(self, line: bytes, /, *more: bytes) -> None:
        """Write to the file, when it may be."""
        if more:
            self.began.set()
            self.gate.wait(DEADLINE)
            self.clocks.pass_by(0.001)
        self.file.write(line, *more)

    def lines(self) -> list[bytes]:
        """All lines, of rotated files as well, in the order in which they were written."""
        rotated = sorted(self.path.parent.glob(f"{self.path.stem}-*{self.path.suffix}"))
        found = b"".join(each.read_bytes() for each in (*rotated, self.path))
        return found.splitlines(keepends=True)


def large(audit_id: str = "large") -> Event:
    """An event whose body alone is large."""
    return event(audit_id, level="Request", body=b'"%b"' % (b"x" * LARGE))


async def test_only_large_events_go_aside() -> None:
    """Small events are written at once; a large one on the thread, in parts; then at once again."""
    bench = Bench()
    small = event("small", level="Request", body=b'"x"')
    assert bench.backend.process_events((small,)) is True
    bench.lines.gate.set()
    outcome = bench.backend.process_events((large(),))
    assert not isinstance(outcome, bool)
    assert await outcome is True
    assert bench.backend.process_events((small,)) is True
    here = threading.current_thread().name
    assert bench.lines.threads == [here, "audit-log", here]
    assert bench.lines.parts == [1, len(json_parts(large())), 1]
    assert bench.lines.lines == [json_line(one) for one in (small, large(), small)]
    await bench.backend.shutdown(DEADLINE)
    assert bench.lines.is_closed
    assert str(bench.backend) == "log"


async def test_order_is_kept() -> None:
    """What comes while a large event is being written is written behind it."""
    bench = Bench()
    given = [large(), event("a"), event("b"), large("second"), event("c")]
    outcomes = [bench.backend.process_events((one,)) for one in given]
    assert bench.lines.lines == []
    bench.lines.gate.set()
    for outcome in outcomes:
        assert not isinstance(outcome, bool)
        assert await outcome is True
    assert bench.lines.lines == [json_line(one) for one in given]
    assert value(bench.told.metrics, "auditproxy_audit_events_written_total", plugin="log") == 5
    await bench.backend.shutdown(DEADLINE)


async def test_after_the_end() -> None:
    """A late event is written on the spot, however large; one behind a stalled write is dropped."""
    bench = Bench()
    bench.lines.gate.set()
    await bench.backend.shutdown(DEADLINE)
    assert bench.backend.process_events((large(),)) is True
    assert bench.lines.lines == [json_line(large())]

    stalled = Bench()
    outcome = stalled.backend.process_events((large(),))
    closing = spawn(stalled.backend.shutdown(DEADLINE), "close the log")
    await turns()
    assert stalled.backend.process_events((event("late"),)) is False
    assert dropped(stalled.told.metrics, "shutdown") == 1
    stalled.lines.gate.set()
    await closing
    assert not isinstance(outcome, bool)
    assert await outcome is True
    assert stalled.lines.is_closed


async def all_true(outcomes: list[Delivery]) -> None:
    """Every delivery ends well."""
    for outcome in outcomes:
        assert outcome is True or (not isinstance(outcome, bool) and await outcome is True)


@pytest.mark.parametrize("size", [0, 2 * LARGE], ids=["one file", "rotated"])
async def test_lines_keep_to_the_order(tmp_path: Path, size: int) -> None:
    """No line overtakes or tears a large event that is being written to a real file."""
    held = Held(tmp_path / "a.log", size=size)
    bench = Bench(lines=held)
    assert bench.log.process_line(json_line(event("first")), is_intent=False) is True
    given = [large("1"), event("a"), event("b"), large("2"), event("c"), large("3"), event("d")]
    outcomes = [bench.take(one) for one in given]
    await until(held.began.is_set, "the first large event is being written")
    assert bench.log.process_line(b"too early\n", is_intent=False) is None
    assert held.path.read_bytes() == json_line(event("first"))
    held.gate.set()
    await all_true(outcomes)
    # Nothing is under way: a line is written at once again.
    assert bench.log.process_line(json_line(event("last")), is_intent=False) is True
    assert held.lines() == [json_line(one) for one in (event("first"), *given, event("last"))]
    assert len(list(tmp_path.iterdir())) == (3 if size else 1)
    assert bench.written() == len(given) + 2
    await bench.backend.shutdown(DEADLINE)


async def test_order_under_load(tmp_path: Path) -> None:
    """Requests that take their events as they can: each one's in order, all lines whole and counted."""
    held = Held(tmp_path / "a.log", size=5 * LARGE)
    held.gate.set()
    bench = Bench(lines=held)
    taken: list[str] = []
    at_once = 0

    async def client(name: str, count: int, every: int) -> None:
        nonlocal at_once
        for number in range(count):
            one = f"{name}-{number}"
            taken.append(one)
            if number % every == every - 1:
                outcome = bench.backend.process_events((large(one),))
            else:
                outcome = bench.take(event(one))
            at_once += outcome is True
            await (turns() if isinstance(outcome, bool) else outcome)

    clients = [client(str(number), 60, 10 + number) for number in range(4)]
    for running in [spawn(each, "a client") for each in clients]:
        await running
    assert [json.loads(line)["auditID"] for line in held.lines()] == taken
    assert 0 < at_once < len(taken) == bench.written()
    assert len(list(tmp_path.iterdir())) > 2
    await bench.backend.shutdown(DEADLINE)


async def test_nothing_is_lost_for_want_of_room() -> None:
    """With too much behind a large event the next one waits on the spot, as without a thread, for
    all before it, also for what came in the same turn.
    """
    bench = Bench(maximum=1)
    bench.lines.gate.set()
    outcomes = [bench.backend.process_events((one,)) for one in (large(), event("a"), event("b"))]
    assert bench.lines.lines == [json_line(one) for one in (large(), event("a"), event("b"))]
    await all_true(outcomes)
    assert dropped(bench.told.metrics, "buffer-full") == 0
    await bench.backend.shutdown(DEADLINE)


def _pass(gate: threading.Event) -> None:
    gate.wait(DEADLINE)


async def test_whatever_the_thread_does() -> None:
    """While the file is opened again on the thread nothing else touches it; and then it may."""
    bench = Bench()
    gate = threading.Event()
    bench.writer.run(partial(_pass, gate))
    outcome = bench.take(event("a"))
    assert bench.lines.lines == []
    gate.set()
    await all_true([outcome])
    assert bench.take(event("b")) is True
    assert bench.lines.lines == [json_line(event("a")), json_line(event("b"))]
    await bench.backend.shutdown(DEADLINE)


FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.backends import test_aside as ours
from tests.fakes.backends import dropped

async def main():
    held = ours.Held(Path(sys.argv[1]))
    bench = ours.Bench(lines=held)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ours.LARGE // 2,) * 2)
    given = [ours.event("a"), ours.large(), ours.event("b"), ours.event("c")]
    outcomes = [bench.take(one) for one in given]
    held.gate.set()
    print(*[each if isinstance(each, bool) else await each for each in outcomes])
    print(bench.take(ours.event("d")), int(bench.written()), int(dropped(bench.told.metrics, "disk-full")))

asyncio.run(main())
"""


def test_full_disk(tmp_path: Path) -> None:
    """T251: a large event that the disk takes in part is cut back; the lines behind it are whole."""
    path = tmp_path / "a.log"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["True False True True", "True 4 1"]
    assert path.read_bytes() == b"".join(json_line(event(one)) for one in "abcd")


async def test_lines_at_a_stop(tmp_path: Path) -> None:
    """What waits behind a large event at a stop is written; a later line is written as well."""
    held = Held(tmp_path / "a.log")
    bench = Bench(lines=held)
    given = [large(), event("a"), event("b")]
    outcomes = [bench.take(one) for one in given]
    closing = spawn(bench.backend.shutdown(DEADLINE), "close the log")
    await until(held.began.is_set, "the large event is being written")
    held.gate.set()
    await closing
    await all_true(outcomes)
    assert bench.take(event("late")) is True
    assert held.lines() == [json_line(one) for one in (*given, event("late"))]
    assert bench.written() == 4
    # A second stop finds nothing to do, and the log is not lent for ever.
    await bench.backend.shutdown(DEADLINE)
    assert bench.take(event("later")) is True


async def test_lines_at_a_stop_that_is_over(tmp_path: Path) -> None:
    """With a disk that takes nothing every event is counted as lost, and none touches the file."""
    held = Held(tmp_path / "a.log")
    bench = Bench(lines=held)
    outcomes = [bench.take(one) for one in (large(), event("a"), event("b"))]
    await until(held.began.is_set, "the large event is being written")
    await bench.backend.shutdown(0.01)
    assert bench.take(event("late")) is False
    assert dropped(bench.told.metrics, "shutdown") == 4
    assert bench.written() == 0
    assert not held.path.exists()
    for outcome in outcomes:
        assert not isinstance(outcome, bool)
        assert await outcome is False
    held.gate.set()
    await until(lambda: not bench.log.is_lent, "the thread comes to its end")
    assert held.lines() == [json_line(large())]
