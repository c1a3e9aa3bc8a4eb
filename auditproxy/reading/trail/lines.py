"""Lines of a file, one at a time, however long, broken or packed it is; memory is bounded.

gzip          recognized by its first bytes; a damaged one is read up to the damage
a line of more than LONGEST bytes    is skipped and counted
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from auditproxy.reading.meaning.events import TOO_LONG, Counts

LONGEST = 128 * 1024 * 1024
"""Bytes of a line; the longest that kube-apiserver may write have two bodies of a few MiB."""
DAMAGED = "damaged"
"""Packed files that end too early or have other bytes in them."""
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_PIECE = 1 << 20
_DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile)


def is_packed(path: str) -> bool:
    """Whether a file begins as gzip does; raises OSError."""
    with open(path, "rb") as file:
        return file.read(2) == _GZIP


def is_saved(path: str) -> bool:
    """Whether a file begins as Parquet does; raises OSError."""
    with open(path, "rb") as file:
        return file.read(4) == _PARQUET


def lines_of(path: str, counts: Counts, longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of a file without their ends; raises OSError where it cannot be opened or read."""
    with open(path, "rb") as file:
        try:
            yield from _lines(_unpacked(file), counts, longest)
        except _DAMAGES:
            counts[DAMAGED] += 1


def text_of(path: str, counts: Counts) -> Iterator[str]:
    """The text of a file in pieces; raises OSError. Bytes that are not UTF-8 become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with open(path, "rb") as file, _unpacked(file) as stream:
        try:
            while piece := stream.read(_PIECE):
                text = decoder.decode(piece)
                if text:
                    yield text
        except _DAMAGES:
            counts[DAMAGED] += 1
        yield decoder.decode(b"", final=True)


def beginning_of(path: str, size: int) -> bytes:
    """The first bytes of a file, unpacked; raises OSError."""
    with open(path, "rb") as file, _unpacked(file) as stream:
        try:
            return stream.read(size)
        except _DAMAGES:
            return b""


def _unpacked(file: BinaryIO) -> BinaryIO:
    """The file, or what is packed in it; in a packed file perhaps another one."""
    packed = file.read(2) == _GZIP
    file.seek(0)
    if not packed:
        return file
    # Some exports are packed twice.
    inner = gzip.GzipFile(fileobj=file)
    try:
        is_twice = inner.read(2) == _GZIP
    except _DAMAGES:
        is_twice = False
    file.seek(0)
    outer = gzip.GzipFile(fileobj=file)
    return cast("BinaryIO", gzip.GzipFile(fileobj=outer, mode="rb") if is_twice else outer)


def _lines(stream: BinaryIO, counts: Counts, longest: int) -> Iterator[bytes]:
    while line := stream.readline(longest + 1):
        if len(line) > longest and not line.endswith(b"\n"):
            counts[TOO_LONG] += 1
            del line
            while (rest := stream.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            continue
        yield line.rstrip(b"\r\n")
