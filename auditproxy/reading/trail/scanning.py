"""Scanning: one block after the other for the events that a search admits.

Most lines are never decoded: a line that does not have the bytes that every matching line must have
is passed over. Blocks that hold only well-formed lines are searched as one piece of bytes; in
others each line is looked into, and what it is is counted.
"""

import heapq
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO

import msgspec

from auditproxy.reading.forms.documents import SNIFFED, documents_of, is_of_documents
from auditproxy.reading.forms.rows import is_of_rows, rows_of
from auditproxy.reading.forms.unwrapping import Unwrapper
from auditproxy.reading.meaning.conditions import ColumnFilter, admits_all
from auditproxy.reading.meaning.events import (
    EVENTS,
    GONE,
    NATIVE_START,
    TOO_LONG,
    Counts,
    read_events,
)
from auditproxy.reading.meaning.requests import NATIVE, SeenEvent, seen_event
from auditproxy.reading.trail.blocks import NEVER, Block, current_path
from auditproxy.reading.trail.lines import LONGEST, beginning_of, is_saved, lines_of, text_of
from auditproxy.reading.trail.saved import FORM, count_saved, saved_events

_BOUNDARY = b"}\n" + NATIVE_START
_PIECE = 1 << 22
_AHEAD = 1 << 16
"""Bytes behind a block that are read with it, for its last line."""
_ID = re.compile(rb'"auditID":"((?:[^"\\\n]|\\.)*)"')


class Search(msgspec.Struct, frozen=True):
    """What is looked for; times are nanoseconds, ``until`` is not included.

    ``ids`` None means every audit ID. Of more than ``most`` events of a block the newest are kept.
    """

    conditions: tuple[ColumnFilter, ...] = ()
    since: int | None = None
    until: int | None = None
    ids: frozenset[str] | None = None
    most: int = 100_000
    counts_only: bool = False
    """Whether events are only counted: of well-formed lines none is read."""

    def admits(self, seen: SeenEvent) -> bool:
        """Whether an event is looked for."""
        if self.since is not None and seen.received < self.since:
            return False
        if self.until is not None and seen.received >= self.until:
            return False
        if self.ids is not None and seen.event.audit_id not in self.ids:
            return False
        return admits_all(self.conditions, seen.event)

    def literals(self) -> tuple[bytes, ...]:
        """Bytes of which every line that is looked for has one; () where any line may be."""
        for condition in self.conditions:
            found = condition.literals()
            if 0 < len(found) <= _MOST_LITERALS:
                return found
        return ()


_MOST_LITERALS = 8


class Scanned(msgspec.Struct):
    """What was found in a block, and what was met there."""

    events: list[SeenEvent]
    counts: Counts
    forms: Counts
    """Events by the form that they were in."""
    dropped: int = NEVER
    """When the newest of those was received that there was no room for."""


def scan(block: Block, search: Search) -> Scanned:
    """The events of a block that are looked for; raises OSError."""
    counts, forms = Counts(), Counts()
    kept = _Newest(search.most)
    try:
        block = msgspec.structs.replace(block, path=current_path(block))
        for seen in events_of(block, search, counts, forms, newest=search.most + 1):
            if not search.counts_only and search.admits(seen):
                kept.add(seen)
    except FileNotFoundError:
        counts[GONE] += 1
    return Scanned(kept.events(), counts, forms, kept.dropped)


