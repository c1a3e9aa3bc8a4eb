"""Filling: as much as there is room for, in order, and what can never be stored is named."""

from pathlib import Path

import pytest

from auditproxy.audit.encode import LARGE
from auditproxy.backends.spool import filling
from auditproxy.backends.spool.entries import Entry, EventEntry, drop
from auditproxy.backends.spool.filling import Filling
from auditproxy.metrics.spool import AUDIT_EVENTS
from tests.fakes.backends import event
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.spool import Kept, gap_line


def entries(*audit_ids: str) -> list[Entry]:
    """Those of small events."""
    return [EventEntry(event(each), is_intent=False) for each in audit_ids]


def filler(kept: Kept, *, drops_oldest: bool = False) -> Filling:
    """One that fills a store."""
    return Filling(kept.store, gap_line, words=AUDIT_EVENTS, drops_oldest=drops_oldest)


def test_all(tmp_path: Path) -> None:
    """Events and gaps are stored as they come."""
    kept = Kept(tmp_path)
    given = entries("a")
    drop(given, "b", event("b").stage_timestamp, "x")
    filled = filler(kept).fill([*given, *entries("c")])
    assert (filled.count, filled.unmade, filled.fault, filled.is_full) == (3, {}, None, False)
    assert kept.take() == ["a", "gap 1", "c"]
    assert kept.store.waiting == 2


def test_full(tmp_path: Path) -> None:
    """What has no room waits, with all behind it."""
    kept = Kept(tmp_path, maximum_bytes=4000)
    given = entries(*map(str, range(30)))
    count = 0
    while not (filled := filler(kept).fill(given[count:])).is_full:
        count += filled.count
    count += filled.count
    assert 5 < count < 16
    assert kept.store.size <= 4000
    assert kept.take() == [str(number) for number in range(count)]


def test_oldest_are_dropped(tmp_path: Path) -> None:
    """The newest are stored, whatever is there; all are counted."""
    kept = Kept(tmp_path, maximum_bytes=2**14)
    given = entries(*map(str, range(500)))
    dropped = count = 0
    while count < len(given):
        filled = filler(kept, drops_oldest=True).fill(given[count:])
        assert not filled.is_full
        count += filled.count
        dropped += filled.dropped
        assert kept.store.size <= 2**14
    found = kept.take()
    gaps = sum(int(each.removeprefix("gap ")) for each in found if each.startswith("gap"))
    events = [each for each in found if not each.startswith("gap")]
    assert gaps == dropped == 500 - len(events)
    assert events == [str(number) for number in range(dropped, 500)]
    assert found[-len(events) :] == events


@pytest.mark.parametrize("size", [3000, LARGE])
def test_larger_than_the_spool(tmp_path: Path, size: int) -> None:
    """One that never has room is no reason for the others to wait."""
    kept = Kept(tmp_path, maximum_bytes=3000)
    large = EventEntry(event("b", level="Request", body=b'"%s"' % (b"x" * size)), is_intent=False)
    filled = filler(kept).fill([*entries("a"), large, *entries("c")])
    assert filled.count == 3
    assert filled.unmade == {large: ("too-large", "an event is larger than the whole spool")}
    assert kept.take() == ["a", "c"]


def test_faults(tmp_path: Path) -> None:
    """T251: nothing is done with entries that the disk did not take; a fault of ours is one."""
    disk = FaultyDisk()
    kept = Kept(tmp_path, disk=disk)
    disk.faults = [EIO]
    filled = filler(kept).fill(entries("a"))
    assert (filled.count, filled.fault and filled.fault.errno) == (0, EIO)
    vars(kept.store)["append"] = None
    filled = filler(kept).fill(entries("a"))
    assert "crashed: TypeError" in str(filled.fault)


def test_long_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit takes no more than it may."""
    monkeypatch.setattr(filling, "LONGEST_COMMIT", 500)
    filled = filler(Kept(tmp_path)).fill(entries(*"abcdef"))
    assert 0 < filled.count < 6
    assert not filled.is_full
