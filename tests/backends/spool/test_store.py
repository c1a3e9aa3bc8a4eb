"""The store: what is appended is given out in order until it is acknowledged, also after a crash."""

import errno
import os
import resource
import shutil
from pathlib import Path

import pytest

from auditproxy.backends.spool.opening import SpoolFileError, take
from auditproxy.backends.spool.records import Header, header
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.spool import Kept, ids, line


def names(folder: Path) -> list[str]:
    """The segments of a folder."""
    return sorted(path.name for path in folder.glob("*.spool"))


def test_first_in_first_out(tmp_path: Path) -> None:
    """Batches have at most so many events and bytes; what is acknowledged does not come again."""
    kept = Kept(tmp_path)
    kept.put("a", "b", "c")
    kept.put("d")
    assert (kept.store.waiting, kept.store.unread) == (4, 4)
    assert kept.take(2) == ["a", "b"]
    kept.store.acknowledge(2)
    assert kept.take(9, len(line("c"))) == ["c"]
    kept.store.acknowledge(1)
    assert kept.take() == ["d"]
    assert (kept.store.waiting, kept.store.unread, kept.store.has_unread) == (1, 0, False)
    kept.store.acknowledge(1)
    assert (kept.take(), kept.store.waiting) == ([], 0)
    kept.store.close()


def test_a_crash(tmp_path: Path) -> None:
    """T264: what was not acknowledged is there again; acknowledged halves of batches are not."""
    kept = Kept(tmp_path)
    kept.put(*"abcdef")
    kept.take(4)
    kept.store.acknowledge(1)
    kept.store.close()
    again = Kept(tmp_path)
    assert again.store.waiting == 5
    assert again.take() == list("bcdef")
    again.put("g")
    again.store.acknowledge(5)
    assert again.take() == ["g"]
    again.store.close()


def test_what_a_kill_has_left_is_synced(tmp_path: Path) -> None:
    """T264: the next segment counts on it: after a loss of power it would be missing there."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    (segment,) = tmp_path.glob("*.spool")
    disk = FaultyDisk()
    again = Kept(tmp_path, disk=disk)
    assert disk.synced == {segment.stat().st_ino: segment.read_bytes()}
    assert again.take() == ["a"]
    again.store.close()


def test_what_was_given_out_is_given_out_again(tmp_path: Path) -> None:
    """A batch that was never acknowledged is the next one."""
    kept = Kept(tmp_path)
    kept.put(*"abc")
    assert kept.take(2) == ["a", "b"]
    assert kept.take(3) == ["a", "b", "c"]
    kept.store.close()


@pytest.mark.parametrize("how", ["one", "all", "cut"])
def test_damage_while_it_runs(tmp_path: Path, how: str) -> None:
    """The newest file is damaged before it is read: what is missing is said at once, and counted."""
    kept = Kept(tmp_path)
    kept.put(*"abc")
    (path,) = tmp_path.glob("*.spool")
    content = path.read_bytes()
    with path.open("r+b") as file:
        if how == "cut":
            file.truncate(10)
        else:
            file.write(bytes(len(content)) if how == "all" else content.replace(b'"b"', b'"x"'))
    left = ["a", "c"] if how == "one" else []
    missing = 3 - len(left)
    assert kept.take() == [*left, f"gap {missing}"]
    assert [events for events, _ in kept.lost] == [missing]
    kept.put("d")
    assert kept.take() == [*left, f"gap {missing}", "d"]
    kept.store.acknowledge(len(left) + 2)
    assert (len(kept.lost), kept.store.waiting) == (1, 0)
    kept.store.close()


def test_segments_are_freed(tmp_path: Path) -> None:
    """A segment is removed once all its events are acknowledged, and never before."""
    kept = Kept(tmp_path, maximum_bytes=8 * 700)
    for number in range(12):
        kept.put(str(number))
    before = names(tmp_path)
    assert len(before) == 4
    assert kept.store.size == sum((tmp_path / name).stat().st_size for name in before)
    assert kept.take(5) == ["0", "1", "2", "3", "4"]
    assert names(tmp_path) == before
    kept.store.acknowledge(5)
    assert names(tmp_path) == before[1:]
    kept.take()
    kept.store.acknowledge(7)
    assert names(tmp_path) == before[3:]
    assert kept.store.size == (tmp_path / before[3]).stat().st_size
    kept.store.close()
    assert Kept(tmp_path).store.waiting == 0


def test_the_last_segment_is_freed_when_room_is_needed(tmp_path: Path) -> None:
    """A spool that is empty has room for anything that is smaller than it."""
    kept = Kept(tmp_path, maximum_bytes=4000)
    while kept.store.has_room(400):
        kept.put("a")
    assert not kept.store.has_room(400)
    kept.store.acknowledge(len(kept.take()))
    assert kept.store.has_room(kept.store.longest_record - 100)
    kept.put("b")
    assert kept.take() == ["b"]
    kept.store.close()


def test_modes_of_files(tmp_path: Path) -> None:
    """S7: only the proxy's user can read what is spooled."""
    folder = tmp_path / "new" / "spool"
    kept = Kept(folder)
    kept.put("a")
    kept.take()
    kept.store.acknowledge(1)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "acknowledged": 0o600,
        "lock": 0o600,
        "synced": 0o600,
        "00000000000000000001.spool": 0o600,
    }
    kept.store.close()


