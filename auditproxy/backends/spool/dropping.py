"""Dropping: the oldest events of a spool make room for new ones; an event takes their place.

    before   [under way, a, b, c] [d, e] [f]
    after    [under way, gap 3  ] [d, e] [f]

The segment is replaced in one step by a file that says that all before it is of no use any more, so
that a crash leaves the events or the gap. It begins with what is under way: that is not dropped.
"""

from collections.abc import Callable
from pathlib import Path

from auditproxy.audit.gaps import Gap
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.spool.form import CountedLine, event_counted
from auditproxy.backends.spool.position import Item, Position
from auditproxy.backends.spool.records import (
    EVENT,
    GAP,
    HEADER_SIZE,
    REPLACES,
    Header,
    header,
    record,
)
from auditproxy.backends.spool.segments import SpoolSegment, replace
from auditproxy.backends.spool.store import SpoolStore

MOST_GAPS = 100
"""Events for gaps that one place may have; what others say is added up in one."""
REASON = "spool-full"


class DroppingStore(SpoolStore):
    """A store that can drop what is oldest; ``counted`` returns what a gap counts of a line."""

    def __init__(
        self,
        folder: Path,
        *,
        maximum_bytes: int,
        disk: Disk,
        gap_line: Callable[[Gap], bytes],
        lost: Callable[[int, int], None],
        said: Callable[[str], None] = lambda text: None,
        counted: Callable[[bytes], CountedLine] = event_counted,
    ) -> None:
        super().__init__(
            folder,
            maximum_bytes=maximum_bytes,
            disk=disk,
            gap_line=gap_line,
            lost=lost,
            said=said,
        )
        self._counted = counted

    def drop_oldest(self) -> int:
        """Drop the oldest events that are not under way, a segment of them; returns how many.

        0 where there are none. Raises OSError when it has not, for example without room on the disk
        for the event that takes their place.
        """
        before = self._cursor, self._damaged
        try:
            dropped = self._drop_oldest() if self.unread else 0
        except OSError:
            dropped = 0
            raise
        finally:
            if not dropped:
                self._cursor, self._damaged = before
        return dropped

    def _drop_oldest(self) -> int:
        gap, lines, dropped = Gap(), list[bytes](), 0
        segment = self._segment()
        if (missing := self._before(segment)) is not None:
            lines.append(missing.line)
        while True:
            if segment is self._segments[-1]:
                if not segment.events:
                    return 0
                self._begin_segment()
            while (item := self._next_in(segment)) is not None:
                self._count(item, gap, lines)
                dropped += not item.is_gap
            missing = self._to_next(segment)
            if missing is not None:
                lines.append(missing.line)
            if dropped:
                break
            segment = self._segment()
        self._replace(segment, [*lines, self._gap_line(gap)])
        return dropped

    def _replace(self, segment: SpoolSegment, lines: list[bytes]) -> None:
        """Put what is under way, and gaps, into the place of a segment and all before it."""
        later = self._cursor.number
        first = later - sum(not item.is_gap for item in self._under_way)
        kept = [record(GAP if item.is_gap else EVENT, item.line) for item in self._under_way]
        head = header(Header(segment.sequence, first, REPLACES))
        content = b"".join((head, *kept, *(record(GAP, line) for line in lines)))
        replace(segment.path, content, self._disk)
        self._reader.close()
        self.size += len(content) - segment.stored
        segment.absent = 0
        segment.first, segment.events = first, later - first
        segment.start, segment.size, segment.replaces = HEADER_SIZE, len(content), True
        begin = place = Position(segment.sequence, HEADER_SIZE, first)
        for number, made in enumerate(kept):
            item = self._under_way[number]
            place = Position(
                segment.sequence, place.offset + len(made), place.number + (not item.is_gap)
            )
            self._under_way[number] = Item(item.line, item.is_gap, place)
        self._cursor = place
        self._keep_acknowledged(begin)

    def _count(self, item: Item, gap: Gap, lines: list[bytes]) -> None:
        """Count a line that is dropped. One that stands for others stays, with a few others that
        together have a quarter of a segment.
        """
        room = self.segment_bytes // 4
        if item.is_gap and len(lines) < MOST_GAPS and sum(map(len, lines)) < room:
            lines.append(item.line)
            return
        line = self._counted(item.line)
        if item.is_gap:
            gap.add_gap(line.identity, line.annotations)
        else:
            gap.add(line.identity, line.time, REASON)
