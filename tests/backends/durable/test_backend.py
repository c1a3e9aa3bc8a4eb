"""Mode durable: what an outcome means, group commits, refusals, what is kept, the end."""

import asyncio
import errno
import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.audit.encode import LARGE, json_line, json_parts
from auditproxy.backends.durable import backend as durable
from auditproxy.backends.durable.backend import DurableLog
from auditproxy.backends.logfiles.disk import Disk
from tests.fakes.backends import Told, dropped, event, value
from tests.fakes.durable import EIO, FaultyDisk, durable_file, durable_log
from tests.fakes.waiting import until
from tests.tailing import Tail


def lines(path: Path) -> list[bytes]:
    """What is in the log."""
    return path.read_bytes().splitlines()


def take(log: DurableLog, text: bytes, *, intent: bool = False) -> "asyncio.Future[bool]":
    """Give the log a line whose outcome is not known at once."""
    outcome = log.process_line(text + b"\n", is_intent=intent)
    assert isinstance(outcome, asyncio.Future)
    return outcome


def refused(outcome: Delivery) -> bool:
    """Whether a line was not taken at all."""
    return outcome is False


def written(told: Told) -> float:
    """Events that count as written."""
    return value(told.metrics, "auditproxy_audit_events_written_total", plugin="log")


async def shut(log: DurableLog, grace: float = 10.0) -> None:
    """End the log."""
    await log.shutdown(grace)


async def test_an_outcome_is_known_when_the_disk_has_it(tmp_path: Path) -> None:
    """Nothing is promised while the sync is under way; then it is on the disk."""
    path, disk, told = tmp_path / "audit.log", FaultyDisk(), Told()
    log = durable_log(path, disk, told)
    disk.gate.clear()
    first = take(log, b"a", intent=True)
    await until(disk.arrived.is_set, "the sync begins")
    assert lines(path) == [b"a"]
    assert not first.done()
    assert written(told) == 0
    assert log.waiting == 1
    disk.gate.set()
    assert await first is True
    assert disk.survived(path) == b"a\n"
    assert written(told) == 1
    assert log.waiting == 0
    assert str(log) == "durable<log>"
    await shut(log)


async def test_one_commit_for_a_turn(tmp_path: Path) -> None:
    """All lines of a turn are one commit, and all that come meanwhile the next, in order."""
    path, disk = tmp_path / "audit.log", FaultyDisk()
    log = durable_log(path, disk)
    disk.gate.clear()
    outcomes = [take(log, b"%d" % number) for number in range(50)]
    await until(disk.arrived.is_set, "the first commit begins")
    outcomes += [take(log, b"%d" % number) for number in range(50, 100)]
    disk.gate.set()
    assert all(await asyncio.gather(*outcomes))
    assert disk.syncs == 2
    assert lines(path) == [b"%d" % number for number in range(100)]
    await shut(log)


async def test_the_loop_does_not_wait(tmp_path: Path) -> None:
    """A disk that takes long holds up a thread, and the state shows it."""
    disk = FaultyDisk()
    log = durable_log(tmp_path / "audit.log", disk)
    assert log.stalled == 0.0
    disk.gate.clear()
    outcome = take(log, b"a")
    await until(disk.arrived.is_set, "the commit begins")
    await until(lambda: log.stalled > 0, "the time passes")
    disk.gate.set()
    assert await outcome
    await until(lambda: log.stalled == 0, "it is over")
    await shut(log)


async def test_events(tmp_path: Path) -> None:
    """Several events have one outcome; RequestReceived is what can be refused."""
    path, disk, told = tmp_path / "audit.log", FaultyDisk(EIO), Told()
    log = durable_log(path, disk, told)
    received = msgspec.structs.replace(event("a"), stage="RequestReceived")
    one = log.process_events((received,))
    other = log.process_events((event("b"),))
    assert not isinstance(one, bool)
    assert not isinstance(other, bool)
    assert await one is False
    assert await other is True
    assert [b'"auditID":"b"' in line for line in lines(path)] == [True]
    both = log.process_events((event("c"), event("d")))
    assert not isinstance(both, bool)
    assert await both is True
    assert len(lines(path)) == 3
    await shut(log)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(EIO, "write-error"), (errno.ENOSPC, "disk-full"), (errno.EROFS, "write-error")],
)
async def test_fault(tmp_path: Path, number: int, reason: str) -> None:
    """T251: T253: intents are refused and counted; what has happened is written when it can be."""
    path, told = tmp_path / "audit.log", Told()
    disk = FaultyDisk(None, number)
    log = durable_log(path, disk, told)
    assert await take(log, b"before")
    complete, received = take(log, b"complete"), take(log, b"received", intent=True)
    assert await received is False
    assert dropped(told.metrics, reason) == 1
    assert log.fault == told.losses.fault != ""
    assert not complete.done()
    assert log.waiting == 1
    assert await complete is True
    assert log.fault == told.losses.fault == ""
    assert disk.survived(path) == b"before\ncomplete\n"
    assert written(told) == 2
    assert dropped(told.metrics, reason) == 1
    assert any("wait until it can be written again" in line for line in told.lines)
    await shut(log)


