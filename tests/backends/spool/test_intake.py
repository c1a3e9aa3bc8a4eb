"""Events on their way to the disk: who waits, who is refused, and what is dropped where."""

import asyncio
import errno
from pathlib import Path

import msgspec
import pytest

from auditproxy.apis.audit import Event, Stage
from auditproxy.backends.spool import intake
from tests.fakes.backends import dropped, event
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.spool import FakeSender, Spool
from tests.fakes.waiting import turns, until

ENOSPC = errno.ENOSPC


def received(audit_id: str) -> Event:
    """A RequestReceived."""
    return msgspec.structs.replace(event(audit_id), stage=str(Stage.REQUEST_RECEIVED))


async def outcome(spool: Spool, *given: Event) -> bool:
    """What the request gets."""
    result = spool.backend.process_events(given)
    return result if isinstance(result, bool) else await result


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "RETRY", 0.0)


async def test_one_commit_for_all(tmp_path: Path) -> None:
    """Events of one turn of the loop are one sync."""
    disk = FaultyDisk()
    spool = Spool(tmp_path, FakeSender(), disk=disk)
    await spool.put("first")
    before = disk.syncs
    results = await asyncio.gather(*(spool.put(str(number)) for number in range(50)))
    assert results == [True] * 50
    assert disk.syncs == before + 1
    await spool.backend.shutdown(5.0)


@pytest.mark.parametrize("number", [ENOSPC, EIO, errno.EROFS])
async def test_strict_refuses(tmp_path: Path, number: int) -> None:
    """T251: a request is refused while the disk fails; what follows from others is kept, and
    stored later; an event says which was refused, in its place."""
    disk, sender = FaultyDisk(), FakeSender()
    spool = Spool(tmp_path, sender, disk=disk)
    assert await outcome(spool, received("a"))
    disk.gate.clear()
    disk.faults = [number] * 3
    later = spool.backend.process_events((event("a-complete"),))
    refused = spool.backend.process_events((received("b"),))
    disk.gate.set()
    assert not isinstance(refused, bool)
    assert not isinstance(later, bool)
    assert await refused is False
    await later
    disk.faults.clear()
    assert await outcome(spool, received("c"))
    await until(lambda: len(sender.got) == 4, "all arrive")
    assert sender.got == ["a", "a-complete", "gap 1", "c"]
    reason = "disk-full" if number == ENOSPC else "write-error"
    assert dropped(spool.metrics, reason, "webhook") == 1
    assert spool.backend.intake.fault == ""
    assert spool.lines[-1].endswith("the spool can be written again")
    await spool.backend.shutdown(5.0)


@pytest.mark.parametrize("mode", ["batch", "blocking"])
async def test_memory_takes_what_the_disk_does_not(tmp_path: Path, mode: str) -> None:
    """T251: in the other modes events wait in memory, no request for them; those beyond the bound
    are dropped and counted, and an event says so behind the ones that waited."""
    disk, sender = FaultyDisk(*[ENOSPC] * 1000), FakeSender()
    spool = Spool(tmp_path, sender, mode=mode, disk=disk, maximum_events=5)
    for each in "abcde":
        await spool.put(each)
    assert spool.backend.waiting == 5
    fault = "no space left on device"
    await until(lambda: spool.backend.intake.fault == fault, "the fault shows")
    await spool.put("f")
    await spool.put("g", "h")
    assert spool.backend.waiting == 5
    assert dropped(spool.metrics, "buffer-full", "webhook") == 3
    disk.faults.clear()
    await until(lambda: len(sender.got) == 6, "what waited arrives")
    assert sender.got == [*"abcde", "gap 3"]
    await spool.backend.shutdown(5.0)


async def full(folder: Path, sender: FakeSender, mode: str, policy: str) -> tuple[Spool, int]:
    """A spool that is full, because the receiver hangs, and how many events it has."""
    spool = Spool(folder, sender, mode=mode, full=policy, maximum_bytes=20_000, batch=5)
    sender.gate.clear()
    count = 0
    while not spool.backend.intake.is_full:
        spool.backend.process_events((received(str(count)),))
        count += 1
        await until(
            lambda: spool.backend.intake.is_full or not spool.backend.waiting, "it is stored"
        )
    return spool, count


