"""Lines of a file, one at a time, however long, broken or packed it is; memory is bounded.

gzip          recognized by its first bytes; a damaged one is read up to the damage
a line of more than LONGEST bytes    is skipped and counted
"""

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from auditproxy.reading.events import TOO_LONG, Counts

LONGEST = 128 * 1024 * 1024
"""Bytes of a line; the longest that kube-apiserver may write have two bodies of a few MiB."""
DAMAGED = "damaged"
"""Packed files that end too early or have other bytes in them."""
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20


def is_packed(path: str) -> bool:
    """Whether a file begins as gzip does; raises OSError."""
    with open(path, "rb") as file:
        return file.read(2) == _GZIP


def lines_of(path: str, counts: Counts, longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of a file without their ends; raises OSError where it cannot be opened or read."""
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        stream = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
        try:
            yield from _lines(stream, counts, longest)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            counts[DAMAGED] += 1


def _lines(stream: BinaryIO, counts: Counts, longest: int) -> Iterator[bytes]:
    while line := stream.readline(longest + 1):
        if len(line) > longest and not line.endswith(b"\n"):
            counts[TOO_LONG] += 1
            del line
            while (rest := stream.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            continue
        yield line.rstrip(b"\r\n")
