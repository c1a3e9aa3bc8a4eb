"""A folder as a crash, a disk or a person has left it: what is whole is sent, the rest is counted."""

import os
from pathlib import Path

import pytest

from tests.fakes.spool import Kept, line


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_torn_tail(tmp_path: Path, cut: int) -> None:
    """T272: half an event at the end is cut off and said; what is before it is there."""
    kept = Kept(tmp_path)
    kept.put("a", "b")
    kept.store.close()
    (path,) = tmp_path.glob("*.spool")
    size = path.stat().st_size
    os.truncate(path, size - cut)
    again = Kept(tmp_path)
    whole = size - len(line("b")) - 12
    said = f"it ended within an event: {size - cut - whole} bytes were cut off"
    assert again.store.notes == [said]
    assert path.stat().st_size == whole
    assert again.take() == ["a"]
    again.put("c")
    again.store.acknowledge(1)
    assert again.take() == ["c"]
    assert again.lost == []
    again.store.close()


def test_damage_in_the_middle(tmp_path: Path) -> None:
    """T250: what is whole around damage is sent; how many are missing stands in their place."""
    kept = Kept(tmp_path, maximum_bytes=8 * 2000)
    kept.put(*"abcdefgh")
    kept.put("i")
    kept.store.close()
    first, _ = sorted(tmp_path.glob("*.spool"))
    content = bytearray(first.read_bytes())
    content[content.index(b'"auditID":"c"') + 3] ^= 1
    content[content.index(b'"auditID":"d"') + 3] ^= 1
    first.write_bytes(content)
    again = Kept(tmp_path)
    assert again.take() == [*"abefgh", "gap 2", "i"]
    assert again.lost == [(2, 2 * (len(line("c")) + 12))]
    again.store.acknowledge(8)
    assert again.store.waiting == 0
    again.store.close()


def test_a_segment_is_gone(tmp_path: Path) -> None:
    """T250: a segment that somebody removed is missed, and what is behind it is sent."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    for each in "abc":
        kept.put(each)
    kept.store.close()
    _, second, _ = sorted(tmp_path.glob("*.spool"))
    second.unlink()
    again = Kept(tmp_path)
    assert again.take() == ["a", "gap 1", "c"]
    assert again.lost == [(1, 0)]
    again.store.close()


def test_no_header(tmp_path: Path) -> None:
    """T250: a segment whose header is damaged is read nevertheless."""
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    kept.put("a", "b")
    kept.put("c")
    kept.store.close()
    first = min(tmp_path.glob("*.spool"))
    first.write_bytes(b"\0" * 32 + first.read_bytes()[32:])
    again = Kept(tmp_path)
    assert [each for each in again.take() if not each.startswith("gap")] == ["a", "b", "c"]
    again.store.close()


@pytest.mark.parametrize("what", ["empty", "damaged", "missing"])
def test_no_position(tmp_path: Path, what: str) -> None:
    """T250: without the file of what was acknowledged, all that is there is sent again."""
    kept = Kept(tmp_path)
    kept.put("a", "b")
    kept.take(1)
    kept.store.acknowledge(1)
    kept.store.close()
    path = tmp_path / "acknowledged"
    if what == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if what == "empty" else path.read_bytes().replace(b"1", b"2"))
    again = Kept(tmp_path)
    assert again.take() == ["a", "b"]
    assert len(again.store.notes) == (what != "missing")
    again.store.close()


def test_all_is_gone(tmp_path: Path) -> None:
    """T250: with the position alone, numbers and names go on, so that nothing is taken for old."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.take()
    kept.store.acknowledge(1)
    kept.store.close()
    for path in tmp_path.glob("*.spool"):
        path.unlink()
    again = Kept(tmp_path)
    assert again.store.waiting == 0
    again.put("b")
    assert [path.name for path in tmp_path.glob("*.spool")] == ["00000000000000000002.spool"]
    assert again.take() == ["b"]
    assert again.lost == []
    again.store.close()


def test_segments_before_the_position(tmp_path: Path) -> None:
    """T269: a crash between the position and the removal of a segment sends nothing twice."""
    kept = Kept(tmp_path, maximum_bytes=8 * 300)
    for each in "abc":
        kept.put(each)
    first = min(tmp_path.glob("*.spool"))
    content = first.read_bytes()
    kept.take(2)
    kept.store.acknowledge(2)
    kept.store.close()
    assert not first.exists()
    first.write_bytes(content)
    again = Kept(tmp_path)
    assert not first.exists()
    assert again.take() == (["b", "c"] if again.store.waiting == 2 else ["c"])
    again.store.close()


def test_what_was_being_made(tmp_path: Path) -> None:
    """T273: a segment without a whole header, the last thing before a crash, is removed."""
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    (tmp_path / "00000000000000000002.spool").write_bytes(b"APS")
    (tmp_path / "00000000000000000001.new").write_bytes(b"x")
    again = Kept(tmp_path)
    assert again.take() == ["a"]
    assert len(list(tmp_path.glob("*.spool"))) == 1
    again.store.close()


def test_foreign_files(tmp_path: Path) -> None:
    """Other names are left alone."""
    (tmp_path / "notes.txt").write_text("x")
    kept = Kept(tmp_path)
    kept.put("a")
    kept.store.close()
    assert (tmp_path / "notes.txt").exists()
