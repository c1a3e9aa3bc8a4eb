"""Following: the lines of a log as they are written, across its rotation; each once, in order.

the same file, larger        what was added, to the last whole line
another file at the path     the rest of the old one, which is still open; then files that were
                             rotated in between, packed or not; then the new one
the same file, smaller       it was cut: from its beginning
no file                      wait
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from auditproxy.reading.meaning.events import TOO_LONG, Counts
from auditproxy.reading.trail.lines import LONGEST, lines_of
from auditproxy.reading.trail.sources import TrailFile, trail_file

_PIECE = 1 << 20
_PACKED = ".gz"
_TRIES = 100
"""Times that a folder is listed in which a file is rotated between each two."""


class Follower:
    """Follows one log; ``poll`` gives what is new. Close it at the end."""

    def __init__(self, file: TrailFile, start: int, counts: Counts) -> None:
        self._path = file.path
        self._origin = trail_file(file.path).origin
        self._counts = counts
        self._rest = b""
        self._file: BinaryIO | None = None
        self._known = frozenset(self._rotated())
        self._open(start)

    def poll(self) -> Iterator[bytes]:
        """The lines that are new, without their ends. Raises OSError."""
        if self._file is None:
            yield from self._go_on(None)
            return
        # Asked before the rest is read: what is written to the old file later is not lost.
        is_replaced = self._is_replaced(self._file)
        yield from self._new_lines(self._file)
        if not is_replaced:
            return
        if self._rest:
            # A line that its writer did not end before it went to another file.
            yield self._rest
            self._rest = b""
        ours, self._file = self._file, None
        with ours:
            identity = os.fstat(ours.fileno()).st_ino
            yield from self._go_on(identity)

    def _go_on(self, ours: int | None) -> Iterator[bytes]:
        """Continue with what came after the file ``ours``, None where there was none."""
        for _ in range(_TRIES):
            rotated = self._rotated()
            self._open(0)
            if self._rotated().keys() == rotated.keys():
                # So nothing came between the last of these and the file that is open now.
                break
        for path in self._missed(ours, rotated):
            yield from self._lines_of_rotated(path)
        if self._file is not None:
            yield from self._new_lines(self._file)

    def _lines_of_rotated(self, path: str) -> Iterator[bytes]:
        try:
            yield from lines_of(path, self._counts)
        except FileNotFoundError:
            if path.endswith(_PACKED):
                raise
            # It was packed since its folder was listed.
            yield from lines_of(path + _PACKED, self._counts)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, start: int) -> None:
        self.close()
        try:
            self._file = open(self._path, "rb", buffering=0)  # noqa: SIM115 - closed by close
        except FileNotFoundError:
            return
        self._file.seek(start)

    def _is_replaced(self, file: BinaryIO) -> bool:
        ours = os.fstat(file.fileno())
        if ours.st_size < file.tell():
            file.seek(0)
            self._rest = b""
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)

    def _new_lines(self, file: BinaryIO) -> Iterator[bytes]:
        while piece := file.read(_PIECE):
            *lines, rest = (self._rest + piece).split(b"\n")
            self._rest = rest
            if len(rest) > LONGEST:
                self._counts[TOO_LONG] += 1
                self._rest = b""
            yield from lines

    def _missed(self, ours: int | None, rotated: dict[str, str]) -> list[str]:
        """Files that were rotated after ours was, before it was polled again."""
        new = sorted(rotated.keys() - self._known)
        self._known = frozenset(rotated)
        if ours is None:
            return [rotated[place] for place in new]
        for place in sorted(rotated):
            if _inode(rotated[place]) == ours:
                return [rotated[later] for later in sorted(rotated) if later > place]
        # Ours was packed, and is the first of the new names.
        return [rotated[place] for place in new[1:]]

    def _rotated(self) -> dict[str, str]:
        """The rotated files of this log by their place; of a packed one and its plain one, one."""
        folder = os.path.dirname(self._path) or "."
        found: dict[str, str] = {}
        try:
            with os.scandir(folder) as entries:
                paths = [os.path.join(os.path.dirname(self._path), each.name) for each in entries]
        except FileNotFoundError:
            return found
        for path in sorted(paths):
            file = trail_file(path)
            if file.origin == self._origin and file.is_rotated:
                # The plain one sorts first, and is whole while the other one is being made.
                found.setdefault(file.place, path)
        return found


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return -1


def end_of_lines(path: str) -> int:
    """Where the last whole line of a file ends. Raises OSError."""
    with open(path, "rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position:
            start = max(0, position - _PIECE)
            file.seek(start)
            found = file.read(position - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            position = start
    return 0