async def test_a_request_finds_out_at_once(tmp_path: Path) -> None:
    """Where the fault is gone the next intent does not wait for the watch, and order is kept."""
    path, told = tmp_path / "audit.log", Told()
    log = durable_log(path, FaultyDisk(EIO), told)
    kept = take(log, b"kept")
    await until(lambda: log.fault, "the commit fails")
    later = take(log, b"later", intent=True)
    assert await later is True
    assert kept.done()
    assert lines(path) == [b"kept", b"later"]
    await shut(log)


async def test_bounds(tmp_path: Path) -> None:
    """Intents have half of the room, in number and bytes; what is above it is refused, counted."""
    told, disk = Told(), FaultyDisk()
    log = durable_log(tmp_path / "audit.log", disk, told, maximum_lines=4, maximum_bytes=1000)
    disk.gate.clear()
    taken = [take(log, b"1", intent=True), take(log, b"2", intent=True)]
    assert refused(log.process_line(b"3\n", is_intent=True))
    taken += [take(log, b"3"), take(log, b"4")]
    assert refused(log.process_line(b"5\n", is_intent=False))
    assert dropped(told.metrics, "buffer-full") == 2
    disk.gate.set()
    assert all(await asyncio.gather(*taken))
    large = take(log, b"x" * 2000, intent=True)
    assert refused(log.process_line(b"y\n", is_intent=False))
    assert await large
    half = take(log, b"x" * 450, intent=True)
    assert refused(log.process_line(b"x" * 100, is_intent=True))
    rest = take(log, b"x" * 100)
    assert all(await asyncio.gather(half, rest))
    assert dropped(told.metrics, "buffer-full") == 4
    # A fault of the queue says nothing of the disk.
    assert told.losses.fault == ""
    await shut(log)


