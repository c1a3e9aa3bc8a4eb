"""The events of audit logs that arguments name, for ``auditproxy policy``.

Lines of events are read here, with their numbers and their sizes. What is in another form, in a
folder, a tar file or a saved trail is what ``auditproxy events`` reads too.
"""

import contextlib
import glob
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from auditproxy.apis.faults import Unusable, why_unread
from auditproxy.app.standardstreams import Output, counted, one_line
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.audit.policy.simulation.logged import LoggedEvent, read_logged
from auditproxy.commands.policy.savedgroups import saved_groups, unreadable_rows
from auditproxy.reading.forms.documents import SNIFFED, is_of_documents
from auditproxy.reading.forms.rows import is_of_rows
from auditproxy.reading.forms.unwrapping import Unwrapper
from auditproxy.reading.meaning.events import EVENTS, Counts, spelled
from auditproxy.reading.meaning.requests import NATIVE, SeenEvent
from auditproxy.reading.trail.archives import is_archive
from auditproxy.reading.trail.blocks import Block
from auditproxy.reading.trail.lines import beginning_of, is_saved
from auditproxy.reading.trail.packing import DAMAGES, SUFFIXES, unpacked
from auditproxy.reading.trail.savedsets import SavedTrails
from auditproxy.reading.trail.scanning import Search, events_of
from auditproxy.reading.trail.sources import files_of
from auditproxy.serializer.errors import SerializationError

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer one is not read as an event."""
PROGRESS = 5.0
"""Seconds between two lines of progress, where standard error is a terminal."""
_EVERY = 2000
"""Lines between two readings of the clock."""


class LogEvents:
    """The events of logs in the order of the arguments, each with the bytes of its line.

    Saved trails come last, as groups of events, by what ``looks_at`` says that rules distinguish:
    words, and whether groups of users. What cannot be read is counted, and does not end the
    reading.
    """

    def __init__(
        self,
        paths: Sequence[str],
        err: Output,
        looks_at: tuple[frozenset[str], bool] = (frozenset(), True),
    ) -> None:
        self._paths = _expanded(paths)
        self._err = err
        self._looks_at = looks_at
        self.lines = 0
        self.events = 0
        self.unreadable = 0
        self.first_unreadable = ""
        self.damaged: list[str] = []
        """What is wrong with whole files."""

    def __iter__(self) -> Iterator[tuple[LoggedEvent | LoggedGroup, int]]:
        with tempfile.TemporaryDirectory(prefix="auditproxy-") as spool:
            saved: list[str] = []
            for path in self._paths:
                for file in self._files(path, spool):
                    if file != "-" and _is_saved(file):
                        saved.append(file)
                        continue
                    file = file if file == "-" else _where(file)
                    if file != "-" and _is_of_another_form(file):
                        yield from self._of_another_form(file)
                    else:
                        yield from self._of_lines(file)
            if saved:
                yield from self._of_saved(saved)

    def _files(self, path: str, spool: str) -> Iterator[str]:
        """The files that one argument is: those of a folder or a tar file, or itself."""
        if path == "-" or not os.path.exists(path):
            yield path
        elif os.path.isdir(path) or is_archive(path):
            yield from (file.path for file in files_of([path], spool))
        else:
            yield path

    def _of_lines(self, path: str) -> Iterator[tuple[LoggedEvent, int]]:
        shown = time.monotonic()
        counts = Counts()
        unwrapper = Unwrapper(path, counts, Counts())
        for number, line in enumerate(self._lines(path), 1):
            self.lines += 1
            if self.lines % _EVERY == 0 and time.monotonic() - shown > PROGRESS:
                shown = time.monotonic()
                if self._err.isatty():
                    self._err.write(one_line(f"{path}: {counted(self.lines, 'line')}") + "\n")
            if not line or line.isspace():
                continue
            try:
                event = read_logged(line)
            except SerializationError as error:
                before = _unlike_events(counts)
                taken = list(unwrapper.take(line))
                # Of lines of events none is read in part.
                others = [seen for seen in taken if seen.form != NATIVE]
                yield from self._unwrapped(others)
                if len(others) < len(taken) or _unlike_events(counts) > before:
                    self._unread(f"{path} line {number}: {error}")
                continue
            self.events += 1
            yield event, len(line)
        yield from self._unwrapped(unwrapper.finish())

    def _of_another_form(self, path: str) -> Iterator[tuple[LoggedEvent, int]]:
        counts = Counts()
        yield from self._unwrapped(events_of(Block(path, path), Search(), counts, Counts()), 1)
        for _ in range(_unlike_events(counts)):
            self._unread(f"{path}: a part of it is not an audit event")

    def _of_saved(self, paths: Sequence[str]) -> Iterator[tuple[LoggedGroup, int]]:
        words, by_groups = self._looks_at
        with SavedTrails(paths) as trails:
            for _ in range(unreadable_rows(trails)):
                self._unread(f"{', '.join(paths)}: an event lacks its stage, level, verb or URI")
            for group in saved_groups(trails, words, by_groups=by_groups):
                self.lines += group.count
                self.events += group.count
                yield group, group.size

    def _unwrapped(
        self, found: Iterable[SeenEvent], lines: int = 0
    ) -> Iterator[tuple[LoggedEvent, int]]:
        """Events in another form, with the bytes that a log would have of them."""
        for seen in found:
            line = spelled(seen.event) + b"\n"
            try:
                event = read_logged(line)
            except SerializationError as error:
                self._unread(str(error))
                continue
            self.lines += lines
            self.events += 1
            yield event, len(line)

    def _unread(self, why: str) -> None:
        if not self.unreadable:
            self.first_unreadable = why
        self.unreadable += 1

    def _lines(self, path: str) -> Iterator[bytes]:
        """The lines of one log; raises Unusable where it cannot be opened."""
        if path == "-":
            yield from _whole_lines(sys.stdin.buffer)
            return
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - what reading raises is another matter
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {why_unread(error)}") from None
        with file:
            try:
                yield from _whole_lines(unpacked(file))
            except DAMAGES:
                self.damaged.append(f"{path} is a damaged packed file, and was read up to there")
            except OSError as error:
                self.damaged.append(f"{path} cannot be read further: {error.strerror or error}")


def _is_saved(path: str) -> bool:
    with contextlib.suppress(OSError):
        return is_saved(path)
    return False


def _where(path: str) -> str:
    """A file, or what it was packed to since it was named."""
    packed = (path + suffix for suffix in SUFFIXES)
    return path if os.path.exists(path) else next(filter(os.path.exists, packed), path)


def _is_of_another_form(path: str) -> bool:
    """Whether a file has values that are not one a line, or rows."""
    try:
        beginning = beginning_of(path, SNIFFED)
    except OSError:
        return False
    return is_of_documents(beginning) or is_of_rows(beginning)


def _unlike_events(counts: Counts) -> int:
    """How much was met that is not a whole event, and is not one in another form either."""
    return sum(count for kind, count in counts.items() if kind != EVENTS)


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, only the beginning, which cannot be read."""
    while line := file.readline(LONGEST_LINE):
        whole = line
        while not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            line = file.readline(LONGEST_LINE)
        yield whole


def _expanded(paths: Sequence[str]) -> list[str]:
    """The files that arguments name; a pattern is expanded where the shell has not done it."""
    found: list[str] = []
    for path in paths:
        matches = [] if path == "-" or Path(path).exists() else sorted(glob.glob(path))
        found += matches or [path]
    return found
