"""Appending one line to a regular file that is open with O_APPEND, and taking a torn one off it."""

import errno
import os
from collections.abc import Iterator, Sequence

from auditproxy.apis.units import MEBIBYTE

STEP = MEBIBYTE
"""Bytes that are written at once, unless one part has more."""


class MixedLineError(OSError):
    """Another process wrote to the file, or cut it, in the middle of a line."""


class BrokenOffError(OSError):
    """The kernel took ``written`` bytes of a line, and refused what follows them."""

    def __init__(self, refusal: OSError, written: int) -> None:
        super().__init__(refusal.errno, refusal.strerror)
        self.written = written


def append_parts(descriptor: int, parts: Sequence[bytes], at_once: int = STEP) -> int:
    """Append the parts of a line, some at a time; return how many of its bytes the kernel took.

    They are fewer where there is no room for more. One call for all of them would keep the core for
    as long as it lasts, which is a tenth of a second for 100 MiB, and other threads on that core
    would get it at the kernel's ticks alone. Raises OSError, which is BrokenOffError where some of
    it is written, and MixedLineError where what is written may not be one line.
    """
    written, start = 0, -1
    refusal: OSError | None = None
    for step in _steps(parts, at_once):
        if written and start < 0:
            start = _position(descriptor) - written
        try:
            count = os.writev(descriptor, step)
        except OSError as error:
            if not written:
                raise
            refusal = error
            break
        written += count
        if count < sum(map(len, step)):
            break
    if start >= 0 and _position(descriptor) != start + written:
        raise MixedLineError(errno.EBUSY, "another process changed the file within a line")
    if refusal is not None:
        raise BrokenOffError(refusal, written)
    return written


def _position(descriptor: int) -> int:
    """Where the last write through this descriptor ended."""
    return os.lseek(descriptor, 0, os.SEEK_CUR)


def _steps(parts: Sequence[bytes], at_once: int) -> Iterator[Sequence[bytes]]:
    """The parts, as many at a time as are written at once."""
    first = size = 0
    for number, part in enumerate(parts):
        if size and size + len(part) > at_once:
            yield parts[first:number]
            first, size = number, 0
        size += len(part)
    yield parts[first:]


def cut_back(descriptor: int, written: int, size: int) -> tuple[int, bool]:
    """Take the bytes written last off the file's end, if they still are its end.

    Returns the size of the file, ``size`` where it cannot be known, and whether they are cut off.
    Their start comes from the kernel: a size that was counted is not correct any more when another
    process has truncated the file, and cutting to it would fill a hole with zeros.
    """
    try:
        end = _position(descriptor)
        size = os.fstat(descriptor).st_size
        if size == end:
            os.ftruncate(descriptor, end - written)
            return end - written, True
    except OSError:
        pass
    return size, False
