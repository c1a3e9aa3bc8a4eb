"""Position: up to where a receiver has acknowledged events, kept in a small file.

The file is replaced in one step. It may be older than the truth, after a loss of power: what it
does not know of is sent again. It is synced before anything is removed that it makes useless.

SyncedMark is another such file: up to where the disk has had events. It is written over in place
behind each sync of events, and never synced itself, so that it costs none. It survives whatever
ends the process; after a loss of power it may be older than the truth, by the time that the system
takes to write a page on its own. It is never newer, so what is missing before it was stored.
"""

import contextlib
import errno
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.regular import open_regular
from auditproxy.backends.spool.records import HIGHEST

_LINE = re.compile(rb"(spool 1 (\d{1,19}) (\d{1,19}) (\d{1,19}) )([0-9a-f]{8})\n")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a segment; ``number`` is that of the first event behind it."""

    segment: int
    offset: int
    number: int


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be sent: a line, whether it stands for missing events, and where it ends."""

    line: bytes
    is_gap: bool
    end: Position


def read_position(path: Path) -> Position | None:
    """The position in a file; None where there is none that is whole, or its numbers are absurd.

    Raises OSError, also where it is not a regular file.
    """
    try:
        with open(open_regular(path), "rb") as file:
            found = _LINE.fullmatch(file.read(128))
    except FileNotFoundError:
        return None
    if found is None or zlib.crc32(found[1]) != int(found[5], 16):
        return None
    numbers = [int(found[group]) for group in (2, 3, 4)]
    return Position(*numbers) if max(numbers) <= HIGHEST else None


def write_position(path: Path, position: Position, disk: Disk | None) -> None:
    """Replace the file; with a disk, it has it then. Raises OSError."""
    line = _line(position)
    beside = path.with_suffix(".new")
    descriptor = open_regular(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if disk is not None:
            disk.sync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    if disk is not None:
        disk.sync_folder(path.parent)


def _line(position: Position) -> bytes:
    """The content of a file; each has the same length, so that it can be written over."""
    text = f"spool 1 {position.segment:019} {position.offset:019} {position.number:019} ".encode()
    return text + b"%08x\n" % zlib.crc32(text)


def _write_over(path: Path, position: Position, disk: Disk | None) -> None:
    """Write over a file that is there, which needs no space; raises OSError."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.pwrite(descriptor, _line(position), 0)
        if disk is not None:
            disk.sync(descriptor)
    finally:
        os.close(descriptor)


class PositionFile:
    """The file of what was acknowledged. It is made before the first event, so that what is missing
    before the first acknowledgement can be counted, and so that a full disk has room for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_there = False

    def make(self, position: Position, disk: Disk) -> None:
        """Have the disk hold the file, unless it is there; raises OSError."""
        if not self.is_there or not self._path.exists():
            write_position(self._path, position, disk)
            self.is_there = True

    def keep(self, position: Position, disk: Disk | None) -> None:
        """Write a position; with a disk, it has it then, so that segments before it can be removed.

        Without room for a second file it is written over in place. Where even that fails the older
        one stays, unless it would miss what is removed: without the file, all is sent again that is
        there after a crash. Raises OSError when it cannot be removed either.
        """
        try:
            write_position(self._path, position, disk)
            self.is_there = True
        except OSError:
            try:
                _write_over(self._path, position, disk)
            except OSError:
                if disk is not None:
                    self._path.unlink(missing_ok=True)
                    self.is_there = False


class SyncedMark:
    """The file in a folder that says up to where the disk has had events."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def keep(self, position: Position) -> None:
        """The disk has what is before a position. Never raises: an older mark is true as well."""
        with contextlib.suppress(OSError):
            if self._descriptor >= 0 and not os.fstat(self._descriptor).st_nlink:
                self.close()
            if self._descriptor < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
                self._descriptor = open_regular(self._path, flags)
            os.pwrite(self._descriptor, _line(position), 0)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
