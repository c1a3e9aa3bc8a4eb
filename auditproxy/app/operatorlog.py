"""Lines for operators, on standard error: one fact a line, text or JSON, never an audit event."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from auditproxy.apis.operatorline import OperatorLine, fields_of
from auditproxy.app.operatorlines import OperatorLines

Report = Callable[[str], None]
"""Logs one fact for operators."""

LONGEST = 200
"""Characters shown of a text from outside the proxy."""

INFO, WARNING = "info", "warning"


class _Log:
    """How lines are written; there is one in a process, because there is one standard error."""

    def __init__(self) -> None:
        self.quiet = False
        self.json_lines = False
        self.lines: OperatorLines | None = None
        self.worker = 0

    def log(self, level: str, text: str) -> None:
        """Write one line; leave it out if only warnings are wanted."""
        if self.quiet and level == INFO:
            return
        time = datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
        if self.json_lines:
            fields = fields_of(text) | {"event": str(text), "level": level, "timestamp": time}
            if self.worker:
                fields["worker"] = self.worker
            line = json.dumps(fields)
        else:
            # As text a line is its sentence, which names everything that the fields do.
            source = f"worker {self.worker}: " if self.worker else ""
            line = f"{time} [{level:<9}] {source}{text}"
        if self.lines is not None:
            self.lines.write(line + "\n")
        else:
            print(line, file=sys.stderr, flush=True)


_LOG = _Log()


def configure(
    *, verbosity: int, json_lines: bool, lines: OperatorLines | None = None, worker: int = 0
) -> None:
    """Set up the lines once, at start; a negative ``verbosity`` shows only warnings.

    ``lines`` writes them without blocking the caller; else they are written at once. ``worker``
    is the number of this process among those that share a port, 0 for one alone.
    """
    _LOG.quiet = verbosity < 0
    _LOG.json_lines = json_lines
    _LOG.lines = lines
    if lines is not None:
        lines.on_gap = warn
    _LOG.worker = worker


def info(text: str) -> None:
    """Log something that is as it should be."""
    _LOG.log(INFO, text)


def warn(text: str) -> None:
    """Log something that an operator may want to change."""
    _LOG.log(WARNING, text)


def limited(report: Report, clock: Callable[[], float], seconds: float = 60.0) -> Report:
    """The same report, each text at most once in so many seconds; says how many were left out."""
    last: dict[str, tuple[float, int]] = {}

    def once(text: str) -> None:
        now = clock()
        said, left_out = last.get(text, (float("-inf"), 0))
        if now - said < seconds:
            last[text] = (said, left_out + 1)
            return
        last.pop(text, None)
        if len(last) >= 1024:
            oldest, (_, more) = next(iter(last.items()))
            del last[oldest]
            if more:
                report(f"{oldest} ({more} more like this)")
        last[text] = (now, 0)
        if left_out:
            text = OperatorLine(f"{text} ({left_out} more like this)", **fields_of(text))
        report(text)

    return once


class LibraryWarnings(logging.Handler):
    """Warnings of libraries as lines for operators, where Python would print tracebacks.

    Only the format string of the library's source: its arguments could hold anything,
    and a traceback is many lines for one fact.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        self._report(f"{record.name}: {first_line(str(record.msg))}")


def first_line(text: str) -> str:
    """The beginning of a text that is not ours, in one line."""
    return (text.splitlines() or [""])[0][:LONGEST]