async def test_commits_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept does not keep intents behind it waiting for a commit that fails."""
    monkeypatch.setattr(durable, "LONGEST_COMMIT", 10)
    path, disk = tmp_path / "audit.log", FaultyDisk()
    log = durable_log(path, disk)
    assert all(await asyncio.gather(*[take(log, b"12345678") for _ in range(4)]))
    assert disk.syncs == 4
    disk.faults = [EIO] * 2
    disk.gate.clear()
    kept = [take(log, b"kept that is long"), take(log, b"kept")]
    behind = take(log, b"behind", intent=True)
    disk.gate.set()
    assert await behind is False
    assert all(await asyncio.gather(*kept))
    assert lines(path)[4:] == [b"kept that is long", b"kept"]
    await shut(log)


async def test_what_fits_in_no_file(tmp_path: Path) -> None:
    """An event is written without its bodies, or refused where even that is too large."""
    path, told = tmp_path / "audit.log", Told()
    log = durable_log(path, FaultyDisk(), told, size=500)
    large = event("a", level="Request", body=b'{"a":"%s"}' % (b"x" * 600))
    outcome = log.process_events((large,))
    assert not isinstance(outcome, bool)
    assert await outcome
    assert b"xxx" not in path.read_bytes()
    assert "was written without its bodies" in told.lines[0]
    told = Told()
    small = durable_log(tmp_path / "b.log", FaultyDisk(), told, size=50)
    assert small.process_events((large,)) is False
    assert dropped(told.metrics, "too-large") == 1
    await shut(log)
    await shut(small)


async def test_what_cannot_be_encoded(tmp_path: Path) -> None:
    """A fault of ours is counted, and the request is not sent."""
    told = Told()

    def encode(event: Event) -> tuple[bytes, ...]:
        raise ValueError("secret")

    file = durable_file(tmp_path / "audit.log", FaultyDisk())
    log = DurableLog(file, encode=encode, losses=told.losses, report=told.lines.append)
    assert log.process_events((event(),)) is False
    assert dropped(told.metrics, "encode-error") == 1
    assert "secret" not in str(told.lines)
    await shut(log)


LARGE_BODY = b'{"a":"%s"}' % (b"<" * LARGE)


def large(audit_id: str) -> Event:
    """An event whose text is longer than what is counted of it."""
    return event(audit_id, level="Request", body=LARGE_BODY)


async def test_large_events(tmp_path: Path) -> None:
    """Their lines are made on the thread, in their turn, and written in parts; a fault costs none."""
    threads: dict[str, str] = {}

    def encode(given: Event) -> tuple[bytes, ...]:
        threads[given.audit_id] = threading.current_thread().name
        return json_parts(given)

    path, disk, told = tmp_path / "audit.log", FaultyDisk(EIO), Told()
    file = durable_file(path, disk)
    log = DurableLog(file, encode=encode, losses=told.losses, report=told.lines.append)
    given = (event("a"), large("b"), event("c"), large("d"), event("e"))
    outcomes = [log.process_events((each,)) for each in given]
    assert "b" not in threads
    assert [await outcome for outcome in outcomes if not isinstance(outcome, bool)] == [True] * 5
    assert path.read_bytes() == b"".join(map(json_line, given))
    assert disk.syncs == 2
    assert threads["b"] == threads["d"] == "audit-log"
    assert {threads[each] for each in "ace"} == {threading.current_thread().name}
    assert disk.survived(path) == path.read_bytes()
    await shut(log)


async def test_large_events_without_a_line(tmp_path: Path) -> None:
    """One that cannot be made costs no other of its commit; one that no file takes loses its bodies."""

    def encode(given: Event) -> tuple[bytes, ...]:
        if given.audit_id == "bad":
            raise ValueError("secret")
        return json_parts(given)

    path, told = tmp_path / "audit.log", Told()
    file = durable_file(path, FaultyDisk(), size=4000)
    log = DurableLog(file, encode=encode, losses=told.losses, report=told.lines.append)
    outcomes = [
        log.process_events((each,)) for each in (event("a"), large("bad"), large("b"), event("c"))
    ]
    results = [await outcome for outcome in outcomes if not isinstance(outcome, bool)]
    assert results == [True, False, True, True]
    assert [json.loads(line)["auditID"] for line in lines(path)] == ["a", "b", "c"]
    assert path.stat().st_size < 4000
    assert dropped(told.metrics, "encode-error") == 1
    assert log.waiting == 0
    await shut(log)


async def test_a_crash_of_the_writer(tmp_path: Path) -> None:
    """T275: Nothing is promised of a line when our own code failed; later ones are served."""

    class Crashing(FaultyDisk):
        crashes = 1

        def sync(self, descriptor: int) -> None:
            self.crashes -= 1
            if self.crashes == 0:
                raise ZeroDivisionError
            super().sync(descriptor)

    path = tmp_path / "audit.log"
    log = durable_log(path, Crashing())
    assert await take(log, b"a", intent=True) is False
    assert log.fault == "writing crashed: ZeroDivisionError"
    assert await take(log, b"b", intent=True) is True
    assert lines(path) == [b"b"]
    await shut(log)


async def test_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T254: a file is looked after without requests, and the state says what is wrong."""
    monkeypatch.setattr(durable, "WATCH_INTERVAL", 0.01)
    folder = tmp_path / "logs"
    path, told = folder / "audit.log", Told()
    log = durable_log(path, FaultyDisk(), told)
    log.watch()
    path.unlink()
    await until(path.exists, "the file is made again")
    path.unlink()
    folder.rmdir()
    folder.touch()
    await until(lambda: told.losses.fault == "file exists", "the fault is found")
    assert log.fault == "file exists"
    folder.unlink()
    await until(lambda: log.fault == "" and path.exists(), "it is gone")
    assert await take(log, b"a")
    assert told.losses.fault == ""
    await shut(log)


async def test_reopen(tmp_path: Path) -> None:
    """T255: SIGHUP between two events loses none."""
    path = tmp_path / "audit.log"
    log = durable_log(path, FaultyDisk())
    first = take(log, b"a")
    assert await first
    path.rename(tmp_path / "moved.log")
    log.reopen()
    assert await take(log, b"b")
    assert (lines(tmp_path / "moved.log"), lines(path)) == ([b"a"], [b"b"])
    await shut(log)


async def test_commits_are_timed(tmp_path: Path) -> None:
    """Each is, with its sync, and one that fails too."""
    times, told, seen = iter(range(100)), Told(), list[float]()
    log = DurableLog(
        durable_file(tmp_path / "audit.log", FaultyDisk(None, EIO)),
        encode=json_parts,
        losses=told.losses,
        report=told.lines.append,
        observe=seen.append,
        clock=lambda: float(next(times)),
    )
    assert await take(log, b"a")
    assert await take(log, b"b", intent=True) is False
    assert seen == [1.0, 1.0]
    await shut(log)