def test_one_process(tmp_path: Path) -> None:
    """T260: a second one does not get the folder."""
    kept = Kept(tmp_path)
    with pytest.raises(SpoolFileError, match="another process uses it"):
        Kept(tmp_path)
    kept.store.close()
    Kept(tmp_path).store.close()


def test_a_sync_fails(tmp_path: Path) -> None:
    """T253: what a sync did not promise is not there; the next is written to another file."""
    disk = FaultyDisk()
    kept = Kept(tmp_path, disk=disk)
    kept.put("a")
    disk.faults = [EIO]
    with pytest.raises(OSError, match="Input/output error"):
        kept.put("b")
    kept.put("b", "c")
    assert len(names(tmp_path)) == 2
    assert kept.take() == ["a", "b", "c"]
    kept.store.close()
    assert Kept(tmp_path).take() == ["a", "b", "c"]


def test_no_new_segment(tmp_path: Path) -> None:
    """T251: a segment that cannot be begun leaves nothing behind, and is begun later."""
    disk = FaultyDisk()
    kept = Kept(tmp_path, disk=disk)
    disk.faults = [EIO]
    with pytest.raises(OSError, match="Input/output error"):
        kept.put("a")
    assert names(tmp_path) == []
    kept.put("a")
    assert kept.take() == ["a"]
    kept.store.close()


def test_acknowledged_while_the_disk_is_full(tmp_path: Path) -> None:
    """T251: a position that cannot be written does not keep a full disk from being freed."""
    disk = FaultyDisk()
    kept = Kept(tmp_path, maximum_bytes=8 * 300, disk=disk)
    for each in "abc":
        kept.put(each)
    kept.take(2)
    # Neither beside the file that is there, nor over it.
    disk.faults = [EIO, EIO]
    kept.store.acknowledge(2)
    assert len(names(tmp_path)) == 1
    assert not (tmp_path / "acknowledged").exists()
    kept.store.close()
    again = Kept(tmp_path)
    assert again.take() == ["c"]
    assert again.lost == []
    again.store.close()


@pytest.mark.parametrize("maximum_bytes", [8 * 300, 2**20], ids=["a segment each", "one segment"])
def test_a_position_without_room_for_another_file(tmp_path: Path, maximum_bytes: int) -> None:
    """T251: it is written over in place, and a restart sends what was not acknowledged alone."""
    disk = FaultyDisk()
    kept = Kept(tmp_path, maximum_bytes=maximum_bytes, disk=disk)
    for each in "abcd":
        kept.put(each)
    (tmp_path / "acknowledged.new").mkdir()
    kept.take(2)
    kept.store.acknowledge(2)
    kept.take(1)
    kept.store.acknowledge(1)
    kept.store.close()
    again = Kept(tmp_path)
    assert again.take() == ["d"]
    assert (again.lost, again.store.notes) == ([], [])
    again.store.close()


