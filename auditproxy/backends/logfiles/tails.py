"""The ends of files of lines: torn ones, the last line, and the first.

No more is read of a file than a line may have: what is there may be of another program, or be
written to make the start hold all of it.
"""

import errno
import gzip
import os
from collections.abc import Iterable
from pathlib import Path

from auditproxy.apis.units import MEBIBYTE
from auditproxy.backends.logfiles.regular import open_regular

BLOCK = MEBIBYTE // 16
"""Bytes that are read at a time."""
LONGEST_LINE = 256 * MEBIBYTE
"""Bytes of a line, or of a torn one; those that the proxy writes have two bodies at most."""


class NotLinesError(OSError):
    """A file has more without the end of a line than a line may have."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "it does not consist of lines", str(path))


def is_torn(path: Path, size: int) -> bool:
    """Whether a file of ``size`` bytes ends within a line; False where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return bool(size) and os.pread(descriptor, 1, size - 1) not in (b"\n", b"")
    except OSError:
        return False
    finally:
        os.close(descriptor)


def whole_length(path: Path, size: int) -> int:
    """The bytes of a file of ``size`` bytes up to the end of its last whole line.

    Raises OSError; NotLinesError where more than LONGEST_LINE bytes would follow it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _line_end(descriptor, size, path)
    finally:
        os.close(descriptor)


def last_line(paths: Iterable[Path]) -> bytes:
    """The last whole line of the first file that has one, with its newline; b"" without any.

    A file that ends in ``.gz`` is unpacked. Raises OSError, also where it is not a regular file,
    NotLinesError and EOFError.
    """
    for path in paths:
        line = _last_of_packed(path) if path.suffix == ".gz" else _last_of(path)
        if line:
            return line
    return b""


def first_line(path: Path) -> bytes:
    """The first line of a file, with its newline unless it is torn; b"" of an empty one.

    A file that ends in ``.gz`` is unpacked so far. Raises OSError, also where it is not a
    regular file, NotLinesError and EOFError.
    """
    with open(open_regular(path), "rb") as raw:
        file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        line = file.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise NotLinesError(path)
    return line


def _last_of(path: Path) -> bytes:
    descriptor = open_regular(path)
    try:
        end = _line_end(descriptor, os.fstat(descriptor).st_size, path)
        begin = _line_end(descriptor, end - 1, path) if end else 0
        if end - begin > LONGEST_LINE:
            raise NotLinesError(path)
        return os.pread(descriptor, end - begin, begin)
    finally:
        os.close(descriptor)


def _last_of_packed(path: Path) -> bytes:
    last, rest = b"", bytearray()
    with open(open_regular(path), "rb") as raw, gzip.open(raw) as file:
        while piece := file.read(BLOCK):
            before = len(rest)
            rest += piece
            end = rest.rfind(b"\n", before) + 1
            if end:
                last = bytes(rest[rest.rfind(b"\n", 0, end - 1) + 1 : end])
                del rest[:end]
            if max(len(last), len(rest)) > LONGEST_LINE:
                raise NotLinesError(path)
    return last


def _line_end(descriptor: int, size: int, path: Path) -> int:
    """The offset behind the last newline of the first ``size`` bytes, 0 without one."""
    least, end = max(0, size - LONGEST_LINE - 1), size
    while end > least:
        # The byte before the end is enough, as a rule.
        begin = end - 1 if end == size else max(least, end - BLOCK)
        at = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    if least:
        raise NotLinesError(path)
    return 0
