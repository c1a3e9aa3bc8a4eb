"""Opening: what is found in the folder of a spool, whatever a crash or a disk has left of it."""

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from auditproxy.backends.logfiles.locks import lock
from auditproxy.backends.spool.founded import can_be_acknowledged, can_be_synced, read_until
from auditproxy.backends.spool.position import Position, read_position
from auditproxy.backends.spool.records import EVENT, HEADER_SIZE, Damage, SpoolRecord
from auditproxy.backends.spool.segments import (
    RecordReader,
    SpoolSegment,
    found_in,
    named_in,
    path_of,
)

POSITION = "acknowledged"
"""The file of what was acknowledged."""
SYNCED = "synced"
"""The file of what the disk has had."""


_BEGINNING = Position(0, 0, 0)


@dataclass(slots=True)
class FoundSpool:
    """The segments of a folder, where reading begins, and what operators should know.

    ``cut_bytes`` were cut off at the end of the last one. ``is_short``: some of what the disk has
    had is not there, and no segment behind shows it; the last one counts it as events and bytes
    that it should have. ``has_position``: the file of what was acknowledged is whole.
    """

    segments: list[SpoolSegment]
    begin: Position = _BEGINNING
    notes: list[str] = field(default_factory=list)
    cut_bytes: int = 0
    is_short: bool = False
    has_position: bool = False


class SpoolFileError(OSError):
    """The folder cannot be used as it is."""


def take(folder: Path) -> int:
    """Make a folder this process's own; the descriptor that keeps it. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / "lock", flags, 0o600)
    if not lock(descriptor):
        os.close(descriptor)
        raise SpoolFileError(errno.EWOULDBLOCK, "another process uses it")
    return descriptor


def is_taken(folder: Path, descriptor: int) -> bool:
    """Whether the lock that keeps a folder is still there for others to see; raises OSError."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(folder / "lock"))
    except FileNotFoundError:
        return False


def look(folder: Path) -> FoundSpool:
    """What is in a folder of which this process has the lock; raises OSError.

    Segments that are of no use are removed. What is damaged at the end of the last is cut off where
    the disk had not had it, as far as is known: half an event.
    """
    segments = found_in(folder)
    found = FoundSpool(segments)
    known, mark = _small_files(folder, found)
    found.has_position = known is not None
    begin = max((each.sequence for each in segments if each.replaces), default=0)
    if known is not None:
        begin = max(begin, known.segment)
    own = {each.sequence for each in segments if each.first >= 0}
    for segment in list(segments):
        # Of a copy all is in the other file, or acknowledged: what was here is missing.
        is_copy = segment.copies and (segment.copies in own or segment.copies < begin)
        if segment.sequence < begin or is_copy:
            segment.path.unlink()
            segments.remove(segment)
    _number(found, known, mark)
    if segments and not segments[-1].size:
        # All of it was cut off, its header too: nothing can be appended to it.
        segments.pop().path.unlink()
    is_left = mark is not None and (known is None or known < mark)
    if mark is not None and is_left and mark.segment >= begin:
        _complete(found, folder, mark, known.number if known else 0)
    found.begin = _begin(segments, known, begin)
    return found


def _small_files(folder: Path, found: FoundSpool) -> tuple[Position | None, Position | None]:
    """What was acknowledged and what the disk has had, each None where it cannot be true.

    A mark that cannot is removed: what is written from now on would make it seem true.
    """
    segments = found.segments
    position, synced = folder / POSITION, folder / SYNCED
    known, mark = read_position(position), read_position(synced)
    if known is not None and not can_be_acknowledged(known, segments, mark):
        last = segments[-1].sequence
        if mark is not None and min(known.segment, mark.segment) > last:
            # Both are of a spool that has more segments.
            mark = None
        known = None
    if known is None and position.exists():
        what = "the file of what was acknowledged is damaged, or of another spool"
        found.notes.append(f"{what}: all is sent again")
    if mark is not None and not can_be_synced(mark, segments, known):
        mark = None
    if mark is None and synced.exists():
        what = "the file of what the disk has had is damaged, or of another spool"
        found.notes.append(f"{what}: it is not known what is missing at the end")
    if mark is not None and known is None and not segments:
        # Nothing is known of what it counts.
        what = "its files are gone, and with them what was acknowledged"
        found.notes.append(f"{what}: it is not known whether the last events were sent")
        mark = None
    if mark is None:
        synced.unlink(missing_ok=True)
    return known, mark


