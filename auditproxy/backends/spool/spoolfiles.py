"""SpoolFiles: the segment files of a spool, up to where they were read, and what waits in them."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from auditproxy.audit.gaps import Gap
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.spool.opening import POSITION, SYNCED
from auditproxy.backends.spool.position import Item, Position, PositionFile, SyncedMark
from auditproxy.backends.spool.records import HEADER_SIZE, LONGEST_LINE, RECORD_SIZE
from auditproxy.backends.spool.segments import SegmentsReader, SegmentWriter, SpoolSegment

LONGEST_SEGMENT = 16 * 1024 * 1024
"""Bytes of a segment from which on the next one is begun; a smaller spool has smaller ones."""
SEGMENTS = 8
"""Segments that a full spool has at least: what is freed or dropped at once is one of them."""


class SpoolFiles:
    """The files of a spool; ``gap_line`` makes the line of a gap, ``lost`` hears how many events
    turned out to be missing, and in how many bytes nothing was found, and ``said`` what operators
    should know at once.

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
        said: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder = folder
        self.maximum_bytes = maximum_bytes
        self.segment_bytes = min(LONGEST_SEGMENT, max(1, maximum_bytes // SEGMENTS))
        self._disk = disk
        self._gap_line = gap_line
        self._lost = lost
        self._said = said
        self._segments: list[SpoolSegment] = []
        self._writer: SegmentWriter | None = None
        self._reader = SegmentsReader()
        self._lock = -1
        self._acknowledged = self._cursor = Position(0, 0, 0)
        self._damaged, self._told = 0, -1
        self._under_way: deque[Item] = deque()
        self._position = PositionFile(folder / POSITION)
        self._synced = SyncedMark(folder / SYNCED)
        self.notes: list[str] = []
        self.cut_bytes = 0
        self.size = 0

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
        """Whether there is something behind what was given out, or missing there."""
        last, cursor = self._segments[-1:], self._cursor
        if not last:
            return False
        is_behind = (cursor.segment, cursor.offset) < (last[0].sequence, last[0].size)
        return is_behind or self._is_short(last[0])

    @property
    def _next_number(self) -> int:
        """The number that the next event gets."""
        # The thread may free the last one meanwhile.
        last = self._segments[-1:]
        return last[0].end.number if last else self._cursor.number

    @property
    def longest_record(self) -> int:
        """Bytes of a record that has room in an empty spool, and is read again."""
        return min(self.maximum_bytes - 2 * HEADER_SIZE, RECORD_SIZE + LONGEST_LINE)

    @property
    def is_small(self) -> bool:
        """Whether it is the spool's size that bounds a record."""
        return self.longest_record < RECORD_SIZE + LONGEST_LINE

    def _segment(self) -> SpoolSegment:
        """The segment of the cursor."""
        wanted = self._cursor.segment
        return next(each for each in self._segments if each.sequence == wanted)

    def _is_short(self, segment: SpoolSegment) -> bool:
        """Whether some of a segment was not found up to the cursor, or of what is before it."""
        return self._damaged > 0 or self._cursor.number < segment.end.number
