"""Segment files: written so that the disk has them, read from any place."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.spool import segments
from auditproxy.backends.spool.records import EVENT, Damage, Header, SpoolRecord, header, record
from auditproxy.backends.spool.segments import (
    RecordReader,
    SegmentWriter,
    SpoolSegment,
    found_in,
    path_of,
    replace,
)
from tests.fakes.durable import EIO, FaultyDisk


def lines_of(path: Path, start: int, size: int) -> list[bytes | int]:
    """Lines, and how many bytes are damaged."""
    reader, found = RecordReader(path), []
    while (each := reader.next(start, size)) is not None:
        found.append(each.line if isinstance(each, SpoolRecord) else each.end - each.start)
        start = each.end
    reader.close()
    return found


def test_written(tmp_path: Path) -> None:
    """A header, then records; file and name are synced."""
    disk = FaultyDisk()
    writer = SegmentWriter(tmp_path, Header(7, 3), disk)
    writer.append(record(EVENT, b"a"))
    path = path_of(tmp_path, 7)
    assert disk.did == ["file", "folder", "file"]
    assert disk.survived(path) == path.read_bytes() == header(Header(7, 3)) + record(EVENT, b"a")
    writer.close()
    (found,) = found_in(tmp_path)
    assert found == SpoolSegment(path, 7, 3, 32, 32 + 13)


def test_a_failed_append(tmp_path: Path) -> None:
    """T252: what was not synced is cut off, and the descriptor is not used again."""
    disk = FaultyDisk()
    writer = SegmentWriter(tmp_path, Header(1, 0), disk)
    writer.append(b"x")
    disk.faults = [EIO]
    with pytest.raises(OSError, match="Input/output"):
        writer.append(b"y" * 100)
    assert not writer.is_open
    assert writer.path.read_bytes().endswith(b"x")


def test_a_link(tmp_path: Path) -> None:
    """A link in the place of a segment is not followed."""
    path_of(tmp_path, 1).symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        SegmentWriter(tmp_path, Header(1, 0), FaultyDisk())
    assert not (tmp_path / "other").exists()


def test_replaced(tmp_path: Path) -> None:
    """In one step, or not at all."""
    path, disk = tmp_path / "1.spool", FaultyDisk()
    path.write_bytes(b"old")
    disk.faults = [EIO]
    with pytest.raises(OSError, match="Input/output"):
        replace(path, b"new", disk)
    assert path.read_bytes() == b"old"
    replace(path, b"new", disk)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["1.spool"]


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=12),
    st.integers(1, 100),
    st.data(),
)
def test_windows(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    window: int,
    data: st.DataObject,
) -> None:
    """Whatever is read at once, the same is found; of damage as much."""
    path = tmp_path_factory.mktemp("segments") / "1.spool"
    lines = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    records = [record(EVENT, line) for line in lines]
    hit = data.draw(st.none() | st.integers(0, len(lines) - 1))
    wanted: list[bytes | int] = list(lines)
    if hit is not None:
        records[hit] = b"\0" * len(records[hit])
        wanted[hit] = len(records[hit])
    content = b"".join(records)
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_WINDOW", window)
        assert lines_of(path, 0, len(content)) == wanted


def test_shorter_than_it_was(tmp_path: Path) -> None:
    """What somebody has cut off is damage, and no wait without end."""
    path = tmp_path / "1.spool"
    content = record(EVENT, b"a") + record(EVENT, b"b" * 50)
    path.write_bytes(content[:-10])
    assert lines_of(path, 0, len(content)) == [b"a", 62]
    path.write_bytes(b"")
    reader = RecordReader(path)
    assert reader.next(0, 10) == Damage(0, 10)
    reader.close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A FIFO of a segment's name does not hold up the start."""
    os.mkfifo(tmp_path / f"{1:020}.spool")
    with pytest.raises(OSError, match="not a regular file"):
        found_in(tmp_path)