def _complete(found: FoundSpool, folder: Path, mark: Position, number: int) -> None:
    """Have the last segment be what the disk has had of it, also where the file is gone."""
    segments = found.segments
    if segments:
        number = segments[-1].first + segments[-1].events
    if not segments or mark.segment > segments[-1].sequence:
        path = path_of(folder, mark.segment)
        segments.append(SpoolSegment(path, mark.segment, number, HEADER_SIZE, HEADER_SIZE))
        segments[-1].absent = HEADER_SIZE
    last = segments[-1]
    if mark.segment == last.sequence and (mark.offset > last.size or mark.number > number):
        found.is_short = True
        last.absent += max(0, mark.offset - last.size)
        last.size = max(last.size, mark.offset)
        last.events = max(last.events, mark.number - last.first)


def holds_records(folder: Path) -> bool:
    """Whether a folder has records that are not acknowledged, or has damaged files; nothing is
    changed, and another process may use it. Raises OSError.
    """
    known = read_position(folder / POSITION)
    sizes = {number: path.stat().st_size for number, path in named_in(folder)}
    return any(
        known is None or (number, size) > (known.segment, known.offset)
        for number, size in sizes.items()
        if size > HEADER_SIZE
    )


def _number(found: FoundSpool, known: Position | None, mark: Position | None) -> None:
    """Count the events of segments, from the first one's number on."""
    segments, expected = found.segments, known.number if known else 0
    for place, segment in enumerate(segments):
        later = segments[place + 1] if place + 1 < len(segments) else None
        if segment.first < 0:
            # Its own number is not known: that of the next is, or of the one before.
            segment.events = _count(segment, found, mark, is_last=later is None)
            segment.first = expected
            if later is not None and later.first >= segment.events:
                counted = later.first - segment.events
                segment.first = max(expected, counted) if place else counted
        elif later is not None and later.sequence == segment.sequence + 1 and later.first >= 0:
            segment.events = max(0, later.first - segment.first)
        else:
            segment.events = _count(segment, found, mark, known, is_last=later is None)
        expected = segment.first + segment.events


def _count(
    segment: SpoolSegment,
    spool: FoundSpool,
    mark: Position | None,
    known: Position | None = None,
    *,
    is_last: bool,
) -> int:
    """The events that are found in a segment, with those before ``known`` that were in it."""
    events, place = 0, segment.start
    if known and known.segment == segment.sequence and known.number >= segment.first:
        # Damage in what was acknowledged changes no number of what was not.
        events, place = known.number - segment.first, min(known.offset, segment.size)
    reader = RecordReader(segment.path)
    try:
        while (found := reader.next(place, segment.size)) is not None:
            if isinstance(found, Damage) and found.end == segment.size and is_last:
                if mark and (segment.sequence, found.start) < (mark.segment, mark.offset):
                    spool.is_short = True
                    break
                os.truncate(segment.path, found.start)
                segment.size = found.start
                size = found.end - found.start
                spool.cut_bytes = size
                why = "" if mark else "; it is not known whether the disk has had them whole"
                spool.notes.append(f"it ended within a record: {size} bytes were cut off{why}")
                break
            if isinstance(found, SpoolRecord):
                events += found.mark == EVENT
            place = found.end
    finally:
        reader.close()
    return events


def _begin(found: list[SpoolSegment], known: Position | None, begin: int) -> Position:
    """Where reading begins in the segments that were found."""
    if not found:
        return Position(begin, 0, known.number if known else 0)
    oldest = found[0]
    if known is not None and oldest.replaces and known.number < oldest.first:
        # It is of the file that this one has replaced.
        known = None
    if known is not None and known.segment == oldest.sequence and oldest.start > 0:
        if known.offset <= oldest.stored or not oldest.stored:
            return Position(oldest.sequence, max(known.offset, oldest.start), known.number)
        # It is shorter than what was acknowledged of it: what is there is sent again, because it
        # may never have been, and what was acknowledged is not missing.
        there = read_until(oldest, oldest.stored).events
        number = max(oldest.first, known.number - there)
        return Position(oldest.sequence, oldest.start, number)
    if known is None or oldest.replaces:
        return Position(oldest.sequence, oldest.start, oldest.first)
    # With a number from before it, what is missing shows at the start of this segment.
    return Position(oldest.sequence, oldest.start, min(known.number, oldest.first))
