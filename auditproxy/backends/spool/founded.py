"""Whether what the small files of a folder say can be true of the segments beside them.

Files of another spool are whole too. What is before a position is not sent, and what is missing
before a mark is said to have been lost, so neither is used that these segments cannot have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from auditproxy.apis.units import MEBIBYTE
from auditproxy.backends.spool.position import Position
from auditproxy.backends.spool.records import (
    EVENT,
    HEADER_SIZE,
    RECORD_SIZE,
    SpoolRecord,
)
from auditproxy.backends.spool.segments import RecordReader, SpoolSegment

MOST_BYTES = 512 * MEBIBYTE
"""Bytes of a segment: those from which on the next one is begun, a commit, and a long line."""
MOST_SEGMENTS = 1_000_000
"""Segments that can be missing at the end of a folder."""


def can_be_acknowledged(
    known: Position, segments: Sequence[SpoolSegment], mark: Position | None
) -> bool:
    """Whether a receiver can have acknowledged these segments up to there; raises OSError.

    ``mark`` is up to where the disk has had events, as far as known.
    """
    if not segments or known.offset > MOST_BYTES:
        return not segments
    last = segments[-1]
    if known.segment > last.sequence:
        # All was acknowledged, and the last one had not been removed yet.
        is_next = known.segment == last.sequence + 1 and known.offset == 0
        return is_next and _can_end(last, Position(last.sequence, last.size, known.number))
    # A copy of another segment says nothing of the one in whose place it is.
    own = next((e for e in segments if e.sequence == known.segment and not e.copies), None)
    behind = [e.first for e in segments if e.sequence > known.segment and e.first >= 0]
    if behind and known.number > behind[0]:
        return False
    if own is None:
        before = [each.first for each in segments if each.sequence < known.segment]
        return max(before, default=-1) <= known.number
    had = mark.offset if mark is not None and mark.segment == own.sequence else 0
    # Of one that is not the last it is the next one that says how many events it had.
    is_within = bool(behind) or known.offset <= max(own.size, had)
    return is_within and _can_end(own, known)


def can_be_synced(mark: Position, segments: Sequence[SpoolSegment], known: Position | None) -> bool:
    """Whether the disk can have had these segments up to there; raises OSError.

    ``known`` is up to where the receiver has acknowledged, None where that is not known.
    """
    if mark.offset > MOST_BYTES:
        return False
    last = segments[-1] if segments else None
    newest = last.sequence if last is not None else known.segment if known is not None else 0
    if mark.segment < newest:
        # It is of no use, and older than what is there, as after a loss of power.
        return True
    if last is not None and mark.segment == last.sequence and last.first >= 0:
        return _can_end(last, mark)
    sound = [each for each in segments if each.first >= 0]
    base = sound[-1].end if sound else known or Position(0, 0, 0)
    missing = mark.segment - base.segment
    most = base.number + (missing + 1) * _most_events(MOST_BYTES)
    least = base.number if sound else 0
    return missing <= MOST_SEGMENTS and least <= mark.number <= most


def _can_end(segment: SpoolSegment, place: Position) -> bool:
    """Whether an event of a segment can end there, and the next one have that number."""
    if segment.first < 0:
        return True
    if segment.replaces:
        # The position may be of the file that this one has replaced, which had other places.
        return place.number <= segment.first + _most_events(MOST_BYTES)
    offset, events = max(place.offset, segment.start), place.number - segment.first
    if not 0 <= events <= _most_events(offset):
        return False
    read = read_until(segment, offset)
    # What was at damaged places is not known any more, nor what is behind the end of a file.
    if read.is_damaged or read.end == segment.size < offset:
        return True
    return (read.end, read.events) == (offset, events)


@dataclass(slots=True)
class ReadSoFar:
    """The events of a segment up to a place at which a record ends, and whether there is damage."""

    events: int
    end: int
    is_damaged: bool = False


def read_until(segment: SpoolSegment, offset: int) -> ReadSoFar:
    """What a segment has up to a place, or up to the end of the record there; raises OSError."""
    read = ReadSoFar(0, segment.start)
    if offset <= segment.start:
        return read
    reader = RecordReader(segment.path)
    try:
        while read.end < offset:
            found = reader.next(read.end, segment.size)
            if found is None:
                break
            if isinstance(found, SpoolRecord):
                read.events += found.mark == EVENT
            else:
                read.is_damaged = True
            read.end = found.end
    finally:
        reader.close()
    return read


def _most_events(size: int) -> int:
    """The events that so many bytes of a segment have at most."""
    return max(0, size - HEADER_SIZE) // RECORD_SIZE
