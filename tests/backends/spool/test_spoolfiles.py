"""What waits in a spool; a start on a full disk where stored events are damaged or gone."""

import errno
import os
from pathlib import Path

import pytest

from auditproxy.backends.spool.records import (
    EVENT,
    HEADER_SIZE,
    LONGEST_LINE,
    RECORD_SIZE,
    record,
)
from auditproxy.backends.spool.segments import SpoolSegment
from tests.fakes.backends import dropped
from tests.fakes.durable import FaultyDisk
from tests.fakes.spool import FakeSender, Kept, Spool, line
from tests.fakes.waiting import until

DAMAGES = {
    "removed": [],
    "emptied": [],
    "header": ["a", "b", "c"],
    "zeros": [],
    "cut": ["a"],
    "first": ["b", "c"],
    "last": ["a", "b"],
}
"""Damages of the only file, and what is whole there."""


def stored(folder: Path) -> None:
    """A spool of three events in one file, of which none was sent."""
    kept = Kept(folder)
    kept.put(*"abc")
    kept.store.close()


def damage(folder: Path, how: str) -> None:
    """Damage that file."""
    (path,) = folder.glob("*.spool")
    content = path.read_bytes()
    if how == "removed":
        path.unlink()
    elif how == "emptied":
        os.truncate(path, 0)
    elif how == "header":
        path.write_bytes(bytes(HEADER_SIZE) + content[HEADER_SIZE:])
    elif how == "zeros":
        path.write_bytes(bytes(len(content)))
    elif how == "cut":
        os.truncate(path, content.index(record(EVENT, line("b"))) + 9)
    else:
        each = line("a" if how == "first" else "c")
        path.write_bytes(content.replace(each, each[:-9] + b"!" + each[-8:]))


def full() -> FaultyDisk:
    """A disk without room for anything."""
    return FaultyDisk(*[errno.ENOSPC] * 1000)


@pytest.mark.parametrize("how", DAMAGES)
def test_the_only_file_is_damaged(tmp_path: Path, how: str) -> None:
    """T250, T251: the start succeeds, what is whole is given out, and what is missing is said and
    counted once there is room, without a new event.
    """
    stored(tmp_path)
    damage(tmp_path, how)
    disk, left = full(), DAMAGES[how]
    kept = Kept(tmp_path, disk=disk)
    missing = 3 - len(left)
    assert kept.store.waiting == 3
    if left:
        assert kept.take() == left
        kept.store.acknowledge(len(left))
    for _ in range(3):
        assert kept.store.has_unread
        with pytest.raises(OSError, match="No space left"):
            kept.take()
    assert (kept.lost, kept.store.waiting) == ([], missing)
    disk.faults.clear()
    assert kept.take() == [f"gap {missing}"]
    assert [events for events, _ in kept.lost] == [missing]
    kept.store.acknowledge(1)
    assert (kept.store.waiting, kept.store.has_unread) == (0, False)
    kept.put("new")
    assert kept.take() == ["new"]
    kept.store.close()


@pytest.mark.parametrize("how", [how for how, left in DAMAGES.items() if len(left) < 3])
def test_an_end_while_it_is_full(tmp_path: Path, how: str) -> None:
    """T251: where the process ends before there is room, the next one knows as much."""
    stored(tmp_path)
    damage(tmp_path, how)
    left = DAMAGES[how]
    kept = Kept(tmp_path, disk=full())
    if left:
        kept.take()
        kept.store.acknowledge(len(left))
    kept.store.close()
    again = Kept(tmp_path)
    assert again.take() == [f"gap {3 - len(left)}"]
    assert [events for events, _ in again.lost] == [3 - len(left)]
    again.store.close()


def test_an_older_file_is_gone(tmp_path: Path) -> None:
    """T250, T251: that it is missed takes no room on a full disk, and comes first."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    for each in "abc":
        kept.put(each)
    kept.store.close()
    for path in sorted(tmp_path.glob("*.spool"))[:-1]:
        path.unlink()
    again = Kept(tmp_path, maximum_bytes=8 * 300, disk=full())
    assert (again.take(), [events for events, _ in again.lost]) == (["gap 2", "c"], [2])
    again.store.acknowledge(2)
    assert (again.store.waiting, again.store.has_unread) == (0, False)
    again.store.close()


async def test_it_is_said_once_there_is_room(tmp_path: Path) -> None:
    """T251: the receiver gets the event of the gap although no other event comes, operators know
    why it waits, and it is counted once.
    """
    stored(tmp_path)
    damage(tmp_path, "cut")
    disk, sender = full(), FakeSender()
    spool = Spool(tmp_path, sender, disk=disk)
    assert spool.resumed == 3
    spool.backend.start()
    await until(lambda: len(spool.slept) > 3, "it is tried again and again")
    assert sender.got == ["a"]
    assert dropped(spool.metrics, "damaged", "webhook") == 0
    assert [each for each in spool.lines if "No space left on device" in each] == [
        "audit plugin 'webhook': the spool cannot be read: some of it is damaged, and there is no "
        "room to say so: No space left on device; events wait in the spool and are sent again"
    ]
    disk.faults.clear()
    await until(lambda: sender.got == ["a", "gap 2"], "the gap is said")
    assert dropped(spool.metrics, "damaged", "webhook") == 2
    await spool.backend.shutdown(5.0)
    assert sender.got == ["a", "gap 2"]


def test_sizes(tmp_path: Path) -> None:
    """A segment is an eighth of a small spool, and 16 MiB of a large one."""
    for maximum, segment in ((8 * 700, 700), (1, 1), (2**40, 16 * 1024 * 1024)):
        kept = Kept(tmp_path / str(maximum), maximum_bytes=maximum)
        assert kept.store.segment_bytes == segment
        # A record that is longer would not be read again.
        longest = min(maximum - 2 * HEADER_SIZE, RECORD_SIZE + LONGEST_LINE)
        assert kept.store.longest_record == longest
        assert kept.store.is_small == (maximum < 2**40)
        kept.store.close()


def test_what_waits(tmp_path: Path) -> None:
    """An event waits until it is acknowledged, and is unread until it was given out."""
    kept = Kept(tmp_path)
    assert (kept.store.waiting, kept.store.unread, kept.store.has_unread) == (0, 0, False)
    kept.put(*"abc")
    assert (kept.store.waiting, kept.store.unread, kept.store.has_unread) == (3, 3, True)
    kept.take(2)
    assert (kept.store.waiting, kept.store.unread, kept.store.has_unread) == (3, 1, True)
    kept.take()
    assert (kept.store.waiting, kept.store.unread, kept.store.has_unread) == (3, 0, False)
    kept.store.acknowledge(3)
    assert (kept.store.waiting, kept.store.unread, kept.store.has_unread) == (0, 0, False)
    kept.store.close()


def test_the_last_segment_goes_while_it_is_counted(tmp_path: Path) -> None:
    """The event loop and scrapes ask while the thread frees: what waits is a number at any time."""

    class Freed(list[SpoolSegment]):
        """Segments that are freed right after someone has seen that there are some."""

        def __len__(self) -> int:
            count = super().__len__()
            self.clear()
            return count

    kept = Kept(tmp_path)
    kept.put("a")
    kept.store._segments = Freed(kept.store._segments)
    assert kept.store.waiting in (0, 1)
