"""What the small files of a spool say is compared with its segments."""

from pathlib import Path

import pytest

from auditproxy.backends.spool.founded import (
    MOST_BYTES,
    MOST_SEGMENTS,
    can_be_acknowledged,
    can_be_synced,
    read_until,
)
from auditproxy.backends.spool.position import Position
from auditproxy.backends.spool.records import EVENT, HEADER_SIZE, record
from auditproxy.backends.spool.segments import SpoolSegment, found_in
from tests.fakes.spool import Kept, line

SIZE = len(record(EVENT, line("a")))
END = HEADER_SIZE + 3 * SIZE


@pytest.fixture(name="segments")
def _segments(tmp_path: Path) -> list[SpoolSegment]:
    """Three segments of three events each."""
    kept = Kept(tmp_path, maximum_bytes=8 * 600)
    for each in ("abc", "def", "ghi"):
        kept.put(*each)
    kept.store.close()
    return found_in(tmp_path)


@pytest.mark.parametrize(
    ("known", "is_founded"),
    [
        (Position(1, HEADER_SIZE, 0), True),
        (Position(1, 0, 0), True),
        (Position(1, 0, 1), False),
        (Position(1, HEADER_SIZE + SIZE, 1), True),
        (Position(1, HEADER_SIZE + SIZE, 2), False),
        (Position(1, HEADER_SIZE + SIZE + 1, 1), False),
        (Position(3, END, 9), True),
        (Position(3, END, 8), False),
        (Position(4, 0, 9), True),
        (Position(4, 0, 8), False),
        (Position(4, HEADER_SIZE, 9), False),
        (Position(5, 0, 9), False),
        (Position(0, 0, 0), True),
        (Position(0, 0, 1), False),
        (Position(2, MOST_BYTES + 1, 5), False),
    ],
)
def test_acknowledged(segments: list[SpoolSegment], known: Position, *, is_founded: bool) -> None:
    """Only where an event ends, with the number of the next one."""
    assert can_be_acknowledged(known, segments, None) is is_founded
    assert can_be_acknowledged(known, [], None)


def test_acknowledged_of_a_segment_that_is_gone(segments: list[SpoolSegment]) -> None:
    """Its numbers are between those of the others."""
    first, _, last = segments
    for number, is_founded in ((2, True), (6, True), (7, False)):
        known = Position(2, HEADER_SIZE, number)
        assert can_be_acknowledged(known, [first, last], None) is is_founded


def test_acknowledged_and_damaged(segments: list[SpoolSegment]) -> None:
    """What is behind damage, or behind the end of a file that had more, cannot be refuted."""
    path = segments[2].path
    content = path.read_bytes()
    path.write_bytes(content[: HEADER_SIZE + 3] + b"?" + content[HEADER_SIZE + 4 :])
    assert can_be_acknowledged(Position(3, END, 8), segments, None)
    assert not can_be_acknowledged(Position(3, END, 10**6), segments, None)
    assert not can_be_acknowledged(Position(3, END + 50, 9), segments, None)
    assert can_be_acknowledged(Position(3, END + 50, 9), segments, Position(3, END + 50, 9))


@pytest.mark.parametrize(
    ("mark", "is_founded"),
    [
        (Position(3, END, 9), True),
        (Position(3, END - SIZE, 8), True),
        (Position(3, END - SIZE, 9), False),
        (Position(3, END + SIZE, 10), True),
        (Position(3, END + SIZE, 10**6), False),
        (Position(2, 10**6, 10**6), True),
        (Position(4, HEADER_SIZE, 9), True),
        (Position(4, HEADER_SIZE + 1, 5), False),
        (Position(4, MOST_BYTES + 1, 10), False),
        (Position(3 + MOST_SEGMENTS, HEADER_SIZE, 10), True),
        (Position(4 + MOST_SEGMENTS, HEADER_SIZE, 10), False),
        (Position(4, HEADER_SIZE, 10**12), False),
    ],
)
def test_synced(segments: list[SpoolSegment], mark: Position, *, is_founded: bool) -> None:
    """One of an older segment is of no use, one behind the last is of files that are gone."""
    assert can_be_synced(mark, segments, None) is is_founded


def test_synced_without_a_segment(segments: list[SpoolSegment]) -> None:
    """The position says where numbers are; so does a segment before one without a header."""
    mark = Position(4, HEADER_SIZE, 10**12)
    assert not can_be_synced(mark, [], None)
    assert not can_be_synced(mark, [], Position(4, HEADER_SIZE, 9))
    assert can_be_synced(mark, [], Position(4, HEADER_SIZE, 10**12 - 1))
    # Older than the position, with which all was acknowledged and removed.
    assert can_be_synced(Position(2, END, 6), [], Position(7, 0, 1000))
    segments[2].first = -1
    assert can_be_synced(Position(3, END, 9), segments, None)
    assert not can_be_synced(Position(3, END, 10**12), segments, None)


def test_read_until(segments: list[SpoolSegment]) -> None:
    """Up to the end of a record, or of the file; of one that is gone nothing."""
    segment = segments[0]
    for offset, events in ((0, 0), (HEADER_SIZE + 1, 1), (END - SIZE, 2), (10**6, 3)):
        read = read_until(segment, offset)
        assert (read.events, read.end, read.is_damaged) == (
            events,
            HEADER_SIZE + events * SIZE,
            False,
        )
    segment.path.unlink()
    assert read_until(segment, 0).events == 0
