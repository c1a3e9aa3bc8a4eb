"""Blocks: the parts of a trail that are read one by one, and when what is in them was written.

A plain file of events is cut into blocks at line ends; events are in the order in which they were
written. Anything else, packed or in another form, is one block. Of each block it is known when its
first event was written, and by when its last one was, so that a search for the newest requests ends
early. Where a file is not in order nothing is known.
"""

import contextlib
import itertools
import os
from collections.abc import Sequence

import msgspec

from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.events import NATIVE_START, Counts, read_events
from auditproxy.reading.meaning.requests import SeenEvent, seen_event
from auditproxy.reading.trail.lines import is_packed, is_saved, lines_of
from auditproxy.reading.trail.sources import TrailFile

SIZE = 8 * 1024 * 1024
"""Bytes; of larger ones the memory is not used again by the next, which costs more than reading."""
SLACK = 120 * SECOND
"""By how much events of one file may be out of order: those of several servers, and of batches."""
NEVER, ALWAYS = -(1 << 62), 1 << 62
_PEEKED = 64
"""Lines that are read to find one with a time."""
_PEEKED_BYTES = 1 << 20


class Block(msgspec.Struct, frozen=True):
    """A part of a file, from a line's beginning; the last line that begins in it belongs to it.

    ``end`` None is the whole file. ``first`` and ``last`` are when its events were written, at the
    earliest and at the latest.
    """

    path: str
    origin: str
    start: int = 0
    end: int | None = None
    first: int = NEVER
    last: int = ALWAYS
    size: int = 0
    is_native: bool = False
    inode: int = 0
    """Of the file: it may be renamed while it is read; 0 where that does not matter."""


def current_path(block: Block) -> str:
    """Where the file of a block is now; raises FileNotFoundError where it is gone."""
    folder = os.path.dirname(block.path) or "."
    with contextlib.suppress(FileNotFoundError):
        if block.inode in (0, os.stat(block.path).st_ino):
            return block.path
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.inode() == block.inode:
                return entry.path
    raise FileNotFoundError(block.path)


def blocks_of(files: Sequence[TrailFile], size: int = SIZE) -> list[Block]:
    """The blocks of files, those that were written last first; raises OSError."""
    by_origin: dict[str, list[list[Block]]] = {}
    for file in files:
        # One that was packed or removed since it was named is in its packed form, or not at all.
        with contextlib.suppress(FileNotFoundError):
            by_origin.setdefault(file.origin, []).append(_of_file(file, size))
    found: list[Block] = []
    for parts in by_origin.values():
        found += _dated([block for part in parts for block in part])
    return sorted(found, key=lambda block: (block.first, block.last, block.start), reverse=True)


def first_event(path: str) -> SeenEvent | None:
    """The first event of a file of native lines; None where there is none among the first lines."""
    counts = Counts()
    for number, line in enumerate(lines_of(path, counts, _PEEKED_BYTES)):
        if number == _PEEKED:
            break
        for event in read_events(line, counts):
            return seen_event(event)
    return None


def _of_file(file: TrailFile, size: int) -> list[Block]:
    facts = os.stat(file.path)
    length = facts.st_size if file.length is None else file.length
    packed = is_packed(file.path)
    with open(file.path, "rb") as opened:
        native = opened.read(len(NATIVE_START)) == NATIVE_START
    if packed or not native:
        known = None if is_saved(file.path) else first_event(file.path)
        first = NEVER if known is None else known.staged - SLACK
        whole = Block(file.path, file.origin, 0, None, first, ALWAYS, length, inode=facts.st_ino)
        return [whole]
    found: list[Block] = []
    for start in range(0, length, size):
        written = _written_at(file.path, start)
        if written is None and found:
            # No line begins behind here: the last one is longer than the rest of the file.
            found[-1] = msgspec.structs.replace(found[-1], size=length - found[-1].start)
            break
        end = min(start + size, length)
        found.append(
            Block(
                file.path,
                file.origin,
                start,
                end,
                NEVER if written is None else written,
                size=end - start,
                is_native=True,
                inode=facts.st_ino,
            )
        )
    return found


def _written_at(path: str, offset: int) -> int | None:
    """When the first event that begins behind an offset was written; NEVER where not known.

    None where no line begins there.
    """
    with open(path, "rb") as file:
        if offset:
            file.seek(offset - 1)
            file.readline(_PEEKED_BYTES)
        for number in range(_PEEKED):
            line = file.readline(_PEEKED_BYTES)
            if not line:
                return NEVER if number else None
            for event in read_events(line, Counts()):
                seen = seen_event(event)
                return seen.staged - SLACK
    return NEVER


def _dated(blocks: list[Block]) -> list[Block]:
    """Blocks of one origin, in order: each was written by when the one behind it begins.

    One whose beginning is not known begins when the one before it does. Where one begins before
    the one before it, nothing is known of any.
    """
    known = [block.first for block in blocks if block.first != NEVER]
    if any(later < earlier - SLACK for earlier, later in itertools.pairwise(known)):
        return [msgspec.structs.replace(block, first=NEVER, last=ALWAYS) for block in blocks]
    ordered: list[Block] = []
    first = NEVER
    for block in blocks:
        first = max(first, block.first)
        ordered.append(msgspec.structs.replace(block, first=first))
    dated: list[Block] = []
    last = ALWAYS
    for block in reversed(ordered):
        dated.append(msgspec.structs.replace(block, last=last))
        if block.first != NEVER:
            last = block.first + 2 * SLACK
    return dated
