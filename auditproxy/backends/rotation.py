"""A log file that rotates itself, name for name as lumberjack 2.2.1 does for kube-apiserver.

    closed --write--> open --size + line > maximum--> rename aside, create anew --> open
                      open --deleted or replaced from outside--> open (reopened)
                      open --reopen (SIGHUP)--> closed

A line is written by one call to the kernel and stands whole or not at all: a
short write is cut back. Removing and compressing old files runs where
``in_background`` puts it, never between two lines.
"""

import contextlib
import datetime
import gzip
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

MEBIBYTE = 1024 * 1024
CHECK_INTERVAL = 1.0
"""Seconds between two looks at whether the file is still the one at its path."""

_STAMP = "%Y-%m-%dT%H-%M-%S"
_STAMP_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}")
_DAY = datetime.timedelta(days=1)

Work = Callable[[], None]


class LineTooLongError(ValueError):
    """A line is longer than a whole file may be."""


class ShortWriteError(OSError):
    """The kernel took only a part of a line; the part was cut off again."""


class RotatingFile:
    """The file at ``path``; sizes in bytes, ages in days, 0 meaning no limit.

    ``now`` gives the wall clock in UTC for names, ``monotonic`` seconds;
    ``on_reopened`` hears why the file was opened again.
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
        self._maximum_backups = maximum_backups
        self._maximum_age = maximum_age
        self._compress = compress
        self._now = now
        self._monotonic = monotonic
        self._in_background = in_background
        self._on_reopened = on_reopened
        self._descriptor = -1
        self._size = 0
        self._identity = (0, 0)
        self._checked = 0.0
        self._milled = False

    def ensure(self) -> None:
        """Create folders (0700) and the file (0600) where they are missing; raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))

    def write(self, line: bytes) -> None:
        """Append one line, whole; raises OSError or LineTooLongError and leaves no part of it."""
        maximum = self._maximum_size
        if maximum and len(line) > maximum:
            raise LineTooLongError(f"write length {len(line)} exceeds maximum file size {maximum}")
        if self._descriptor < 0:
            self._open()
        elif self._monotonic() - self._checked >= CHECK_INTERVAL:
            self._check()
        if maximum and self._size + len(line) > maximum:
            self._rotate()
        written = os.write(self._descriptor, line)
        if written != len(line):
            self._cut_back()
            raise ShortWriteError(f"short write: {written} of {len(line)} bytes")
        self._size += written

    def reopen(self) -> None:
        """Close the file, so that the next line opens whatever is at the path then."""
        self.close()
        self._on_reopened("signal")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """Open or create the file; its size decides when it is rotated."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        self._opened()
        if not self._milled:
            self._milled = True
            self._mill_later()

    def _opened(self) -> None:
        facts = os.fstat(self._descriptor)
        self._size = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
        self._identity = (facts.st_dev, facts.st_ino)
        self._checked = self._monotonic()

    def _check(self) -> None:
        """Open again when the path no longer leads to the file that is written to."""
        self._checked = self._monotonic()
        try:
            facts = os.stat(self.path)
            reason = "" if (facts.st_dev, facts.st_ino) == self._identity else "replaced"
            if not reason and stat.S_ISREG(facts.st_mode) and facts.st_size < self._size:
                # Somebody truncated it; O_APPEND goes on at its end.
                self._size = facts.st_size
        except FileNotFoundError:
            reason = "deleted"
        if reason:
            self.close()
            self._open()
            self._on_reopened(reason)

    def _cut_back(self) -> None:
        """Take a torn line off the file's end."""
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.ftruncate(self._descriptor, self._size)

    def _rotate(self) -> None:
        """Rename the file aside and go on with a new one of the same mode and owner."""
        facts = os.fstat(self._descriptor)
        self.close()
        if self.path.exists():
            os.replace(self.path, self._backup_name())
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        mode = stat.S_IMODE(facts.st_mode)
        self._descriptor = os.open(self.path, flags, mode)
        os.fchmod(self._descriptor, mode)
        with contextlib.suppress(PermissionError):
            os.fchown(self._descriptor, facts.st_uid, facts.st_gid)
        self._opened()
        self._mill_later()

    def _backup_name(self) -> Path:
        """``audit-2026-11-23T13-16-39.368.log`` for ``audit.log``; milliseconds in UTC."""
        now = self._now()
        stamp = f"{now.strftime(_STAMP)}.{now.microsecond // 1000:03d}"
        stem, suffix = self._name_parts()
        return self.path.with_name(f"{stem}-{stamp}{suffix}")

    def _name_parts(self) -> tuple[str, str]:
        stem, dot, extension = self.path.name.rpartition(".")
        return (stem, dot + extension) if dot else (self.path.name, "")

    # --- old files ---------------------------------------------------------------

    def _mill_later(self) -> None:
        """Have old files removed and compressed, if anything of that is wanted."""
        if self._maximum_backups or self._maximum_age or self._compress:
            self._in_background(self.mill)

    def mill(self) -> None:
        """Remove files beyond number and age, compress the others; errors change nothing."""
        with contextlib.suppress(OSError):
            self._mill()

    def _mill(self) -> None:
        files = self._backups()
        keep = files
        if self._maximum_backups:
            names: list[str] = []
            keep = []
            for stamp, path in files:
                plain = path.name.removesuffix(".gz")
                if plain not in names:
                    names.append(plain)
                if len(names) <= self._maximum_backups:
                    keep.append((stamp, path))
        if self._maximum_age:
            oldest = self._now() - self._maximum_age * _DAY
            keep = [(stamp, path) for stamp, path in keep if stamp >= oldest]
        for file in files:
            if file not in keep:
                with contextlib.suppress(OSError):
                    file[1].unlink()
        if self._compress:
            for _, path in keep:
                if path.suffix != ".gz":
                    with contextlib.suppress(OSError):
                        compress_file(path)

    def _backups(self) -> list[tuple[datetime.datetime, Path]]:
        """Rotated files with the time of their names, newest first."""
        stem, suffix = self._name_parts()
        found = []
        for entry in os.scandir(self.path.parent):
            name = entry.name.removesuffix(".gz")
            if not name.startswith(f"{stem}-") or not name.endswith(suffix) or entry.is_dir():
                continue
            stamp = name[len(stem) + 1 : len(name) - len(suffix)]
            if _STAMP_PATTERN.fullmatch(stamp) is None:
                continue
            with contextlib.suppress(ValueError):
                moment = datetime.datetime.strptime(f"{stamp}+0000", f"{_STAMP}.%f%z")
                found.append((moment, Path(entry.path)))
        return sorted(found, key=lambda file: (file[0], file[1].name), reverse=True)


def compress_file(path: Path) -> None:
    """Gzip a file beside itself with its mode and owner; removes it, or the half-made result."""
    target = path.with_name(path.name + ".gz")
    facts = path.stat()
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", filename="") as packed,
            path.open("rb") as source,
        ):
            shutil.copyfileobj(source, packed, MEBIBYTE)
        target.chmod(stat.S_IMODE(facts.st_mode))
        with contextlib.suppress(PermissionError):
            os.chown(target, facts.st_uid, facts.st_gid)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    path.unlink()
