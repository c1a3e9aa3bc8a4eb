"""The parts of a trail, and when what is in them was written."""

import itertools
from pathlib import Path

from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.moments import stamp
from auditproxy.reading.trail.blocks import ALWAYS, NEVER, SLACK, Block, blocks_of
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import event, write


def at(hour: int) -> int:
    """An hour of the day of the events, in nanoseconds."""
    return stamp(f"2026-11-23T{hour:02d}:00:00.004000Z") or 0


def log(path: Path, *hours: int) -> Path:
    """A log with one event for each of these hours."""
    return write(path, [event(at=f"{hour:02d}:00:00") for hour in hours])


def blocks(*paths: Path, size: int = 700) -> list[Block]:
    """The blocks of files."""
    return blocks_of([trail_file(str(path)) for path in paths], size)


def test_blocks_of_a_file(tmp_path: Path) -> None:
    """From the last one to the first; each was written by when the one behind it begins."""
    path = log(tmp_path / "audit.log", 8, 9, 10, 11)
    found = blocks(path)
    assert [block.start for block in found] == sorted(
        (block.start for block in found), reverse=True
    )
    assert sum(block.size for block in found) == path.stat().st_size
    assert found[0].last == ALWAYS
    for newer, older in itertools.pairwise(found):
        assert NEVER < older.first <= newer.first
        assert older.last == newer.first + 2 * SLACK


def test_rotated_files(tmp_path: Path) -> None:
    """Files of one origin follow each other."""
    older = log(tmp_path / "audit-2026-11-23T10-00-00.000.log", 8, 9)
    newer = log(tmp_path / "audit.log", 10, 11)
    found = blocks(older, newer, size=1 << 20)
    assert [block.path for block in found] == [str(newer), str(older)]
    assert found[1].first == at(8) - SLACK
    assert found[1].last == at(10) + SLACK


def test_a_file_that_is_not_in_order(tmp_path: Path) -> None:
    """Nothing is known of its times."""
    found = blocks(log(tmp_path / "audit.log", 10, 8, 11, 9), size=400)
    assert {(block.first, block.last) for block in found} == {(NEVER, ALWAYS)}


def test_other_files(tmp_path: Path) -> None:
    """What is not plain events is one block."""
    path = tmp_path / "other.log"
    path.write_bytes(b"hello\n" * 1000)
    (block,) = blocks(path)
    assert (block.end, block.is_native, block.first) == (None, False, NEVER)
    assert blocks(log(tmp_path / "empty.log"))[0].size == 0


def test_slack_is_some_time() -> None:
    """Minutes, not hours: a search that ends early reads this much more."""
    assert SECOND < SLACK <= 600 * SECOND
