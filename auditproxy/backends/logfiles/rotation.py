"""A log file that rotates itself, name for name as lumberjack 2.2.1 does for kube-apiserver.

    closed --write--> open --size + line > maximum--> renamed aside, recreated --> open
                      open --rename fails--> open, keeps growing, tried again in a second
                      open --deleted or replaced by another process--> closed, reopened
                      open --reopen (SIGHUP), unless a FIFO or device--> closed

A line stands whole or not at all: it is written by one call to the kernel, a large one
by one for each of its parts, and a short write is cut back. Where it cannot be, because
another process has written behind it, the next line begins on a line of its own. Old files
are looked after where ``in_background`` puts it, never between two lines.
"""

import contextlib
import datetime
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from auditproxy.backends.logfiles.appending import (
    BrokenOffError,
    MixedLineError,
    append_parts,
    cut_back,
)
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.locks import lock
from auditproxy.backends.logfiles.oldfiles import OldFiles, Work
from auditproxy.backends.logfiles.room import fault_of_room
from auditproxy.backends.logfiles.stream import Stream
from auditproxy.backends.logfiles.tails import is_torn

CHECK_INTERVAL = 1.0
"""Seconds between two checks that the file is still the one at its path, and between two
attempts to rotate a file that could not be renamed."""

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class LineTooLongError(ValueError):
    """A line is longer than a whole file may be, which is ``maximum`` bytes."""

    def __init__(self, length: int, maximum: int) -> None:
        super().__init__(f"write length {length} exceeds maximum file size {maximum}")
        self.maximum = maximum


class ShortWriteError(OSError):
    """The kernel took only a part of a line; the part was cut off again."""


