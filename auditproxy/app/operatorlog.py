"""Lines for operators, on standard error: one fact a line, text or JSON, never an audit event."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from auditproxy.apis.operatorline import OperatorLine, fields_of
from auditproxy.app.operatorlines import OperatorLines

Report = Callable[[str], None]
"""Logs one fact for operators."""

LONGEST = 200
"""Characters shown of a text from outside the proxy."""


def configure(*, verbosity: int, json_lines: bool, lines: OperatorLines | None = None) -> None:
    """Set up the lines once, at start; ``verbosity`` 2 and more shows debugging lines, a
    negative one only warnings.

    ``lines`` writes them without blocking the caller; else they are written at once.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    factory: Any = structlog.PrintLoggerFactory(sys.stderr)
    if lines is not None:
        factory = structlog.WriteLoggerFactory(lines)  # type: ignore[arg-type] # writes, flushes
        lines.on_gap = warn
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(() if json_lines else (_without_fields,)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level(verbosity)),
        logger_factory=factory,
    )


def _without_fields(logger: Any, name: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    """As text a line is its sentence, which names everything that the fields do."""
    return {key: line[key] for key in ("timestamp", "level", "event")}


def _level(verbosity: int) -> int:
    """The logging level of klog's ``-v``."""
    if verbosity < 0:
        return 30
    return 10 if verbosity >= 2 else 20


def info(text: str) -> None:
    """Log something that is as it should be."""
    structlog.get_logger().info(str(text), **fields_of(text))


def warn(text: str) -> None:
    """Log something that an operator may want to change."""
    structlog.get_logger().warning(str(text), **fields_of(text))


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
