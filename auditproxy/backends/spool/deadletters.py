"""Dead letters: events that the receiver refuses by themselves, one line each in a file.

The file is for people: when it is full, what comes next waits until it is moved away.
"""

import errno
import os
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.regular import open_regular

MAXIMUM_BYTES = 64 * 1024 * 1024
"""Bytes of the file; one event alone may have more."""
NAME = "dead-letters.jsonl"


class DeadLettersFullError(Exception):
    """The file has no room for another."""


class DeadLetters:
    """The file in a folder; one thread uses it."""

    def __init__(self, folder: Path, disk: Disk, *, maximum_bytes: int = MAXIMUM_BYTES) -> None:
        self._path = folder / NAME
        self._disk = disk
        self._maximum_bytes = maximum_bytes

    def append(self, line: bytes) -> None:
        """Append a line, and return when the disk has it.

        Raises OSError, DeadLettersFullError.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = open_regular(self._path, flags)
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(line) >= self._maximum_bytes:
                raise DeadLettersFullError
            torn = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
            content = (b"\n" if torn else b"") + line + b"\n"
            if os.write(descriptor, content) != len(content):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._disk.sync(descriptor)
            if not size:
                self._disk.sync_folder(self._path.parent)
        finally:
            os.close(descriptor)
