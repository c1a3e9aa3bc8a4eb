"""SpoolSegment files: one is written to, the others are full; each is read from any place."""

import contextlib
import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.regular import open_regular
from auditproxy.backends.spool.position import Position
from auditproxy.backends.spool.records import (
    HEADER_SIZE,
    HIGHEST,
    Damage,
    Header,
    SpoolRecord,
    header,
    next_record,
    read_header,
)

_NAME = re.compile(r"(\d{20})\.spool", re.ASCII)
_WINDOW = 256 * 1024
"""Bytes that are read at once."""


@dataclass(slots=True)
class SpoolSegment:
    """A segment: where its records begin, how many bytes count, the number of its first event.

    ``events`` is how many it has. ``copies`` is the segment that the file is by its header, where
    that is another one. Of ``size`` so many bytes are ``absent``: the file should have had them.
    """

    path: Path
    sequence: int
    first: int
    start: int
    size: int
    events: int = 0
    replaces: bool = False
    copies: int = 0
    absent: int = 0

    @property
    def stored(self) -> int:
        """Bytes that it has on the disk."""
        return self.size - self.absent

    @property
    def end(self) -> Position:
        """Where the next record goes, and the number of the event in it."""
        return Position(self.sequence, self.size, self.first + self.events)

    @property
    def is_empty(self) -> bool:
        """Whether it has no record, and should have none."""
        return self.size == self.start and not self.events


def path_of(folder: Path, sequence: int) -> Path:
    """Where a segment is."""
    return folder / f"{sequence:020d}.spool"


def named_in(folder: Path) -> list[tuple[int, Path]]:
    """The files of a folder that have the names of segments, by their numbers. Raises OSError.

    A number that no spool reaches is that of another file.
    """
    names = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    found = sorted((int(name[1]), path) for name, path in names if name)
    return [(sequence, path) for sequence, path in found if sequence <= HIGHEST]


def found_in(folder: Path) -> list[SpoolSegment]:
    """The segments of a folder in their order; ``first`` is -1 where a header is damaged.

    A file that has no record yet and no whole header was being made; it is removed. Raises OSError.
    """
    segments = []
    for sequence, path in named_in(folder):
        with SegmentReader(path) as reader:
            head, size = read_header(reader.read(0, HEADER_SIZE)), reader.size()
        if head is None and size <= HEADER_SIZE:
            path.unlink()
        elif head is None or head.sequence != sequence:
            copies = 0 if head is None else head.sequence
            segments.append(SpoolSegment(path, sequence, -1, 0, size, copies=copies))
        else:
            replaces = bool(head.flags)
            found = SpoolSegment(path, sequence, head.first, HEADER_SIZE, size, replaces=replaces)
            segments.append(found)
    return segments


class SegmentReader:
    """Reads a file, opened without following a link."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)

    def __enter__(self) -> "SegmentReader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._descriptor).st_size

    def read(self, start: int, count: int) -> bytes:
        """So many bytes, or fewer at the end; raises OSError."""
        pieces, place = [], start
        while count and (piece := os.pread(self._descriptor, count, place)):
            pieces.append(piece)
            place += len(piece)
            count -= len(piece)
        return b"".join(pieces)

    def sync(self, disk: Disk) -> None:
        """Return when the disk has the file; raises OSError."""
        disk.sync(self._descriptor)

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class RecordReader:
    """Records of one segment, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = SegmentReader(path)
        self._window = b""
        self._begin = 0

    def next(self, start: int, size: int) -> SpoolRecord | Damage | None:
        """What is at ``start`` in a segment of ``size`` bytes, with places of the file.

        None at the end. Raises OSError.
        """
        if start >= size:
            return None
        if not self._begin <= start < self._begin + len(self._window):
            self._begin, self._window = start, self._file.read(start, min(_WINDOW, size - start))
        while True:
            is_whole = self._begin + len(self._window) >= size
            found = next_record(self._window, start - self._begin, is_whole=is_whole)
            if isinstance(found, SpoolRecord):
                return SpoolRecord(found.mark, found.line, self._begin + found.end)
            if isinstance(found, Damage):
                return Damage(start, self._begin + found.end)
            if is_whole:
                return None
            count = min(size - start, max(_WINDOW, 2 * (len(self._window) - start + self._begin)))
            before = len(self._window) - (start - self._begin)
            self._begin, self._window = start, self._file.read(start, count)
            if len(self._window) <= before:
                # The file is shorter than it was.
                return Damage(start, size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SegmentsReader:
    """Records of segments, of which one is open: the one that was read last."""

    def __init__(self) -> None:
        self._reader: RecordReader | None = None

    def next(self, segment: SpoolSegment, start: int) -> SpoolRecord | Damage | None:
        """What is at a place; where the file is gone, all behind it is damaged. Raises OSError."""
        if self._reader is None or self._reader.path != segment.path:
            self.close()
            try:
                self._reader = RecordReader(segment.path)
            except FileNotFoundError:
                return Damage(start, segment.size)
        return self._reader.next(start, segment.size)

    def close(self) -> None:
        """Close the file that is open: it is another, or none, from now on."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class DeletedError(OSError):
    """The disk has what was written, and no name leads to it."""


class SegmentWriter:
    """Appends to a new segment; what a failed write leaves is cut off as far as possible."""

    def __init__(self, folder: Path, head: Header, disk: Disk) -> None:
        """Make the file, and have the disk hold its name; raises OSError."""
        self.path = path_of(folder, head.sequence)
        self._disk = disk
        self.size = 0
        self._descriptor = _create(self.path)
        try:
            self.append(header(head))
            disk.sync_folder(folder)
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise

    def append(self, content: bytes) -> None:
        """Append bytes, and return when the disk has them.

        Raises OSError, and is closed then: after a failed sync no one can know what a descriptor's
        next one means. DeletedError where another process has removed the file.
        """
        try:
            _write(self._descriptor, content)
            self._disk.sync(self._descriptor)
            if not os.fstat(self._descriptor).st_nlink:
                raise DeletedError(errno.ENOENT, "deleted by another process", str(self.path))
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            self.close()
            raise
        self.size += len(content)

    @property
    def is_open(self) -> bool:
        """Whether more can be appended."""
        return self._descriptor >= 0

    def close(self) -> None:
        """Append no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def replace(path: Path, content: bytes, disk: Disk) -> None:
    """Put other content into the place of a segment, in one step; raises OSError."""
    beside = path.with_suffix(".new")
    descriptor = _create(beside)
    try:
        _write(descriptor, content)
        disk.sync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    finally:
        os.close(descriptor)
    beside.replace(path)
    disk.sync_folder(path.parent)


def _create(path: Path) -> int:
    return open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        written = os.write(descriptor, rest)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def sync_last(segments: Sequence[SpoolSegment], disk: Disk) -> None:
    """Have the disk hold what is in the last segment; where it cannot, a loss of power may take
    some of it, as it might have before.
    """
    if segments:
        with contextlib.suppress(OSError), SegmentReader(segments[-1].path) as reader:
            reader.sync(disk)
