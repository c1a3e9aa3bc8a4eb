"""DurableFile: a rotating file whose lines are on the disk when ``commit`` returns.

    settled --write--> appended --fdatasync--> settled
                       appended --a fault--> doubtful, closed --opened again, cut back--> settled

What is settled is promised. What is not is cut off again after a fault, on a descriptor of its
own, so that its owner can write it again or say that it is not there. One thread uses it.
"""

import contextlib
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auditproxy.apis.units import MEBIBYTE
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.oldfiles import COMPRESSED
from auditproxy.backends.logfiles.room import fault_of_room
from auditproxy.backends.logfiles.rotation import RotatingFile
from auditproxy.backends.logfiles.tails import is_torn, whole_length

LONGEST_WRITE = MEBIBYTE
"""Bytes of lines in one write; a line that is longer is written by itself."""

_ATTEMPTS = 3
"""How often lines are written to a file that is deleted meanwhile."""

Line = bytes | tuple[bytes, ...]
"""A line, or its parts."""


def size_of(line: Line) -> int:
    """Bytes of a line."""
    return len(line) if isinstance(line, bytes) else sum(map(len, line))


class _DeletedError(Exception):
    """The file was deleted by another process, with what was appended to it."""


class CommitError(Exception):
    """Of the lines of a commit only the first ``committed`` are in the file; ``fault`` says why."""

    def __init__(self, committed: int, fault: OSError) -> None:
        super().__init__(fault)
        self.committed = committed
        self.fault = fault


