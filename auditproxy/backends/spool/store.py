"""SpoolStore: events in the segment files of one folder, first in, first out.

    append --fdatasync--> stored --next_batch--> under way --acknowledge--> gone
                             |                      |a crash: stored, as before
                             +--drop_oldest--> gone, and an event in its place says so

One thread uses it. ``waiting``, ``size`` and ``unread`` may be read by any.
"""

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from auditproxy.audit.gaps import Gap
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.spool.opening import POSITION, SYNCED, look, take
from auditproxy.backends.spool.position import Item, Position, PositionFile, SyncedMark
from auditproxy.backends.spool.records import EVENT, GAP, HEADER_SIZE, Damage, Header, SpoolRecord
from auditproxy.backends.spool.segments import (
    SegmentsReader,
    SegmentWriter,
    SpoolSegment,
    sync_last,
)

LONGEST_SEGMENT = 16 * 1024 * 1024
"""Bytes of a segment from which on the next one is begun; a smaller spool has smaller ones."""
SEGMENTS = 8
"""Segments that a full spool has at least: what is freed or dropped at once is one of them."""


class SpoolStore:
    """The files of a spool; ``gap_line`` makes the line of a gap, ``lost`` hears how many events
    turned out to be missing, and in how many bytes nothing was found.

    ``notes`` are what operators should know of the folder as it was found, and ``cut_bytes`` how
    many bytes were cut off its end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        maximum_bytes: int,
        disk: Disk,
        gap_line: Callable[[Gap], bytes],
        lost: Callable[[int, int], None],
    ) -> None:
        self.folder = folder
        self.maximum_bytes = maximum_bytes
        self.segment_bytes = min(LONGEST_SEGMENT, max(1, maximum_bytes // SEGMENTS))
        self._disk = disk
        self._gap_line = gap_line
        self._lost = lost
        self._segments: list[SpoolSegment] = []
        self._writer: SegmentWriter | None = None
        self._reader = SegmentsReader()
        self._lock = -1
        self._acknowledged = self._cursor = Position(0, 0, 0)
        self._damaged = self._told = 0
        self._under_way: deque[Item] = deque()
        self._position = PositionFile(folder / POSITION)
        self._synced = SyncedMark(folder / SYNCED)
        self.notes: list[str] = []
        self.cut_bytes = 0
        self.size = 0

    # --- opening -------------------------------------------------------------------

    def open(self) -> None:
        """Take the folder, and find what is in it; raises OSError."""
        self._lock = take(self.folder)
        try:
            self._find()
            self._disk.sync_folder(self.folder)
        except OSError:
            self.close()
            raise

    def _find(self) -> None:
        found = look(self.folder)
        self.notes += found.notes
        self._segments = found.segments
        self.size = sum(each.size for each in found.segments)
        self._cursor = self._acknowledged = found.begin
        self.cut_bytes = found.cut_bytes
        self._position.is_there = found.has_position
        # On a full disk, before the first event is stored.
        with contextlib.suppress(OSError):
            self._position.make(found.begin, self._disk)
        # What a process that was killed had not synced: the next segment counts these events.
        sync_last(found.segments, self._disk)
        if found.is_short:
            # What is missing shows when there is a segment behind; on a full disk, a later one.
            with contextlib.suppress(OSError):
                self._begin_segment(reuses=False)

    # --- what is there -------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Events that are not acknowledged."""
        return max(0, self._next_number - self._acknowledged.number)

    @property
    def unread(self) -> int:
        """Events that were not given out yet."""
        return max(0, self._next_number - self._cursor.number)

    @property
    def has_unread(self) -> bool:
        """Whether there is something behind what was given out."""
        last, cursor = self._segments[-1:], self._cursor
        return bool(last) and (cursor.segment, cursor.offset) < (last[0].sequence, last[0].size)

    @property
    def _next_number(self) -> int:
        """The number that the next event gets."""
        return self._segments[-1].end.number if self._segments else self._cursor.number

    def has_room(self, size: int) -> bool:
        """Whether lines of so many bytes, with what they need beside, stay below the bound."""
        room = self.maximum_bytes - size - HEADER_SIZE
        if self.size > room:
            self._free_acknowledged()
        return self.size <= room

    @property
    def longest_record(self) -> int:
        """Bytes of a record that has room in an empty spool."""
        return self.maximum_bytes - 2 * HEADER_SIZE

    def _free_acknowledged(self) -> bool:
        """Free segments whose events all are acknowledged, also the last; whether there was one."""
        if not self._segments or self._under_way or self._damaged:
            return False
        self._pass_what_has_ended()
        first, last = self._segments[0], self._segments[-1]
        if not self.has_unread and not self.waiting and last.size > last.start:
            self._close_writer()
            self._acknowledged = Position(last.sequence + 1, 0, last.end.number)
            self._cursor = self._acknowledged
        if first.sequence == self._acknowledged.segment:
            return False
        self._keep_acknowledged(self._acknowledged)
        return True

    def _pass_what_has_ended(self) -> None:
        """Be behind segments that have nothing more, also empty ones, with nothing under way."""
        while (segment := self._segment()) is not self._segments[-1]:
            later = self._segments[self._segments.index(segment) + 1]
            if self._cursor.offset < segment.size or self._cursor.number < later.first:
                break
            self._to_next(segment)
        self._acknowledged = self._cursor

    # --- appending -----------------------------------------------------------------

    def append(self, records: Sequence[bytes], events: int) -> None:
        """Append whole records with so many events; returns when the disk has all of them.

        Raises OSError when it has none: they may be appended again.
        """
        try:
            self._append(records, events)
        except OSError:
            # On a full disk that may be the only room there is.
            if not self._free_acknowledged():
                raise
            self._append(records, events)

    def _append(self, records: Sequence[bytes], events: int) -> None:
        writer = self._writer
        if writer is None or not writer.is_open or writer.size >= self.segment_bytes:
            self._begin_segment()
        assert self._writer is not None
        content = b"".join(records)
        self._writer.append(content)
        segment = self._segments[-1]
        segment.size += len(content)
        segment.events += events
        self.size += len(content)
        self._synced.keep(segment.end)

    def _begin_segment(self, *, reuses: bool = True) -> None:
        """Begin the next segment, in the place of an empty one that could not be written to;
        raises OSError.
        """
        last = self._segments[-1] if self._segments else None
        self._position.make(self._acknowledged, self._disk)
        is_open = self._writer is not None and self._writer.is_open
        is_reused = last is not None and last.is_empty and reuses and not is_open
        sequence = (self._cursor.segment if last is None else last.sequence) + (not is_reused)
        head = Header(sequence, self._next_number)
        writer = SegmentWriter(self.folder, head, self._disk)
        self._close_writer()
        self._writer = writer
        segment = SpoolSegment(writer.path, sequence, head.first, writer.size, writer.size)
        if last is None:
            self._cursor = self._acknowledged = Position(sequence, segment.start, head.first)
        if not is_reused:
            self._segments.append(segment)
            self.size += segment.size
        self._synced.keep(segment.end)

    # --- reading -------------------------------------------------------------------

    def next_batch(self, count: int, size: int) -> list[Item]:
        """The next items, at most so many, and of so many bytes unless one alone has more.

        What was given out before and not acknowledged is given out again. Raises OSError.
        """
        if self._under_way:
            self._under_way.clear()
            self._cursor, self._damaged = self._acknowledged, 0
        begin = self._cursor, self._damaged
        batch: list[Item] = []
        taken = 0
        while len(batch) < count:
            before, damaged = self._cursor, self._damaged
            try:
                item = self._next()
            except OSError:
                self._cursor, self._damaged = begin
                raise
            if item is None:
                break
            taken += len(item.line)
            if batch and taken > size:
                self._cursor, self._damaged = before, damaged
                break
            batch.append(item)
        self._under_way.extend(batch)
        return batch

    def front(self) -> bytes | None:
        """The next line, which stays; None without one or with some under way. Raises OSError."""
        before = self._cursor, self._damaged, self._told
        # What is missing there is reported when it is given out.
        self._told = sys.maxsize
        try:
            item = None if self._under_way else self._next()
        finally:
            self._cursor, self._damaged, self._told = before
        return item.line if item else None

    def _next(self) -> Item | None:
        """What is at the cursor, which moves on; None at the end."""
        while self._segments:
            segment = self._segment()
            item = self._next_in(segment)
            if item is None and self._damaged and segment is self._segments[-1]:
                # Damaged since it was stored: what is missing shows when there is one behind.
                with contextlib.suppress(OSError):
                    self._begin_segment()
            if item is None and segment is not self._segments[-1]:
                item = self._to_next(segment)
                if item is None:
                    continue
            return item
        return None

    def _next_in(self, segment: SpoolSegment) -> Item | None:
        """What is at the cursor, in its segment; None at the end of that."""
        while (found := self._record(segment)) is not None:
            number = self._cursor.number
            if isinstance(found, SpoolRecord):
                number += found.mark == EVENT
                self._cursor = Position(segment.sequence, found.end, number)
                return Item(found.line, found.mark == GAP, self._cursor)
            self._damaged += found.end - found.start
            self._cursor = Position(segment.sequence, found.end, number)
        return None

    def _segment(self) -> SpoolSegment:
        """The segment of the cursor."""
        wanted = self._cursor.segment
        return next(each for each in self._segments if each.sequence == wanted)

    def _record(self, segment: SpoolSegment) -> SpoolRecord | Damage | None:
        """What is at the cursor; events that its segment should not have any more are not seen."""
        cursor = self._cursor
        if cursor.offset >= segment.size:
            return None
        found = self._reader.next(segment, cursor.offset)
        is_last = segment is self._segments[-1]
        over = cursor.number >= segment.first + segment.events
        if isinstance(found, SpoolRecord) and found.mark == EVENT and over and not is_last:
            return None
        return found

    def _to_next(self, segment: SpoolSegment) -> Item | None:
        """Continue with the segment behind; an item if something was missing in this one."""
        later = self._segments[self._segments.index(segment) + 1]
        missing = later.first - self._cursor.number
        self._cursor = Position(later.sequence, later.start, later.first)
        damaged, self._damaged = self._damaged, 0
        if missing <= 0 and not damaged:
            return None
        gap = Gap()
        gap.add_unknown(max(0, missing), damaged, "damaged")
        if segment.sequence > self._told:
            # What is given out again is not lost again.
            self._told = segment.sequence
            self._lost(gap.events, damaged)
        return Item(self._gap_line(gap), True, self._cursor)

    # --- freeing -------------------------------------------------------------------

    def acknowledge(self, count: int) -> None:
        """Forget the first so many items that are under way; raises OSError.

        The items are forgotten even then: a crash would send them again.
        """
        for _ in range(count):
            self._acknowledged = self._under_way.popleft().end
        if self._segments and not self._under_way and not self._damaged:
            self._pass_what_has_ended()
        self._keep_acknowledged(self._acknowledged)

    def _keep_acknowledged(self, position: Position) -> None:
        self._acknowledged = position
        frees = bool(self._segments) and self._segments[0].sequence < position.segment
        self._position.keep(position, self._disk if frees else None)
        while self._segments and self._segments[0].sequence < position.segment:
            self._remove(self._segments[0])

    def _remove(self, segment: SpoolSegment) -> None:
        self._reader.close()
        with contextlib.suppress(FileNotFoundError):
            segment.path.unlink()
        self._segments.remove(segment)
        self.size -= segment.size

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def close(self) -> None:
        """Close all files, and leave the folder to others."""
        self._reader.close()
        self._synced.close()
        self._close_writer()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
