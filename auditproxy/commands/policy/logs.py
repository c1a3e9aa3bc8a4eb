"""The lines of audit logs that arguments name: files, patterns, gzip, standard input.

This is the one place that reads logs for ``auditproxy policy``.
"""

import glob
import gzip
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from auditproxy.apis.faults import Unusable
from auditproxy.app.standardstreams import Output, one_line
from auditproxy.audit.policy.simulation.logged import LoggedEvent, read_logged
from auditproxy.serializer.errors import SerializationError

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer one is not read as an event."""
PROGRESS = 5.0
"""Seconds between two lines of progress, where standard error is a terminal."""
_EVERY = 2000
"""Lines between two readings of the clock."""
_GZIP = b"\x1f\x8b"


class LogEvents:
    """The events of logs in the order of the arguments, each with the bytes of its line.

    What cannot be read is counted, and does not end the reading.
    """

    def __init__(self, paths: Sequence[str], err: Output) -> None:
        self._paths = _expanded(paths)
        self._err = err
        self.lines = 0
        self.events = 0
        self.unreadable = 0
        self.first_unreadable = ""
        self.damaged: list[str] = []
        """What is wrong with whole files."""

    def __iter__(self) -> Iterator[tuple[LoggedEvent, int]]:
        shown = time.monotonic()
        for path in self._paths:
            for number, line in enumerate(self._lines(path), 1):
                self.lines += 1
                if self.lines % _EVERY == 0 and time.monotonic() - shown > PROGRESS:
                    shown = time.monotonic()
                    if self._err.isatty():
                        self._err.write(one_line(f"{path}: {self.lines} lines") + "\n")
                if not line or line.isspace():
                    continue
                try:
                    event = read_logged(line)
                except SerializationError as error:
                    if not self.unreadable:
                        self.first_unreadable = f"{path} line {number}: {error}"
                    self.unreadable += 1
                    continue
                self.events += 1
                yield event, len(line)

    def _lines(self, path: str) -> Iterator[bytes]:
        """The lines of one log; raises Unusable where it cannot be opened."""
        if path == "-":
            yield from _whole_lines(sys.stdin.buffer)
            return
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - what reading raises is another matter
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror or error}") from None
        with file:
            try:
                packed = file.read(2) == _GZIP
                file.seek(0)
                if not packed:
                    yield from _whole_lines(file)
                    return
                with gzip.open(file) as unpacked:
                    yield from _whole_lines(cast("BinaryIO", unpacked))
            except (EOFError, zlib.error, gzip.BadGzipFile):
                self.damaged.append(f"{path} is a damaged gzip file, and was read up to there")
            except OSError as error:
                self.damaged.append(f"{path} cannot be read further: {error.strerror or error}")


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
