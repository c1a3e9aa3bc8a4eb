"""SpoolStore: events in the segment files of one folder, first in, first out.

    append --fdatasync--> stored --next_batch--> under way --acknowledge--> gone
                             |                      |a crash: stored, as before
                             +--drop_oldest--> gone, and an event in its place says so

One thread uses it. ``waiting``, ``size`` and ``unread`` may be read by any.
"""

import contextlib
import os
import sys
from collections.abc import Sequence

from auditproxy.audit.gaps import Gap
from auditproxy.backends.spool.opening import is_taken, look, take
from auditproxy.backends.spool.position import Item, Position
from auditproxy.backends.spool.records import EVENT, GAP, HEADER_SIZE, Damage, Header, SpoolRecord
from auditproxy.backends.spool.segments import DeletedError, SegmentWriter, SpoolSegment, sync_last
from auditproxy.backends.spool.spoolfiles import SpoolFiles


class GapWaitsError(OSError):
    """Some of the last segment is missing, and none can be begun behind it to say so."""


class SpoolStore(SpoolFiles):
    """The files of a spool, written to and read; the arguments are those of SpoolFiles."""

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
        self.size = sum(each.stored for each in found.segments)
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

    def has_room(self, size: int) -> bool:
        """Whether lines of so many bytes, with what they need beside, stay below the bound."""
        room = self.maximum_bytes - size - HEADER_SIZE
        if self.size > room:
            self._free_acknowledged()
        return self.size <= room

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
        try:
            self._writer.append(content)
        except DeletedError as error:
            # What was in it before is missing, and is found when it is to be sent.
            self._said(f"{error.filename} was deleted by another process: begun another one")
            self._begin_segment(reuses=False)
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
        self._keep_folder()
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

    def _keep_folder(self) -> None:
        """Take the folder again where another process has removed it, or its lock; raises OSError,
        also where a third one has taken it meanwhile.
        """
        if not is_taken(self.folder, self._lock):
            lock = take(self.folder)
            os.close(self._lock)
            self._lock = lock

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
            except OSError as error:
                is_whole = batch and isinstance(error, GapWaitsError)
                self._cursor, self._damaged = (before, damaged) if is_whole else begin
                if is_whole:
                    break
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
            item = self._before(segment) or self._next_in(segment)
            if item is None and segment is self._segments[-1] and self._is_short(segment):
                self._begin_behind()
            if item is None and segment is not self._segments[-1]:
                item = self._to_next(segment)
                if item is None:
                    continue
            return item
        return None

    def _begin_behind(self) -> None:
        """Begin a segment, so that what is missing in the last one shows; raises OSError."""
        try:
            self._begin_segment(reuses=False)
        except OSError as fault:
            text = "some of it is damaged, and there is no room to say so"
            raise GapWaitsError(fault.errno, f"{text}: {fault.strerror}") from None

    def _before(self, segment: SpoolSegment) -> Item | None:
        """An item for what is missing before the oldest segment, at its start, so that a position
        behind it never has a number that is too low for its place.
        """
        if self._cursor.offset > segment.start or self._cursor.number >= segment.first:
            return None
        missing = segment.first - self._cursor.number
        self._cursor = Position(segment.sequence, segment.start, segment.first)
        return self._missing(missing, 0, segment.sequence - 1)

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
        return self._missing(max(0, missing), damaged, segment.sequence)

    def _missing(self, events: int, damaged: int, sequence: int) -> Item:
        """An item for what is missing in a segment, with the cursor behind it."""
        gap = Gap()
        gap.add_unknown(events, damaged, "damaged")
        if sequence > self._told:
            # What is given out again is not lost again.
            self._told = sequence
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
        self.size -= segment.stored

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
