"""Ends of rotated files that no process has signed, as one that is killed leaves them.

the first line of a file: the number before its own, its chain-previous
    --at or behind the last checkpoint--> the last line of the file before it, the same?
        --synced--> an end to be signed, and the next file
"""

import os
import zlib
from gzip import BadGzipFile
from pathlib import Path

from auditproxy.audit.chain.checkpoints import Checkpoint
from auditproxy.audit.chain.links import ChainEnd, is_sound, read_link
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.oldfiles import COMPRESSED, older_files
from auditproxy.backends.logfiles.tails import NotLinesError, first_line, last_line

MAXIMUM_FILES = 64
"""Rotated files that are read for it, the newest first."""

GONE = "the file that ended here was not there any more when its end was signed"

_DAMAGED = (EOFError, BadGzipFile, zlib.error, NotLinesError)


def stored_end(path: Path, disk: Disk) -> bytes:
    """The last line of a log, which the disk has then; b"" where there is none.

    A process that was killed may not have synced it, and it is about to be signed. Raises OSError
    and EOFError.
    """
    for file in (path, *older_files(path)):
        line = last_line([file])
        if line:
            _sync(file, disk)
            return line
    return b""


def unsigned_ends(
    path: Path, end: ChainEnd, last: Checkpoint | None, disk: Disk
) -> list[tuple[ChainEnd, str]]:
    """Ends of files of a log that were not signed, in the chain's order, each with a message.

    ``end`` is that of the log's chain, ``last`` the last checkpoint. The disk has these files then.
    Raises OSError.
    """
    found: list[tuple[ChainEnd, str]] = []
    files = older_files(path)
    try:
        before = _end_before(path, end)
        for file in files[:MAXIMUM_FILES]:
            if before is None or not _is_due(before, end.chain, last):
                break
            older = _there(file)
            line = last_line([older])
            if not line:
                continue
            if _end_of(line) != before:
                break
            _sync(older, disk)
            found.append((before, ""))
            before = _end_before(older, before)
        else:
            is_oldest = len(files) <= MAXIMUM_FILES
            if is_oldest and before is not None and _is_due(before, end.chain, last):
                found.append((before, GONE))
    except _DAMAGED:
        # What is behind a damaged file is not signed; verify names it.
        pass
    return found[::-1]


def _is_due(end: ChainEnd, chain: str, last: Checkpoint | None) -> bool:
    """Whether the end of a file is one that no checkpoint can have signed as such."""
    if end.chain != chain or not end.number:
        return False
    if last is None or last.number < end.number:
        return True
    is_same = (last.number, last.digest) == (end.number, end.digest)
    return is_same and last.reason != "Rotated"


def _end_before(path: Path, end: ChainEnd) -> ChainEnd | None:
    """The end of the file before this one; None where it is not known.

    ``end`` is that of the chain up to this file, which an empty one leaves as it is.
    """
    line = first_line(path)
    if not line:
        return end
    link = read_link(line)
    if link is None or not is_sound(line, link):
        return None
    return ChainEnd(link.chain, link.number - 1, link.previous)


def _end_of(line: bytes) -> ChainEnd | None:
    link = read_link(line)
    if link is None or not is_sound(line, link):
        return None
    return ChainEnd(link.chain, link.number, link.digest)


def _there(file: Path) -> Path:
    """The file, or the archive that was made of it meanwhile."""
    return file if file.exists() else file.with_name(file.name + COMPRESSED)


def _sync(path: Path, disk: Disk) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