async def test_block(tmp_path: Path) -> None:
    """T249: requests wait until the receiver has made room; nothing is lost, and order is kept."""
    sender = FakeSender()
    spool, count = await full(tmp_path, sender, "blocking-strict", "block")
    waiting = [spool.backend.process_events((received(f"w{number}"),)) for number in range(20)]
    await turns(50)
    assert not any(isinstance(each, bool) or each.done() for each in waiting)  # type: ignore[attr-defined]
    sender.gate.set()
    for each in waiting:
        assert not isinstance(each, bool)
        assert await each is True
    await until(lambda: len(sender.got) == count + 20, "all arrive")
    assert sender.got == [*map(str, range(count)), *(f"w{number}" for number in range(20))]
    assert not spool.backend.intake.is_full
    await spool.backend.shutdown(5.0)


async def test_refuse(tmp_path: Path) -> None:
    """T249: requests are refused while the spool is full, and served again when it is not."""
    sender = FakeSender()
    spool, count = await full(tmp_path, sender, "blocking-strict", "refuse")
    assert await outcome(spool, received("x")) is False
    assert await outcome(spool, received("y")) is False
    later = spool.backend.process_events((event("later"),))
    sender.gate.set()
    assert not isinstance(later, bool)
    assert await later
    await until(lambda: not spool.backend.intake.is_full, "there is room")
    assert await outcome(spool, received("z")) is True
    await until(lambda: sender.got[-1:] == ["z"], "the last arrives")
    # The one that did not fit is refused too.
    assert sender.got == [*map(str, range(count - 1)), "gap 3", "later", "z"]
    assert dropped(spool.metrics, "spool-full", "webhook") == 3
    await spool.backend.shutdown(5.0)


@pytest.mark.parametrize("mode", ["batch", "blocking", "blocking-strict"])
async def test_drop_oldest(tmp_path: Path, mode: str) -> None:
    """T249: requests are served, the oldest events go, and the receiver learns exactly how many."""
    sender = FakeSender()
    sender.gate.clear()
    spool = Spool(tmp_path, sender, mode=mode, full="drop-oldest", maximum_bytes=20_000, batch=5)
    for number in range(300):
        assert await spool.put(str(number))
    await until(lambda: not spool.backend.waiting, "all are stored")
    sender.gate.set()
    await until(lambda: sender.got[-1:] == ["299"], "the newest arrives")
    events = [int(each) for each in sender.got if not each.startswith("gap")]
    gaps = [int(each[4:]) for each in sender.got if each.startswith("gap")]
    assert events == sorted(events)
    assert len(events) + sum(gaps) == 300
    assert dropped(spool.metrics, "spool-full", "webhook") == sum(gaps) > 100
    first = sender.got.index(f"gap {gaps[0]}")
    assert events[:first] == list(range(first))
    await spool.backend.shutdown(5.0)
    assert spool.backend.store.waiting == 0


async def test_what_cannot_be_a_line(tmp_path: Path) -> None:
    """It is counted, and an event takes its place."""
    sender = FakeSender()
    spool = Spool(tmp_path, sender)
    unspeakable = event("b", annotations={"a": object()})  # type: ignore[dict-item]
    assert await outcome(spool, event("a"), unspeakable, event("c")) is False
    await until(lambda: len(sender.got) == 3, "all arrive")
    assert sender.got == ["a", "gap 1", "c"]
    assert dropped(spool.metrics, "encode-error", "webhook") == 1
    await spool.backend.shutdown(5.0)


async def test_an_end_while_the_disk_fails(tmp_path: Path) -> None:
    """What is not stored in time is counted, and so is what comes later."""
    spool = Spool(tmp_path, FakeSender(), mode="batch", disk=FaultyDisk(*[EIO] * 100_000))
    await spool.put("a", "b")
    await spool.backend.shutdown(0.05)
    assert dropped(spool.metrics, "shutdown", "webhook") == 2
    await spool.put("c")
    assert dropped(spool.metrics, "shutdown", "webhook") == 3