async def test_rotation_with_a_reader(tmp_path: Path) -> None:
    """T255: T257: as many events as there is time for, own rotations, renames with and without a
    signal, while a reader follows the files: each event once, none torn, all in order."""
    path, tail, told = tmp_path / "audit.log", Tail(tmp_path, "audit*"), Told()
    file = durable_file(path, Disk(), size=100_000)
    log = DurableLog(file, encode=json_parts, losses=told.losses, report=told.lines.append)
    log.watch()
    outcomes: list[asyncio.Future[bool]] = []
    for burst in range(40):
        for number in range(250):
            text = json.dumps({"number": burst * 250 + number, "padding": "x" * (number % 90)})
            outcomes.append(take(log, text.encode(), intent=number % 2 == 0))
        if burst % 10 == 4:
            path.rename(tmp_path / f"audit-moved.{burst}")
            if burst % 20 == 4:
                log.reopen()
        await asyncio.wait(outcomes[-1:])
        tail.poll()
    assert all(outcome.result() for outcome in outcomes)
    await shut(log)
    tail.poll()
    assert tail.rest() == []
    assert sorted(event["number"] for event in tail.events) == list(range(10_000))
    assert tail.files > 8
    for opened in tail.contents():
        numbers = [json.loads(line)["number"] for line in opened.splitlines()]
        assert numbers == sorted(numbers)
    assert written(told) == 10_000
    tail.close()


async def test_an_abandoned_outcome(tmp_path: Path) -> None:
    """A client that leaves ends its wait, and not the event."""
    path, disk = tmp_path / "audit.log", FaultyDisk()
    log = durable_log(path, disk)
    disk.gate.clear()
    left, other = take(log, b"left", intent=True), take(log, b"other")
    left.cancel()
    disk.gate.set()
    assert await other
    assert lines(path) == [b"left", b"other"]
    await shut(log)


async def test_shutdown(tmp_path: Path) -> None:
    """T261: what was taken is committed before the end; what comes after is refused, counted."""
    path, disk, told = tmp_path / "audit.log", FaultyDisk(), Told()
    log = durable_log(path, disk, told)
    log.watch()
    outcomes = [take(log, b"%d" % number) for number in range(10)]
    await shut(log)
    assert all(outcome.result() for outcome in outcomes)
    assert disk.survived(path).count(b"\n") == 10
    assert refused(log.process_line(b"late\n", is_intent=False))
    assert dropped(told.metrics, "shutdown") == 1


async def test_shutdown_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T264: what waits for a disk is stored if it comes back within the grace period."""
    monkeypatch.setattr(durable, "WATCH_INTERVAL", 0.01)
    path, told = tmp_path / "audit.log", Told()
    log = durable_log(path, FaultyDisk(*[EIO] * 5), told)
    outcome = take(log, b"a")
    await shut(log)
    assert outcome.result() is True
    assert lines(path) == [b"a"]


@pytest.mark.parametrize("how", ["stalls", "fails"])
async def test_shutdown_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """T264: T266: what is not stored in time is dropped and counted; nobody waits for ever."""
    monkeypatch.setattr(durable, "CLOSING", 0.05)
    told: Any = Told()
    disk = FaultyDisk(*[EIO] * 10_000)
    if how == "stalls":
        disk.gate.clear()
    log = durable_log(tmp_path / "audit.log", disk, told)
    outcomes = [take(log, b"a"), take(log, b"b")]
    if how == "stalls":
        await until(disk.arrived.is_set, "the commit begins")
        outcomes.append(take(log, b"c"))
    await asyncio.wait_for(shut(log, 0.1), 10)
    assert [outcome.result() for outcome in outcomes] == [False] * len(outcomes)
    assert dropped(told.metrics, "shutdown") == len(outcomes)
    assert written(told) == 0
    assert log.waiting == 0
    disk.gate.set()


async def test_encoding_is_the_logs_own(tmp_path: Path) -> None:
    """An event's line is the one that mode blocking writes."""
    path = tmp_path / "audit.log"
    log = durable_log(path, FaultyDisk())
    outcome = log.process_events((event("a", body=b'{"b":1}', level="Request"),))
    assert not isinstance(outcome, bool)
    assert await outcome
    assert path.read_bytes() == json_line(event("a", body=b'{"b":1}', level="Request"))
    await shut(log)
