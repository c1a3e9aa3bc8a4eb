"""Lines of a file, one at a time, however long, broken or packed it is; memory is bounded.

packed        recognized by its first bytes; a damaged file is read up to the damage
a line of more than LONGEST bytes    is skipped and counted
"""

import codecs
from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO, cast

from auditproxy.reading.meaning.events import TOO_LONG, Counts
from auditproxy.reading.trail.packing import DAMAGES, TooMuchError, unpacked
from auditproxy.reading.trail.packing import is_packed as is_packed
from auditproxy.reading.trail.regular import opened

LONGEST = 128 * 1024 * 1024
"""Bytes of a line; the longest that kube-apiserver may write have two bodies of a few MiB."""
DAMAGED = "damaged"
"""Packed files that end too early or have other bytes in them."""
TOO_MUCH = "too-much"
"""Packed files that unpack to more bytes than a log can."""
_PARQUET = b"PAR1"
_PIECE = 1 << 20


def is_saved(path: str) -> bool:
    """Whether a file begins as Parquet does; raises OSError."""
    with opened(path) as file:
        return file.read(4) == _PARQUET


def lines_of(
    path: str, counts: Counts, longest: int = LONGEST, *, each_blank: bool = False
) -> Iterator[bytes]:
    """The lines of a file without their ends; raises OSError where it cannot be opened or read.

    Blank lines that follow each other may come as one, but for ``each_blank``.
    """
    with opened(path) as file:
        try:
            yield from _lines(unpacked(file), counts, longest, each_blank)
        except DAMAGES as error:
            counts[TOO_MUCH if isinstance(error, TooMuchError) else DAMAGED] += 1


def text_of(path: str, counts: Counts) -> Iterator[str]:
    """The text of a file in pieces; raises OSError. Bytes that are not UTF-8 become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with opened(path) as file, unpacked(file) as stream:
        try:
            while piece := stream.read(_PIECE):
                text = decoder.decode(piece)
                if text:
                    yield text
        except DAMAGES as error:
            counts[TOO_MUCH if isinstance(error, TooMuchError) else DAMAGED] += 1
        yield decoder.decode(b"", final=True)


def beginning_of(path: str, size: int) -> bytes:
    """The first bytes of a file, unpacked; raises OSError."""
    with opened(path) as file, unpacked(file) as stream:
        try:
            return stream.read(size)
        except DAMAGES:
            return b""


def _lines(stream: BinaryIO, counts: Counts, longest: int, each_blank: bool) -> Iterator[bytes]:
    while line := stream.readline(longest + 1):
        if len(line) > longest and not line.endswith(b"\n"):
            counts[TOO_LONG] += 1
            del line
            while (rest := stream.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            continue
        yield line.rstrip(b"\r\n")
        if each_blank or not line.isspace():
            continue
        # A packed log may have a million of them for each KiB on the disk.
        buffered = cast("BufferedReader", stream)
        while blank := blank_part(buffered.peek(1)):
            buffered.read(blank)
            yield b""


def blank_part(ahead: bytes) -> int:
    """The length of what ends with the last of the blank lines that some bytes begin with."""
    return ahead.rfind(b"\n", 0, len(ahead) - len(ahead.lstrip())) + 1
