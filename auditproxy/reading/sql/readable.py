"""Readable: which files the database reads as we do, and lines as it reads them.

It passes over a line that has bytes which are not UTF-8, half of a pair of surrogates, or NULs in
front, and does not say so. The body of a patch is logged as the client sent it, so a client could
hide its event from SQL that way. A file with such a line is written anew.
"""

import os
import re

from auditproxy.reading.meaning.events import NATIVE_START

LONGEST_OBJECT = 16 * 1024 * 1024
"""Bytes of a line that the database reads; its buffers are as large."""
_PIECE = 1 << 16
_SURROGATE = re.compile(rb"\\u[dD]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of a text: a pair of surrogates, half of one, or any other."""


def is_readable(path: str) -> bool:
    """Whether the database reads each line: events in plain text, and none too long."""
    with open(path, "rb") as file:
        if file.read(len(NATIVE_START)) != NATIVE_START:
            return False
        file.seek(0)
        if _has_long_line(file.fileno()):
            return False
        while piece := file.read(_PIECE):
            # An escape ends on its line.
            if not is_plain(piece + file.readline()):
                return False
    return True


def is_plain(lines: bytes) -> bool:
    """Whether whole lines have nothing for which the database passes over one."""
    if b"\0" in lines:
        return False
    if not lines.isascii():
        try:
            lines.decode()
        except UnicodeDecodeError:
            return False
    if _SURROGATE.search(lines) is None:
        return True
    return not any(found[1] for found in _ESCAPE.finditer(lines))


def plain(line: bytes) -> bytes:
    """A line as the database reads it, with U+FFFD for what is not UTF-8, as Go has it."""
    if is_plain(line):
        return line
    text = line.replace(b"\0", b"").decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)


def _has_long_line(descriptor: int) -> bool:
    """Whether a line may be too long: sampled at each LONGEST_OBJECT / 2, a line that spans two."""
    size = os.fstat(descriptor).st_size
    step = LONGEST_OBJECT // 2
    return any(
        b"\n" not in _window(descriptor, start, step) for start in range(0, size - step, step)
    )


def _window(descriptor: int, start: int, length: int) -> bytes:
    """The bytes there, up to the first line end if there is one near."""
    near = os.pread(descriptor, 1 << 16, start)
    return near if b"\n" in near else os.pread(descriptor, length, start)
