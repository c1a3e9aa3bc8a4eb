"""The ends of files of lines: torn ones, the last line, and the first."""

import gzip
import os
from collections.abc import Iterable
from pathlib import Path

from auditproxy.apis.units import MEBIBYTE
from auditproxy.backends.logfiles.regular import open_regular

BLOCK = MEBIBYTE // 16
"""Bytes that are read at a time, backwards."""


def whole_length(path: Path, size: int) -> int:
    """The bytes of a file of ``size`` bytes up to the end of its last whole line.

    ``size`` where the file cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return size
    try:
        return _line_end(descriptor, size)
    except OSError:
        return size
    finally:
        os.close(descriptor)


def last_line(paths: Iterable[Path]) -> bytes:
    """The last whole line of the first file that has one, with its newline; b"" without any.

    A file that ends in ``.gz`` is unpacked. Raises OSError, also where it is not a regular file,
    and EOFError.
    """
    for path in paths:
        line = _last_of_packed(path) if path.suffix == ".gz" else _last_of(path)
        if line:
            return line
    return b""


def first_line(path: Path) -> bytes:
    """The first line of a file, with its newline unless it is torn; b"" of an empty one.

    A file that ends in ``.gz`` is unpacked so far. Raises OSError, also where it is not a
    regular file, and EOFError.
    """
    with open(open_regular(path), "rb") as raw:
        return (gzip.open(raw) if path.suffix == ".gz" else raw).readline()


def _last_of(path: Path) -> bytes:
    descriptor = open_regular(path)
    try:
        end = _line_end(descriptor, os.fstat(descriptor).st_size)
        begin = _line_end(descriptor, end - 1) if end else 0
        return os.pread(descriptor, end - begin, begin)
    finally:
        os.close(descriptor)


def _last_of_packed(path: Path) -> bytes:
    last = b""
    with open(open_regular(path), "rb") as raw, gzip.open(raw) as file:
        for line in file:
            if line.endswith(b"\n"):
                last = line
    return last


def _line_end(descriptor: int, size: int) -> int:
    """The offset behind the last newline of the first ``size`` bytes, 0 without one."""
    end = size
    while end > 0:
        # The byte before the end is enough, as a rule.
        begin = end - 1 if end == size else max(0, end - BLOCK)
        at = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0
