"""Rotated files: their names, and which of them stay, as lumberjack 2.2.1 has it.

    idle --later--> running --later--> running, and once more
                    running --done, nothing asked for meanwhile--> idle

Only one thread at a time removes and compresses: two would take each other's
half-made archives for finished ones.
"""

import contextlib
import datetime
import gzip
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.regular import open_regular

BLOCK = 1024 * 1024
"""Bytes that are compressed at a time."""

COMPRESSED = ".gz"

_STAMP = "%Y-%m-%dT%H-%M-%S"
_STAMP_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}", re.ASCII)
_DAY = datetime.timedelta(days=1)
AHEAD = _DAY
"""How much later than now a file may be named for the next one to be named behind it."""
_MILLISECOND = datetime.timedelta(milliseconds=1)

_DISK = Disk()

Work = Callable[[], None]
Rotated = tuple[datetime.datetime, Path]
"""A rotated file with the time of its name."""


class OldFiles:
    """The rotated files of ``path``; ages in days, 0 meaning no limit."""

    def __init__(
        self,
        path: Path,
        *,
        maximum_backups: int,
        maximum_age: int,
        compress: bool,
        now: Callable[[], datetime.datetime],
        in_background: Callable[[Work], None],
    ) -> None:
        self._path = path
        self._maximum_backups = maximum_backups
        self._maximum_age = maximum_age
        self._compress = compress
        self._now = now
        self._in_background = in_background
        self._lock = threading.Lock()
        self._running = False
        self._wanted = False

    def next_name(self, later: int = 0) -> Path:
        """``audit-2026-11-23T13-16-39.368.log`` for ``audit.log``; milliseconds in UTC.

        ``later`` is how many milliseconds after this moment. Where the clock was set back, no more
        than AHEAD, the name is behind that of the newest file: names in order are files in order.
        """
        now = self._behind_the_newest(self._now()) + later * _MILLISECOND
        stamp = f"{now.strftime(_STAMP)}.{now.microsecond // 1000:03d}"
        stem, suffix = _name_parts(self._path.name)
        return self._path.with_name(f"{stem}-{stamp}{suffix}")

    def _behind_the_newest(self, now: datetime.datetime) -> datetime.datetime:
        """The moment, or the one behind the newest file that is not of a clock that was wrong."""
        with contextlib.suppress(OSError):
            for stamp, _ in rotated_files(self._path):
                if stamp <= now:
                    break
                if stamp <= now + AHEAD:
                    return stamp + _MILLISECOND
        return now

    def mill_later(self) -> None:
        """Have old files removed and compressed, if anything of that is wanted."""
        if not (self._maximum_backups or self._maximum_age or self._compress):
            return
        with self._lock:
            self._wanted = True
            if self._running:
                return
            self._running = True
        try:
            self._in_background(self._mill_while_wanted)
        except RuntimeError:
            # No thread can be started. The line that is being written matters more.
            with self._lock:
                self._running = False

    def _mill_while_wanted(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._running = False
                    return
                self._wanted = False
            self.mill()

    def mill(self) -> None:
        """Remove files beyond number and age, compress the others; errors change nothing."""
        with contextlib.suppress(OSError):
            files = rotated_files(self._path)
            keep = self._young_enough(self._few_enough(files))
            for file in files:
                if file not in keep:
                    with contextlib.suppress(OSError):
                        file[1].unlink()
            if self._compress:
                for _, path in keep:
                    if path.suffix != COMPRESSED:
                        with contextlib.suppress(OSError):
                            compress_file(path)

    def _few_enough(self, files: list[Rotated]) -> list[Rotated]:
        """The newest so many; a compressed file and its plain sibling count once."""
        if not self._maximum_backups:
            return files
        names: set[str] = set()
        keep = []
        for stamp, path in files:
            names.add(path.name.removesuffix(COMPRESSED))
            if len(names) <= self._maximum_backups:
                keep.append((stamp, path))
        return keep

    def _young_enough(self, files: list[Rotated]) -> list[Rotated]:
        if not self._maximum_age:
            return files
        try:
            oldest = self._now() - self._maximum_age * _DAY
        except OverflowError:
            # Before the first day of the calendar: no file is that old.
            return files
        return [(stamp, path) for stamp, path in files if stamp >= oldest]


def rotated_files(path: Path) -> list[Rotated]:
    """The rotated files of a log, newest first; raises OSError."""
    found = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            moment = moment_of(entry.name, path.name)
            if moment is not None and not entry.is_dir():
                found.append((moment, Path(entry.path)))
    return sorted(found, key=lambda file: (file[0], file[1].name), reverse=True)


def older_files(path: Path) -> list[Path]:
    """The same without their times, and without archives that are not finished."""
    return without_doubles(older for _, older in rotated_files(path))


def without_doubles(paths: Iterable[Path]) -> list[Path]:
    """The files in their order, without those that are being compressed or have just been.

    Of a file and its archive the file is whole.
    """
    found = list(paths)
    names = {path.name for path in found}
    return [
        path
        for path in found
        if path.name.removesuffix(COMPRESSED) == path.name
        or path.name.removesuffix(COMPRESSED) not in names
    ]


def moment_of(name: str, log: str) -> datetime.datetime | None:
    """When a file of this name was rotated; None when it is not one of the log's."""
    stem, suffix = _name_parts(log)
    prefix = f"{stem}-"
    if not name.startswith(prefix):
        return None
    for ending in (suffix, suffix + COMPRESSED):
        stamp = name[len(prefix) : len(name) - len(ending)]
        if name.endswith(ending) and _STAMP_PATTERN.fullmatch(stamp):
            with contextlib.suppress(ValueError):
                return datetime.datetime.strptime(f"{stamp}+0000", f"{_STAMP}.%f%z")
    return None


def log_of(name: str) -> str:
    """The log that a rotated file's name is of; "" for a name of another form."""
    bare = name.removesuffix(COMPRESSED)
    found = _STAMP_PATTERN.search(bare)
    log = f"{bare[: found.start() - 1]}{bare[found.end() :]}" if found else ""
    return log if log and moment_of(name, log) else ""


def _name_parts(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if dot else (name, "")


def compress_file(path: Path, disk: Disk = _DISK) -> None:
    """Gzip a file beside itself with its mode and owner; removes it, or the half-made result.

    It is removed only once the disk has the archive and its name: a crash leaves one of the two.
    Raises OSError, also where one of the names is a link or no regular file.
    """
    target = path.with_name(path.name + COMPRESSED)
    with open(open_regular(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source:
        # Opened before the target is: a file that has gone must not cost a finished archive.
        facts = os.fstat(source.fileno())
        # What has that name and is not a file stays.
        descriptor = open_regular(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW)
        try:
            with (
                os.fdopen(descriptor, "wb") as raw,
                gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw) as packed,
            ):
                shutil.copyfileobj(source, packed, BLOCK)
                packed.close()
                raw.flush()
                disk.sync(raw.fileno())
            target.chmod(stat.S_IMODE(facts.st_mode))
            with contextlib.suppress(PermissionError):
                os.chown(target, facts.st_uid, facts.st_gid)
            disk.sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
            raise
    path.unlink()