def full(disk: FaultyDisk, *before: int | None) -> None:
    """Have the next sync fail as on a full disk, behind those that succeed."""
    disk.faults = [*before, errno.ENOSPC]


def test_commits_that_fail(tmp_path: Path) -> None:
    """T251: one empty segment is left behind by however many, and does not keep others from being
    freed once they are acknowledged.
    """
    disk = FaultyDisk()
    kept = Kept(tmp_path, disk=disk)
    kept.put("a", "b")
    full(disk)
    for _ in range(5):
        with pytest.raises(OSError, match="No space left"):
            kept.put("c")
        full(disk, None)
    disk.faults.clear()
    assert len(names(tmp_path)) == 2
    assert kept.store.size == sum(path.stat().st_size for path in tmp_path.glob("*.spool"))
    assert kept.take() == ["a", "b"]
    kept.store.acknowledge(2)
    assert names(tmp_path) == ["00000000000000000002.spool"]
    kept.put("c")
    assert names(tmp_path) == ["00000000000000000002.spool"]
    assert kept.take() == ["c"]
    kept.store.close()
    again = Kept(tmp_path)
    assert (again.take(), again.lost, again.store.notes) == (["c"], [], [])
    again.store.close()


@pytest.mark.parametrize("restarts", [False, True])
def test_a_full_disk_of_what_is_acknowledged(tmp_path: Path, *, restarts: bool) -> None:
    """T251: its room is used without a segment behind it, which would have none: also the last is
    freed, with a position that the disk has, and numbers and names go on.
    """
    disk = FaultyDisk()
    kept = Kept(tmp_path, disk=disk)
    kept.put("a", "b")
    full(disk)
    with pytest.raises(OSError, match="No space left"):
        kept.put("c")
    kept.take(2)
    kept.store.acknowledge(2)
    if restarts:
        kept.store.close()
        kept = Kept(tmp_path, disk=disk)
    full(disk)
    kept.put("c")
    assert len(names(tmp_path)) == 1
    assert (kept.take(), kept.store.waiting) == (["c"], 1)
    kept.store.close()
    again = Kept(tmp_path)
    assert (again.take(), again.lost, again.store.notes) == (["c"], [], [])
    again.store.close()


def test_all_was_freed(tmp_path: Path) -> None:
    """T250: a folder where the last segment was freed has lost nothing."""
    kept = Kept(tmp_path, maximum_bytes=4000)
    while kept.store.has_room(400):
        kept.put("a")
    count = len(kept.take())
    kept.store.acknowledge(count)
    assert kept.store.has_room(kept.store.longest_record)
    assert names(tmp_path) == []
    assert (kept.take(), kept.store.waiting, kept.store.size) == ([], 0, 0)
    kept.store.close()
    again = Kept(tmp_path)
    assert (again.take(), again.store.waiting, again.store.size) == ([], 0, 0)
    again.put("b")
    assert (again.take(), again.lost) == (["b"], [])
    again.store.close()