class RotatingFile:
    """The file at ``path``; sizes in bytes, ages in days, 0 meaning no limit.

    ``now`` gives the wall clock in UTC for names, ``monotonic`` seconds;
    ``on_reopened`` hears why the file was opened again, or that it was truncated. A path that
    leads to no regular file (a FIFO, a device) is written to and never rotated.
    """

    def __init__(
        self,
        path: Path,
        *,
        maximum_size: int,
        maximum_backups: int,
        maximum_age: int,
        compress: bool,
        now: Callable[[], datetime.datetime],
        monotonic: Callable[[], float],
        in_background: Callable[[Work], None],
        on_reopened: Callable[[str], None],
    ) -> None:
        self.path = path
        self._maximum_size = maximum_size
        self._monotonic = monotonic
        self._on_reopened = on_reopened
        self._old = OldFiles(
            path,
            maximum_backups=maximum_backups,
            maximum_age=maximum_age,
            compress=compress,
            now=now,
            in_background=in_background,
        )
        self._descriptor = -1
        self._stream: Stream | None = None
        self._size = 0
        self._identity = (0, 0)
        self._just_opened = False
        self._torn = False
        self._alone = True
        self._checked = 0.0
        self._rotate_again = 0.0
        self._gone = ""
        self._milled = False
        self._fault = ""
        self.files = 0
        """How many files were begun or taken up, one after the other."""

    def ensure(self) -> None:
        """Open the file, made 0600 in folders made 0700 where missing; raises OSError.

        A file that another process of ours writes to is refused: both would rotate it.
        """
        self._open()
        if not self._alone:
            self.close()
            text = "another process writes to it"
            raise BlockingIOError(errno.EWOULDBLOCK, text, str(self.path))

    def write(self, line: bytes, /, *more: bytes) -> None:
        """Append one line, whole, in one or more parts; raises OSError or LineTooLongError and
        leaves no part of it.
        """
        length, maximum = len(line), self._maximum_size
        if more:
            length += sum(map(len, more))
        if maximum and length > maximum:
            raise LineTooLongError(length, maximum)
        if self._descriptor < 0:
            self._open()
        elif self._monotonic() - self._checked >= CHECK_INTERVAL:
            self._check()
        if self._stream is not None:
            self._stream.write(line, *more)
            return
        if not self._milled:
            self._milled = True
            self._mill_later()
        if self.rotates_for(length):
            self._rotate()
        self._just_opened = False
        if self._torn:
            line, length = b"\n" + line, length + 1
        try:
            if more:
                written = append_parts(self._descriptor, (line, *more))
            else:
                written = os.write(self._descriptor, line)
        except MixedLineError:
            self._torn = True
            # What is left of it takes room too. A size that has shrunk is _check's to find.
            self._size = max(self._size, os.fstat(self._descriptor).st_size)
            raise
        except OSError as error:
            if isinstance(error, BrokenOffError):
                self._take_back(error.written)
            if error.errno in (errno.EIO, errno.ESTALE):
                # This descriptor may never work again; the next line opens another.
                self.close()
            raise
        if written != length:
            self._take_back(written)
            raise ShortWriteError(f"short write: {written} of {length} bytes")
        self._torn = False
        self._size += written

    def _take_back(self, written: int) -> None:
        self._size, is_cut = cut_back(self._descriptor, written, self._size)
        self._torn = self._torn or not is_cut

    def rotates_for(self, length: int) -> bool:
        """Whether the file, as it was opened last, has no room for a line of so many bytes."""
        room = self._maximum_size - self._size
        # The file that was found at opening must not even get full.
        is_full = length > room or (self._just_opened and length == room and self._size > 0)
        return bool(self._maximum_size) and self._stream is None and is_full

    @property
    def is_regular(self) -> bool:
        """Whether the path leads to a file, as it was opened last."""
        return self._stream is None

    def take_fault(self) -> str:
        """A fault that lost no line, returned once; usually ""."""
        fault, self._fault = self._fault, ""
        return fault

    @property
    def may_stall(self) -> bool:
        """Whether the path leads to something with a reader, as it was opened last."""
        stream = self._stream
        return stream is not None and stream.may_stall

    def probe(self, *, may_open: bool = True) -> str:
        """Why a line could not be written now; "" when no fault is known.

        Without ``may_open`` any thread may call it, and only a FIFO's reader is checked.
        """
        stream = self._stream
        if stream is not None:
            return stream.probe()
        if not may_open:
            return ""
        try:
            if self._descriptor < 0:
                self._open()
        except OSError as error:
            return (error.strerror or type(error).__name__).lower()
        return fault_of_room(self._descriptor, self.path.parent)

    def sync(self, disk: Disk) -> None:
        """Return when the disk has what was written since the last rotation; raises OSError."""
        if self._descriptor >= 0:
            disk.sync(self._descriptor)
            disk.sync_folder(self.path.absolute().parent)

    def reopen(self) -> None:
        """Close the file, so that the next line opens whatever is at the path then.

        A FIFO or device that is still at the path stays open: its reader would leave at its end.
        """
        if self._stream is not None and self._is_in_place():
            return
        self.close()
        self._on_reopened("signal")

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        self._stream = None
        if descriptor >= 0:
            try:
                os.close(descriptor)
            except OSError as error:
                # Network file systems report here that data which they accepted is lost.
                self._fault = f"closing {self.path}: {(error.strerror or str(error)).lower()}"

    # --- opening -------------------------------------------------------------------

    def _open(self) -> None:
        """Open or create the file; its size decides when it is rotated."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # O_NONBLOCK: a FIFO without a reader is an error, not a wait without end.
        self._descriptor = os.open(self.path, _APPEND | os.O_NONBLOCK, 0o600)
        os.set_blocking(self._descriptor, True)
        self._opened()
        self._just_opened = True
        if self._stream is None:
            self._alone = lock(self._descriptor)
            self._torn = is_torn(self.path, self._size)
        if self._gone:
            reason, self._gone = self._gone, ""
            self._on_reopened(reason)

    def _opened(self) -> None:
        facts = os.fstat(self._descriptor)
        regular = stat.S_ISREG(facts.st_mode)
        self._stream = None if regular else Stream(self._descriptor)
        self._size = facts.st_size if regular else 0
        identity = (facts.st_dev, facts.st_ino)
        self.files += self._size == 0 or identity != self._identity
        self._identity = identity
        self._checked = self._monotonic()

    def _is_in_place(self) -> bool:
        """Whether the path leads to what is open."""
        try:
            facts = os.stat(self.path)
        except OSError:
            return False
        return (facts.st_dev, facts.st_ino) == self._identity

    def _check(self) -> None:
        """Open again when the path no longer leads to the file that is written to."""
        self._checked = self._monotonic()
        try:
            facts = os.stat(self.path)
        except OSError:
            # Whatever hides the file from us hides it from its readers.
            reason = "deleted"
        else:
            reason = "" if (facts.st_dev, facts.st_ino) == self._identity else "replaced"
            if not reason and stat.S_ISREG(facts.st_mode) and facts.st_size < self._size:
                # O_APPEND continues at its end, which may be within a line.
                self._size = facts.st_size
                self._torn = is_torn(self.path, self._size)
                self._on_reopened("truncated")
        if reason:
            # Closed first: if it cannot be opened, lines are lost and counted, not
            # written to a file that is not at the path.
            self._gone = reason
            self.close()
            self._open()

    # --- rotation ------------------------------------------------------------------

    def _rotate(self) -> None:
        """Rename the file aside and continue with a new one of the same mode and owner.

        A file that cannot be renamed, such as a mount point, keeps growing instead:
        kube-apiserver loses every event from then on.
        """
        now = self._monotonic()
        if now < self._rotate_again:
            return
        self._before_rotation()
        facts = os.fstat(self._descriptor)
        aside = self._aside()
        renamed = False
        try:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path, aside)
                renamed = True
            descriptor = self._create(facts)
        except OSError as error:
            if renamed:
                with contextlib.suppress(OSError):
                    os.replace(aside, self.path)
            self._rotate_again = now + CHECK_INTERVAL
            self._fault = (
                f"{self.path} cannot be rotated and keeps growing: "
                f"{(error.strerror or str(error)).lower()}"
            )
            return
        self.close()
        self._descriptor = descriptor
        self._torn = False
        self._opened()
        self._mill_later()

    def _before_rotation(self) -> None:
        """For those who have more to do with the file before it is renamed; may raise OSError."""

    def _aside(self) -> Path:
        """The name that the file gets; one that exists already is replaced, as in lumberjack."""
        return self._old.next_name()

    def _create(self, old: os.stat_result) -> int:
        """A new, empty file at the path, with the lock, mode and owner of the old one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(old.st_mode)
        descriptor = os.open(self.path, _APPEND | os.O_TRUNC, mode)
        lock(descriptor)
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)
            os.fchown(descriptor, old.st_uid, old.st_gid)
        return descriptor

    def _mill_later(self) -> None:
        """Look after old files; without rotation they are not ours to remove."""
        if self._maximum_size:
            self._old.mill_later()
