"""Position: up to where a receiver has acknowledged events, kept in a small file.

The file is replaced in one step. It may be older than the truth, after a loss of power: what it
does not know of is sent again. It is synced before anything is removed that it makes useless.
"""

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk

_LINE = re.compile(rb"(spool 1 (\d{1,19}) (\d{1,19}) (\d{1,19}) )([0-9a-f]{8})\n")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a segment; ``number`` is that of the first event behind it."""

    segment: int
    offset: int
    number: int


def read_position(path: Path) -> Position | None:
    """The position in a file; None where there is none that is whole. Raises OSError."""
    try:
        with path.open("rb") as file:
            found = _LINE.fullmatch(file.read(128))
    except FileNotFoundError:
        return None
    if found is None or zlib.crc32(found[1]) != int(found[5], 16):
        return None
    return Position(*(int(found[group]) for group in (2, 3, 4)))


def write_position(path: Path, position: Position, disk: Disk | None) -> None:
    """Replace the file; with a disk, it has it then. Raises OSError."""
    text = f"spool 1 {position.segment} {position.offset} {position.number} ".encode()
    line = text + b"%08x\n" % zlib.crc32(text)
    beside = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o600)
    try:
        os.write(descriptor, line)
        if disk is not None:
            disk.sync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    if disk is not None:
        disk.sync_folder(path.parent)