def test_empty_segments_that_are_there(tmp_path: Path) -> None:
    """What versions before have left behind the last one is passed, and freed."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    for sequence in (2, 3, 4):
        (tmp_path / f"{sequence:020}.spool").write_bytes(header(Header(sequence, 1)))
    again = Kept(tmp_path)
    assert again.take() == ["a"]
    again.store.acknowledge(1)
    assert names(tmp_path) == ["00000000000000000004.spool"]
    again.put("b")
    assert again.take() == ["b"]
    again.store.close()


@pytest.mark.parametrize("restarts", [True, False])
def test_a_file_that_is_deleted_meanwhile(tmp_path: Path, *, restarts: bool) -> None:
    """T254: what is stored then has a name at once; what was in the file is missed, and counted."""
    kept = Kept(tmp_path)
    kept.put("a", "b")
    (path,) = tmp_path.glob("*.spool")
    path.unlink()
    kept.put("c")
    assert kept.said == [f"{path} was deleted by another process: begun another one"]
    assert names(tmp_path) == ["00000000000000000002.spool"]
    if restarts:
        kept.store.close()
        kept = Kept(tmp_path)
    kept.put("d")
    assert kept.take() == ["gap 2", "c", "d"]
    assert [events for events, _ in kept.lost] == [2]
    kept.store.acknowledge(3)
    assert kept.store.waiting == 0
    kept.store.close()


def test_a_folder_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    """T254: T260: it is made again, with all that the next process needs to count what is missing; no other
    process can take it.
    """
    folder = tmp_path / "spool"
    kept = Kept(folder)
    kept.put("a")
    kept.take()
    kept.store.acknowledge(1)
    kept.put("b", "c")
    shutil.rmtree(folder)
    kept.put("d")
    assert sorted(path.name for path in folder.iterdir()) == [
        "00000000000000000002.spool",
        "acknowledged",
        "lock",
        "synced",
    ]
    with pytest.raises(SpoolFileError):
        Kept(folder)
    kept.store.close()
    again = Kept(folder)
    again.put("e")
    assert counted(again.take()) == (["d", "e"], 2)
    assert [events for events, _ in again.lost] == [2]
    again.store.close()


def counted(found: list[str]) -> tuple[list[str], int]:
    """The events among what was given out, and how many are said to be missing."""
    gaps = [each for each in found if each.startswith("gap")]
    rest = [each for each in found if each not in gaps]
    return rest, sum(int(gap.split()[1]) for gap in gaps)


def test_a_lock_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    """T260: the next file is begun only with the folder locked again: two processes would write to it."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    kept.put("a")
    (tmp_path / "lock").unlink()
    kept.put("b")
    assert (tmp_path / "lock").exists()
    (tmp_path / "lock").unlink()
    other = take(tmp_path)
    with pytest.raises(SpoolFileError, match="another process uses it"):
        kept.put("c")
    os.close(other)
    kept.put("c")
    assert kept.take() == ["a", "b", "c"]
    kept.store.close()


def test_a_short_write(tmp_path: Path) -> None:
    """T252: of an event that was written in part nothing is left, and it is written again whole."""
    kept = Kept(tmp_path)
    kept.put("a")
    (path,) = tmp_path.glob("*.spool")
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            kept.put("b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    kept.put("b")
    kept.store.close()
    again = Kept(tmp_path)
    assert again.take() == ["a", "b"]
    assert (again.lost, again.store.notes) == ([], [])
    again.store.close()


def test_the_front(tmp_path: Path) -> None:
    """It is read without a change, also where something is missing before it, which is told once."""
    kept = Kept(tmp_path, maximum_bytes=4096)
    assert kept.store.front() is None
    for each in "abcdef":
        kept.put(each)
    assert ids([kept.store.front() or b""]) == ["a"]
    assert kept.take(1) == ["a"]
    assert kept.store.front() is None
    kept.store.acknowledge(1)
    assert ids([kept.store.front() or b""]) == ["b"]
    assert kept.take() == [*"bcdef"]
    kept.store.close()
    sorted(tmp_path.glob("*.spool"))[0].write_bytes(b"")
    again = Kept(tmp_path, maximum_bytes=4096)
    front = again.store.front()
    assert again.lost == []
    assert ids([front or b""]) == again.take(1)


def test_a_segment_that_cannot_be_read(tmp_path: Path) -> None:
    """What was read before it in the same batch is given out later, and not taken for sent."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    kept.put("a")
    kept.put("b")
    _, path = sorted(tmp_path.glob("*.spool"))
    path.rename(tmp_path / "other")
    path.symlink_to("other")
    with pytest.raises(OSError, match="symbolic links"):
        kept.take()
    assert kept.store.waiting == 2
    path.unlink()
    (tmp_path / "other").rename(path)
    assert kept.take() == ["a", "b"]
    kept.store.close()


def test_a_segment_that_ended_behind_what_was_acknowledged(tmp_path: Path) -> None:
    """It is freed once there is no room, and not only when the receiver takes more."""
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    kept.put("a", "b", "c")
    (first,) = names(tmp_path)
    assert kept.take() == ["a", "b", "c"]
    kept.store.acknowledge(3)
    while first in names(tmp_path) and kept.store.has_room(400):
        kept.put("d")
    assert first not in names(tmp_path)
    assert set(kept.take()) == {"d"}
    kept.store.close()