class DurableFile(RotatingFile):
    """A RotatingFile whose lines are handed over by ``commit``; ``disk`` syncs them.

    It leads to a regular file, in a folder that can be read, and no other process has it.
    """

    def __init__(self, path: Path, *, disk: Disk, **limits: Any) -> None:
        super().__init__(path, **limits)
        self._disk = disk
        self._appended = 0
        self.settled_lines = 0
        """How many lines of the last commit the disk has."""
        self.begun: list[int] = []
        """Which lines of the last commit were the first of another file."""
        self._files_begun = 0
        self._settled_size = 0
        self._is_doubtful = False
        self._folder_is_due = True

    @property
    def longest_line(self) -> int:
        """Bytes that a line may have; 0 without a limit."""
        return self._maximum_size

    def ensure(self) -> None:
        """As in RotatingFile, and have the disk know of the file; raises OSError."""
        super().ensure()
        self._files_begun = self.files
        self._settle_folder()
        with contextlib.suppress(PermissionError):
            # A folder that was made for it is a name in another, which we may read then.
            self._disk.sync_folder(self.path.absolute().parent.parent)

    def commit(self, lines: Sequence[Line]) -> None:
        """Append lines, and return when the disk has them; raises CommitError.

        Lines that are not among ``committed`` are not in the file when it is opened again.
        """
        self._appended = self.settled_lines = 0
        self.begun.clear()
        try:
            for _ in range(_ATTEMPTS):
                self._appended = self.settled_lines
                with contextlib.suppress(_DeletedError):
                    self._append(lines)
                    break
            else:
                raise FileNotFoundError(errno.ENOENT, "deleted again and again", str(self.path))
        except OSError as fault:
            self._doubt()
            raise CommitError(self.settled_lines, fault) from None
        except Exception:
            # A fault of ours leaves as little behind.
            self._doubt()
            raise

    def checkpoint(self) -> None:
        """For who signs what the file has (chained.py)."""

    def watch(self) -> str:
        """Look after a file to which nothing is written; why a line could not be, "" as a rule."""
        try:
            if self._descriptor < 0:
                self._open()
            else:
                self._check()
            if self._folder_is_due:
                self._settle_folder()
        except OSError as error:
            return (error.strerror or type(error).__name__).lower()
        return fault_of_room(self._descriptor, self.path.parent)

    # --- what is promised -----------------------------------------------------------

    def _append(self, lines: Sequence[Line]) -> None:
        """Write what is not settled of the lines, and settle it; raises OSError."""
        if self._descriptor < 0:
            self._open()
        else:
            self._check()
        while self._appended < len(lines):
            piece, count = self._piece(lines, self._appended)
            self.write(*piece)
            if self.files != self._files_begun:
                self._files_begun = self.files
                self.begun.append(self._appended)
            self._appended += count
        self._settle()

    def _piece(self, lines: Sequence[Line], first: int) -> tuple[tuple[bytes, ...], int]:
        """What goes out in one write, and into one file, from line ``first`` on; and how many
        lines that is. One in parts is by itself: it is large.
        """
        whole = lines[first]
        if not isinstance(whole, bytes):
            return whole, 1
        most = min(LONGEST_WRITE, self._maximum_size or LONGEST_WRITE)
        if self._maximum_size:
            room = self._maximum_size - self._size
            # What is full already is rotated by the next line, whatever follows it.
            most = min(most, room) if len(whole) < room else most
        size, piece = len(whole), [whole]
        for line in lines[first + 1 :]:
            if not isinstance(line, bytes) or size + len(line) > most:
                break
            size += len(line)
            piece.append(line)
        return (b"".join(piece),), len(piece)

    def _settle(self) -> None:
        self._disk.sync(self._descriptor)
        facts = os.fstat(self._descriptor)
        if not facts.st_nlink:
            # The disk has it, and no name leads to it. A file that was renamed is another matter.
            self._gone = "deleted"
            self.close()
            raise _DeletedError
        if self._folder_is_due:
            self._settle_folder()
        self.settled_lines = self._appended
        # The kernel's: where another process has written too, less would cut off what is promised.
        self._settled_size = facts.st_size

    def _settle_folder(self) -> None:
        self._disk.sync_folder(self.path.absolute().parent)
        self._folder_is_due = False

    def _doubt(self) -> None:
        """Take back what was appended and is not settled, and use another descriptor from now on.

        Where that cannot be done now, it is when the file is opened again.
        """
        self._is_doubtful = True
        self.close()
        with contextlib.suppress(OSError):
            self._open()

    # --- opening and rotation ---------------------------------------------------------

    def _check(self) -> None:
        if self._appended > self.settled_lines:
            self._settle()
        super()._check()

    def _open(self) -> None:
        identity, settled = self._identity, self._settled_size
        super()._open()
        try:
            if self._stream is not None:
                raise OSError(errno.EINVAL, "not a regular file", str(self.path))
            if not self._alone:
                text = "another process writes to it"
                raise BlockingIOError(errno.EWOULDBLOCK, text, str(self.path))
            if self._is_doubtful and self._identity == identity and self._size > settled:
                self._cut(settled)
                # Where another process had cut the file, this is not the end of a line.
                self._torn = is_torn(self.path, settled)
            if self._torn:
                self._cut(self._last_line_end())
        except OSError:
            self._identity, self._settled_size = identity, settled
            self.close()
            raise
        self._is_doubtful = False
        self._folder_is_due = True

    def _opened(self) -> None:
        super()._opened()
        self._settled_size = self._size

    def _cut(self, size: int) -> None:
        """Cut the file to whole lines."""
        os.ftruncate(self._descriptor, size)
        self._size = self._settled_size = size
        self._torn = False

    def _last_line_end(self) -> int:
        """Where the last whole line ends; nothing was promised of what a crash left behind it."""
        end = whole_length(self.path, self._size)
        size = self._size - end
        self._fault = f"{self.path} ended within a line: its {size} bytes were cut off"
        return end

    def _before_rotation(self) -> None:
        self._settle()

    def _aside(self) -> Path:
        """A name that no file has: nothing that was promised is replaced."""
        later = 0
        while True:
            name = self._old.next_name(later)
            if not (name.exists() or name.with_name(name.name + COMPRESSED).exists()):
                return name
            later += 1

    def _create(self, old: os.stat_result) -> int:
        self._folder_is_due = True
        return super()._create(old)
