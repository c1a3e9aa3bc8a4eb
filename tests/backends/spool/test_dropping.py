"""What is oldest makes room, and what stands in its place says exactly what is gone."""

import hashlib
import shutil
from pathlib import Path

import msgspec
import pytest

from auditproxy.backends.spool import dropping
from auditproxy.backends.spool.records import EVENT, record
from tests.fakes.durable import EIO, FaultyDisk
from tests.fakes.spool import Kept, ids, line

SMALL = 8 * 300
"""Bytes of a spool whose segments have one event each, or two."""


def filled(folder: Path, *audit_ids: str, disk: FaultyDisk | None = None) -> Kept:
    """A store with an event in each segment."""
    kept = Kept(folder, maximum_bytes=8 * 30_000, disk=disk)
    for each in audit_ids:
        kept.put(each)
        kept.store._begin_segment()
    return kept


def test_in_place(tmp_path: Path) -> None:
    """A gap takes the place of the oldest segment, with the digest of its audit IDs."""
    kept = Kept(tmp_path, maximum_bytes=SMALL)
    kept.put(*"abcdefgh")
    kept.put("i")
    size = kept.store.size
    assert kept.store.drop_oldest() == 8
    assert kept.store.size < size
    assert kept.store.size == sum(path.stat().st_size for path in tmp_path.glob("*.spool"))
    assert kept.store.waiting == 1
    gap, rest = kept.store.next_batch(9, 2**20)
    assert ids([gap.line, rest.line]) == ["gap 8", "i"]
    told = msgspec.json.decode(gap.line)["annotations"]
    assert (
        told["auditproxy.io/gap-audit-ids-sha256"]
        == hashlib.sha256(b"a\nb\nc\nd\ne\nf\ng\nh\n").hexdigest()
    )
    assert told["auditproxy.io/gap-first"] == told["auditproxy.io/gap-last"]
    kept.store.acknowledge(2)
    assert kept.store.waiting == 0
    kept.store.close()


def test_the_last_segment(tmp_path: Path) -> None:
    """A segment that is being written to can be dropped too; what comes is in the next."""
    kept = Kept(tmp_path)
    kept.put("a")
    assert kept.store.drop_oldest() == 1
    assert kept.store.drop_oldest() == 0
    kept.put("b")
    assert kept.take() == ["gap 1", "b"]
    kept.store.close()


def test_under_way(tmp_path: Path) -> None:
    """What is being sent is not dropped, and can be acknowledged item by item."""
    kept = Kept(tmp_path, maximum_bytes=SMALL)
    kept.put("a", "b", "c", "d")
    kept.put("e")
    assert kept.take(2) == ["a", "b"]
    assert kept.store.drop_oldest() == 2
    assert kept.store.waiting == 3
    kept.store.acknowledge(1)
    kept.store.close()
    again = Kept(tmp_path)
    assert again.take() == ["b", "gap 2", "e"]
    again.store.acknowledge(3)
    assert again.take() == []
    again.store.close()


def test_again_and_again(tmp_path: Path) -> None:
    """Gaps are kept in their order, one file has them all."""
    kept = filled(tmp_path, *"abcd")
    assert [kept.store.drop_oldest() for _ in range(3)] == [1, 1, 1]
    assert len(list(tmp_path.glob("*.spool"))) == 3
    assert kept.take() == ["gap 1", "gap 1", "gap 1", "d"]
    kept.store.close()


