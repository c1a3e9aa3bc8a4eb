"""Records: the bytes of a segment, and how they are found again when some of them are damaged.

    segment  header, record, record, ...
    header   magic (8), sequence (8), first (8), flags (4), CRC-32 of these (4)
    record   mark (4), length (4), CRC-32 of mark, length and line (4), line

Numbers are big-endian. A mark begins with 0xFF, which no line has, because lines are UTF-8: behind
damage the next record is found by its mark. ``first`` is the number of the first event, counted
over all segments of a folder, so that what is missing at the end of one is known from the next.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from auditproxy.apis.units import MEBIBYTE

MAGIC = b"\x89APSPL1\n"
EVENT, GAP = b"\xffEVT", b"\xffGAP"
"""Marks: of an event, and of an event that stands for missing ones, which has no number."""

_MARKS = re.compile(b"|".join(map(re.escape, (EVENT, GAP))))
_HEADER = struct.Struct(">8sQQII")
_RECORD = struct.Struct(">4sII")
HEADER_SIZE = _HEADER.size
RECORD_SIZE = _RECORD.size
"""Bytes that a record has beside its line."""
HIGHEST = 2**62
"""No number of a segment or of an event is higher; one that is read and is has been damaged."""
LONGEST_LINE = 256 * MEBIBYTE
"""Bytes of a line; a record that says to have more is damaged, and is not read."""
REPLACES = 1
"""A flag: the segments before this one are of no use any more."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment's first bytes say."""

    sequence: int
    first: int
    flags: int = 0


@dataclass(frozen=True, slots=True)
class SpoolRecord:
    """A whole record; ``end`` is where the next one begins."""

    mark: bytes
    line: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes in which no record was found, up to ``end``."""

    start: int
    end: int


def header(value: Header) -> bytes:
    """The bytes of a header."""
    begin = _HEADER.pack(MAGIC, value.sequence, value.first, value.flags, 0)[:-4]
    return begin + zlib.crc32(begin).to_bytes(4, "big")


def read_header(content: bytes) -> Header | None:
    """The header that a segment begins with; None if it is not whole."""
    if len(content) < HEADER_SIZE:
        return None
    magic, sequence, first, flags, check = _HEADER.unpack_from(content)
    if magic != MAGIC or zlib.crc32(content[: HEADER_SIZE - 4]) != check:
        return None
    if max(sequence, first) > HIGHEST:
        return None
    return Header(sequence, first, flags)


def record(mark: bytes, line: bytes) -> bytes:
    """The bytes of a record."""
    size = len(line).to_bytes(4, "big")
    check = zlib.crc32(line, zlib.crc32(mark + size))
    return _RECORD.pack(mark, len(line), check) + line


def next_record(content: bytes, start: int, *, is_whole: bool) -> SpoolRecord | Damage | None:
    """The record at ``start``, or the damage that is there; never raises.

    None at the end, and where the bytes that follow would decide: ``is_whole`` says that there are
    none. Damage reaches to the next whole record, or to the end.
    """
    if start >= len(content):
        return None
    found = _record_at(content, start)
    if isinstance(found, SpoolRecord):
        return found
    if found and not is_whole:
        return None
    for mark in _MARKS.finditer(content, start + 1):
        if isinstance(_record_at(content, mark.start()), SpoolRecord):
            return Damage(start, mark.start())
    return Damage(start, len(content)) if is_whole else None


def _record_at(content: bytes, start: int) -> SpoolRecord | bool:
    """The whole record at a place; else whether more bytes could complete one.

    A line ends at the first byte that none has: with any number of marks in what is damaged, each
    byte is read a few times and not once for each of them.
    """
    if len(content) - start < RECORD_SIZE:
        mark = content[start : start + 4]
        return EVENT.startswith(mark) or GAP.startswith(mark)
    mark, size, check = _RECORD.unpack_from(content, start)
    if mark not in (EVENT, GAP) or size > LONGEST_LINE:
        return False
    begin, end = start + RECORD_SIZE, start + RECORD_SIZE + size
    if content.find(b"\xff", begin, end) >= 0:
        return False
    if end > len(content):
        return True
    line = content[begin:end]
    if zlib.crc32(line, zlib.crc32(content[start : start + 8])) != check:
        return False
    return SpoolRecord(mark, line, end)