class _Newest:
    """Keeps the newest of what is added; all of it while there is room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, int, SeenEvent]] = []
        self._added = 0
        self.dropped = NEVER

    def add(self, seen: SeenEvent) -> None:
        self._added += 1
        item = (seen.received, self._added, seen)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, item)
        else:
            received, _, _ = heapq.heappushpop(self._heap, item)
            self.dropped = max(self.dropped, received)

    def events(self) -> list[SeenEvent]:
        return [seen for _, _, seen in sorted(self._heap, key=lambda item: item[:2])]


def events_of(
    block: Block, search: Search, counts: Counts, forms: Counts, newest: int | None = None
) -> Iterator[SeenEvent]:
    """The events of a block, those that a search surely does not admit perhaps left out.

    ``newest`` is how many of those that it admits are wanted: others may be left out too.
    """
    if not block.is_native:
        if is_saved(block.path):
            yield from _of_saved(block, search, counts, forms, newest)
        else:
            yield from _of_file(block, search, counts, forms)
        return
    data = _bytes_of(block, counts)
    literals = search.literals()
    lines = data.count(b"\n")
    is_sound = data.startswith(NATIVE_START) and data.endswith(b"}\n")
    is_searched = literals or search.ids or search.counts_only
    if not is_searched or not is_sound or lines - 1 != data.count(_BOUNDARY):
        yield from _each_line(_split(data), block.origin, literals, counts, forms)
        return
    counts[EVENTS] += lines
    forms[NATIVE] += lines
    if search.counts_only:
        return
    chosen = _with(data, literals) if search.ids is None else _with_ids(data, search.ids)
    for line in chosen:
        for event in read_events(line, Counts()):
            yield seen_event(event, block.origin, NATIVE, line)


def lines_in(block: Block, counts: Counts) -> Iterator[bytes]:
    """The lines of a block of native lines, without their ends; raises OSError."""
    yield from _split(_bytes_of(block, counts))


def _of_file(block: Block, search: Search, counts: Counts, forms: Counts) -> Iterator[SeenEvent]:
    """The events of a file that is packed or in another form."""
    beginning = beginning_of(block.path, SNIFFED)
    if is_of_rows(beginning):
        unwrapper = Unwrapper(block.origin, counts, forms)
        texts = (
            line.decode("utf-8-sig", "replace") + "\n"
            for line in lines_of(block.path, counts, each_blank=True)
        )
        for row in rows_of(texts, counts):
            yield from unwrapper.value(row)
        return
    if not is_of_documents(beginning):
        lines = lines_of(block.path, counts)
        yield from _each_line(lines, block.origin, search.literals(), counts, forms)
        return
    unwrapper = Unwrapper(block.origin, counts, forms)
    for value in documents_of(text_of(block.path, counts), counts, LONGEST):
        yield from unwrapper.value(value)


def _of_saved(
    block: Block, search: Search, counts: Counts, forms: Counts, newest: int | None
) -> Iterator[SeenEvent]:
    count = count_saved(block.path)
    counts[EVENTS] += count
    forms[FORM] += count
    if not search.counts_only:
        yield from saved_events(
            block.path,
            search.conditions,
            since=search.since,
            until=search.until,
            ids=search.ids,
            newest=newest,
        )


def _each_line(
    lines: Iterable[bytes], origin: str, literals: Sequence[bytes], counts: Counts, forms: Counts
) -> Iterator[SeenEvent]:
    unwrapper = Unwrapper(origin, counts, forms)
    for line in lines:
        is_whole = line.startswith(NATIVE_START) and line.endswith(b"}")
        if literals and is_whole and not any(literal in line for literal in literals):
            counts[EVENTS] += 1
            forms[NATIVE] += 1
            continue
        yield from unwrapper.take(line)
    yield from unwrapper.finish()


def _split(data: bytearray) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield bytes(data[start:end])
        start = end + 1


def _with(data: bytearray, literals: Sequence[bytes]) -> Iterator[bytes]:
    """The lines that have one of the literals, each once, in order."""
    if len(literals) == 1:
        yield from _with_one(data, literals[0])
        return
    found = {start: line for literal in literals for start, line in _places(data, literal)}
    for start in sorted(found):
        yield found[start]


def _with_ids(data: bytearray, ids: frozenset[str]) -> Iterator[bytes]:
    """The lines with one of these audit IDs, and some others."""
    wanted = {audit_id.encode() for audit_id in ids}
    for found in _ID.finditer(data):
        # An ID with an escape is compared when its line is decoded.
        if found[1] in wanted or b"\\" in found[1]:
            start = data.rfind(b"\n", 0, found.start()) + 1
            end = data.find(b"\n", found.end())
            yield bytes(data[start : len(data) if end < 0 else end])


def _with_one(data: bytearray, literal: bytes) -> Iterator[bytes]:
    for _, line in _places(data, literal):
        yield line


def _places(data: bytearray, literal: bytes) -> Iterator[tuple[int, bytes]]:
    place = data.find(literal)
    while place >= 0:
        start = data.rfind(b"\n", 0, place) + 1
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        yield start, bytes(data[start:end])
        place = data.find(literal, end)


def _bytes_of(block: Block, counts: Counts) -> bytearray:
    """The lines that begin in a block, whole."""
    assert block.end is not None
    # The line that the block before ends in belongs to it.
    begin = max(0, block.start - 1)
    length = block.end - begin
    data = bytearray(length + _AHEAD)
    with open(block.path, "rb", buffering=0) as file:
        if block.inode not in (0, os.fstat(file.fileno()).st_ino):
            raise FileNotFoundError(block.path)
        file.seek(begin)
        filled = _fill(file, data)
        del data[filled:]
        if block.start:
            first = data.find(b"\n", 0, length) + 1
            if not first:
                return bytearray()
            del data[:first]
            length -= first
        if len(data) <= length or not length or data[length - 1 : length] == b"\n":
            del data[length:]
            return data
        last = data.find(b"\n", length)
        if last < 0 and filled == block.end - begin + _AHEAD:
            return _with_long_line(file, data, counts)
        del data[len(data) if last < 0 else last + 1 :]
    return data


def _fill(file: FileIO, data: bytearray) -> int:
    filled = 0
    with memoryview(data) as view:
        while (count := file.readinto(view[filled:])) and filled < len(data):
            filled += count
    return filled


def _with_long_line(file: FileIO, data: bytearray, counts: Counts) -> bytearray:
    """The lines of a block with its last one, which is longer than what was read ahead."""
    begun = data.rfind(b"\n") + 1
    while len(data) - begun <= LONGEST and (piece := file.read(_PIECE)):
        end = piece.find(b"\n")
        data += piece if end < 0 else piece[: end + 1]
        if end >= 0:
            return data
    if len(data) - begun > LONGEST:
        counts[TOO_LONG] += 1
        del data[begun:]
    return data