def test_many_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of gaps they are added up, so that no spool is full of them."""
    monkeypatch.setattr(dropping, "MOST_GAPS", 2)
    kept = filled(tmp_path, *"abcdefgh")
    for _ in range(7):
        assert kept.store.drop_oldest() == 1
    found = kept.take()
    assert found[-1] == "h"
    assert sum(int(each.removeprefix("gap ")) for each in found[:-1]) == 7
    assert len(found) == 4
    kept.store.close()


def test_a_crash(tmp_path: Path) -> None:
    """T269: at each moment of dropping, the folder has the events or the gap, and no event twice."""
    kept = filled(tmp_path / "spool", *"abc")
    kept.take(1)
    seen = []
    folders: list[Path] = []
    disk = kept.store._disk

    class Copying(type(disk)):  # type: ignore[misc]
        def sync(self, descriptor: int) -> None:
            self.sync_folder(tmp_path / "spool")

        def sync_folder(self, folder: Path) -> None:
            folders.append(tmp_path / f"copy{len(folders)}")
            shutil.copytree(folder, folders[-1])

    kept.store._disk = Copying()
    assert kept.store.drop_oldest() == 1
    kept.store.close()
    for folder in [*folders, tmp_path / "spool"]:
        copy = Kept(folder)
        assert copy.lost == []
        seen.append(copy.take())
        copy.store.close()
    assert seen == [["a", "b", "c"], *[["a", "gap 1", "c"]] * 4]


def test_an_old_position(tmp_path: Path) -> None:
    """T269: a position in the file that was replaced does not count for the one in its place."""
    kept = Kept(tmp_path, maximum_bytes=8 * 2000)
    kept.put(*"abcdef")
    kept.take(3)
    kept.store.acknowledge(3)
    before = (tmp_path / "acknowledged").read_bytes()
    assert kept.take(1) == ["d"]
    kept.put("g")
    assert kept.store.drop_oldest() == 3
    kept.store.close()
    (tmp_path / "acknowledged").write_bytes(before)
    again = Kept(tmp_path)
    assert again.take() == ["d", "gap 3"]
    assert again.lost == []
    again.store.close()


def test_no_room_for_it(tmp_path: Path) -> None:
    """T251: a gap that cannot be written leaves the events where they are."""
    disk = FaultyDisk()
    kept = filled(tmp_path, *"abc", disk=disk)
    disk.faults = [EIO]
    with pytest.raises(OSError, match="Input/output"):
        kept.store.drop_oldest()
    assert not list(tmp_path.glob("*.new"))
    assert kept.take() == ["a", "b", "c"]
    kept.store.close()


def test_damage_in_what_is_dropped(tmp_path: Path) -> None:
    """T250: what is damaged and what is dropped are two gaps."""
    kept = Kept(tmp_path, maximum_bytes=8 * 2000)
    kept.put(*"abc")
    kept.store._begin_segment()
    kept.put("d")
    first = min(tmp_path.glob("*.spool"))
    content = first.read_bytes().replace(b'"auditID":"b"', b'"auditID":"x"')
    first.write_bytes(content)
    assert kept.store.drop_oldest() == 2
    assert kept.take() == ["gap 1", "gap 2", "d"]
    assert kept.lost == [(1, len(record(EVENT, line("b"))))]
    kept.store.close()


def test_what_is_under_way_fills_it(tmp_path: Path) -> None:
    """Once it is acknowledged, and the gap behind it, there is room for what is as large."""
    kept = Kept(tmp_path, maximum_bytes=4000)
    while kept.store.has_room(600):
        kept.put("a")
    count = len(kept.take())
    kept.put("small")
    while kept.store.drop_oldest():
        pass
    assert not kept.store.has_room(600)
    kept.store.acknowledge(count)
    assert kept.take() == ["gap 1"]
    assert not kept.store.has_room(3500)
    kept.store.acknowledge(1)
    assert kept.store.has_room(3500)
    kept.put("new")
    assert (kept.take(), kept.store.waiting) == (["new"], 1)
    kept.store.close()


def test_a_gap_that_is_under_way(tmp_path: Path) -> None:
    """It stays one in the file that takes the place of the others, also after a crash."""
    kept = Kept(tmp_path, maximum_bytes=4000)
    while kept.store.has_room(600):
        kept.put("a")
    first = kept.store.drop_oldest()
    assert kept.take(1) == [f"gap {first}"]
    second = kept.store.drop_oldest()
    waiting = kept.store.waiting
    kept.store.close()
    again = Kept(tmp_path)
    assert again.store.waiting == waiting
    assert again.take() == [f"gap {first}", f"gap {second}", *["a"] * waiting]
    assert again.lost == []
    again.store.close()
