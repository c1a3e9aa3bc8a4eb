"""How much room recordings take and how much there is; the oldest make room for new ones.

    over the bytes in all      the oldest finished ones are removed, then nothing is written
    over the age               removed
    less free than must remain nothing is written; nothing is removed, others may fill the disk

With an upload, what it has not confirmed yet is never removed.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from auditproxy.apis.units import MEBIBYTE
from auditproxy.recordings.appending import reason_of
from auditproxy.recordings.names import UPLOADED, is_finished, is_unfinished, take_apart

NEARLY_FULL = "the disk is nearly full"
"""The fault where less would be free than must remain: there may be room yet."""
SWEEP_INTERVAL = 60.0
"""Seconds between two readings of the whole folder."""
_FREE_INTERVAL = 1.0
_SLACK = 64
"""The part of the bytes in all that is made free at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLimits:
    """Bounds in bytes, and ``maximum_age`` in seconds; 0 means unbounded."""

    per_session: int = 64 * MEBIBYTE
    total: int = 0
    minimum_free: int = 0
    """Bytes of the disk that must remain for others."""
    maximum_age: float = 0.0


class RecordingObserver(Protocol):
    """Counts what happens to recordings; called on whatever thread it happens."""

    def wrote(self, size: int) -> None:
        """So many bytes were written."""

    def stopped(self, state: str, reason: str) -> None:
        """A recording ended before its session; ``state`` is Cut or Failed."""

    def removed(self, reason: str, size: int) -> None:
        """A finished recording was removed; ``reason`` is age or total."""


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    size: int
    modified: float
    finished: bool


class RecordingUsage:
    """The room of one folder, shared by all that write to it; every method may be called anywhere.

    ``wall`` is seconds since the epoch, ``monotonic`` seconds.
    """

    def __init__(
        self,
        folder: Path,
        limits: RecordingLimits,
        *,
        keep_until_uploaded: bool,
        observer: RecordingObserver,
        report: Callable[[str], None],
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._keep_until_uploaded = keep_until_uploaded
        self._observer = observer
        self._report = report
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._used = 0
        self._swept: float | None = None
        self._tried: float | None = None
        self._made_room = (0, 0)
        """Recordings and bytes that were removed for the total and not reported yet."""
        self._reported: float | None = None
        self._free = 0
        self._free_read: float | None = None

    @property
    def used(self) -> int:
        """Bytes of all recordings in the folder, as far as known."""
        return self._used

    def grew(self, size: int) -> None:
        """So many bytes were written."""
        with self._lock:
            self._used += size
            self._free -= size
        self._observer.wrote(size)

    def forget(self, path: Path, size: int) -> None:
        """Remove a file of ``size`` bytes that is being written; raises OSError."""
        with self._lock:
            path.unlink()
            self._used -= size
            self._free += size

    def fault(self, size: int, *, at_start: bool = False) -> str:
        """Why ``size`` more bytes cannot be written, after what can be done about it; else "".

        Without a bound on what remains free the disk is asked ``at_start`` of a recording alone.
        """
        minimum = self._limits.minimum_free
        with self._lock:
            try:
                if (minimum or at_start) and self._free_bytes() - size < minimum:
                    return NEARLY_FULL
                if self._is_over(size):
                    self._make_room(size)
            except OSError as error:
                return f"the folder of recordings cannot be read: {reason_of(error)}"
            if self._is_over(size):
                return "recordings take all the room that they may"
        return ""

    def ask_again(self) -> None:
        """Have the next question answered by the disk, and not by what it said a moment ago."""
        with self._lock:
            self._free_read = None

    def sweep(self, *, now: bool = False) -> None:
        """Read the folder again: remove what is too old, and what is too much.

        Does so once a minute at most unless ``now``. Faults are reported.
        """
        with self._lock:
            moment = self._monotonic()
            if not now and self._swept is not None and moment - self._swept < SWEEP_INTERVAL:
                return
            self._swept = moment
            try:
                self._count(self._remove_old(self._scan()))
                if self._is_over(0):
                    self._make_room(0)
                self._report_removed()
            except OSError as error:
                self._report(f"{self._folder} cannot be read: {reason_of(error)}")

    def _is_over(self, size: int) -> bool:
        return bool(self._limits.total) and self._used + size > self._limits.total

    def _free_bytes(self) -> int:
        now = self._monotonic()
        if self._free_read is None or now - self._free_read >= _FREE_INTERVAL:
            facts = os.statvfs(self._folder)
            # Some file systems do not say how large they are.
            self._free = facts.f_bavail * facts.f_frsize if facts.f_blocks else 1 << 62
            self._free_read = now
        return self._free

    def _make_room(self, size: int) -> None:
        """Remove the oldest until ``size`` more bytes fit, and a little more."""
        now = self._monotonic()
        if self._tried is not None and now - self._tried < _FREE_INTERVAL:
            return
        found = self._scan()
        self._count(found)
        # Not for every line anew: the folder is read each time.
        wanted = size + self._limits.total // _SLACK
        for file in sorted(found, key=lambda file: file.name):
            if not self._is_over(wanted):
                break
            if self._may_go(file) and self._remove(file, "total"):
                self._used -= file.size
                self._made_room = (self._made_room[0] + 1, self._made_room[1] + file.size)
        self._report_removed()
        if self._is_over(size):
            # Nothing is left that may go: do not read the folder again for every line.
            self._tried = now

    def _report_removed(self) -> None:
        """Say what went for the total; once a minute at most, in sums."""
        now = self._monotonic()
        recent = self._reported is not None and now - self._reported < SWEEP_INTERVAL
        count, size = self._made_room
        if not count or recent:
            return
        self._made_room, self._reported = (0, 0), now
        which = "the oldest recording is" if count == 1 else f"the {count} oldest recordings are"
        self._report(
            f"{self._folder}: {which} removed, {size} bytes, as all took more than they may"
        )

    def _remove_old(self, found: list[_Found]) -> list[_Found]:
        if not self._limits.maximum_age:
            return found
        oldest = self._wall() - self._limits.maximum_age
        return [
            file
            for file in found
            if file.modified >= oldest or not self._may_go(file) or not self._remove(file, "age")
        ]

    def _may_go(self, file: _Found) -> bool:
        name = take_apart(file.name)
        if not file.finished or name is None or not name.started:
            # Being written, or a file that is not ours.
            return False
        return not self._keep_until_uploaded or (self._folder / (file.name + UPLOADED)).exists()

    def _remove(self, file: _Found, reason: str) -> bool:
        path = self._folder / file.name
        try:
            path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            self._report(f"{path} cannot be removed: {reason_of(error)}")
            return False
        with contextlib.suppress(OSError):
            (self._folder / (file.name + UPLOADED)).unlink()
        self._observer.removed(reason, file.size)
        return True

    def _count(self, found: list[_Found]) -> None:
        self._used = sum(file.size for file in found)

    def _scan(self) -> list[_Found]:
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                finished = is_finished(entry.name)
                if not finished and not is_unfinished(entry.name):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    found.append(_Found(entry.name, facts.st_size, facts.st_mtime, finished))
        return found
