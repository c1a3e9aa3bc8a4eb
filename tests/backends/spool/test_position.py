"""The file of what was acknowledged: replaced in one step, and never half believed."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.backends.spool.position import (
    Position,
    PositionFile,
    SyncedMark,
    read_position,
    write_position,
)
from tests.fakes.durable import EIO, FaultyDisk

NUMBERS = st.integers(0, 2**60)


@pytest.fixture(name="path", scope="module")
def _path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("position") / "acknowledged"


@given(st.builds(Position, NUMBERS, NUMBERS, NUMBERS))
def test_round_trip(path: Path, position: Position) -> None:
    """What was written is read."""
    write_position(path, position, None)
    assert read_position(path) == position


@given(st.binary(max_size=100))
def test_any_bytes(path: Path, content: bytes) -> None:
    """Anything else is no position."""
    path.write_bytes(content)
    assert read_position(path) is None


@pytest.mark.parametrize("number", [2**62 + 1, 10**19 - 1, 10**30, -1])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_absurd_numbers(tmp_path: Path, number: int, place: int) -> None:
    """They are no position, with the right checksum too: no file and no count has them."""
    numbers = [1, 32, 3]
    numbers[place] = number
    path = tmp_path / "acknowledged"
    write_position(path, Position(*numbers), None)
    assert read_position(path) is None


def test_what_is_no_file(tmp_path: Path) -> None:
    """A FIFO or a folder in its place is a fault, and holds up nobody, whoever opens it."""
    for name, make in (("fifo", os.mkfifo), ("folder", os.mkdir)):
        path = tmp_path / name
        make(path)
        with pytest.raises(OSError, match="not a regular file"):
            read_position(path)
        SyncedMark(path).keep(Position(1, 2, 3))
        file = PositionFile(tmp_path / f"of-{name}")
        file.make(Position(1, 2, 3), FaultyDisk())
        make(tmp_path / f"of-{name}.new")
        file.keep(Position(4, 5, 6), None)
        assert read_position(tmp_path / f"of-{name}") == Position(4, 5, 6)


def test_synced(tmp_path: Path) -> None:
    """With a disk it has the file, and then its name; a fault leaves the one before."""
    path, disk = tmp_path / "acknowledged", FaultyDisk()
    write_position(path, Position(1, 2, 3), disk)
    assert disk.did == ["file", "folder"]
    disk.faults = [EIO]
    with pytest.raises(OSError, match="Input/output"):
        write_position(path, Position(4, 5, 6), disk)
    assert read_position(path) == Position(1, 2, 3)
    assert read_position(tmp_path / "missing") is None


@given(st.lists(st.builds(Position, NUMBERS, NUMBERS, NUMBERS), min_size=1))
def test_a_mark(tmp_path_factory: pytest.TempPathFactory, positions: list[Position]) -> None:
    """The latest one is read, after a kill at any time: it is never closed first."""
    path = tmp_path_factory.mktemp("mark") / "synced"
    mark = SyncedMark(path)
    for position in positions:
        mark.keep(position)
        assert read_position(path) == position
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    mark.keep(positions[0])
    assert read_position(path) == positions[0]
    mark.close()
    SyncedMark(path).keep(Position(1, 2, 3))
    assert read_position(path) == Position(1, 2, 3)


def test_a_mark_that_cannot_be_kept(tmp_path: Path) -> None:
    """It raises nothing, and follows no link."""
    (tmp_path / "other").write_text("x")
    (tmp_path / "synced").symlink_to("other")
    mark = SyncedMark(tmp_path / "synced")
    mark.keep(Position(1, 2, 3))
    mark.close()
    assert (tmp_path / "other").read_text() == "x"


def test_a_file_that_cannot_be_replaced(tmp_path: Path) -> None:
    """T251: it is written over; where that fails too an older one stays, unless it would miss what
    is removed; it is made again then.
    """
    path, disk = tmp_path / "acknowledged", FaultyDisk()
    file = PositionFile(path)
    file.make(Position(1, 2, 3), disk)
    file.make(Position(9, 9, 9), disk)
    assert (read_position(path), disk.did) == (Position(1, 2, 3), ["file", "folder"])
    path.with_suffix(".new").mkdir()
    file.keep(Position(4, 5, 6), disk)
    assert (read_position(path), disk.did[2:]) == (Position(4, 5, 6), ["file"])
    path.rename(tmp_path / "other")
    path.symlink_to("other")
    file.keep(Position(7, 8, 9), None)
    assert (file.is_there, read_position(tmp_path / "other")) == (True, Position(4, 5, 6))
    file.keep(Position(7, 8, 9), disk)
    assert (file.is_there, path.is_symlink()) == (False, False)
    path.with_suffix(".new").rmdir()
    file.make(Position(7, 8, 9), disk)
    assert read_position(path) == Position(7, 8, 9)
