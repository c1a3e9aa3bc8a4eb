"""Lines for operators, on standard error: one fact a line, text or JSON, never an audit event."""

import sys
from collections.abc import Callable
from typing import Any

import structlog

Report = Callable[[str], None]
"""Tells operators one fact."""


def configure(*, verbosity: int, json_lines: bool) -> None:
    """Set up the lines once, at start; ``verbosity`` 2 and more shows debugging lines, a
    negative one only warnings.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level(verbosity)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _level(verbosity: int) -> int:
    """The logging level of klog's ``-v``."""
    if verbosity < 0:
        return 30
    return 10 if verbosity >= 2 else 20


def info(text: str) -> None:
    """Tell something that is as it should be."""
    structlog.get_logger().info(text)


def warn(text: str) -> None:
    """Tell something that an operator may want to change."""
    structlog.get_logger().warning(text)


def limited(report: Report, clock: Callable[[], float], seconds: float = 60.0) -> Report:
    """The same report, each text at most once in so many seconds; says how many were left out."""
    last: dict[str, tuple[float, int]] = {}

    def once(text: str) -> None:
        now = clock()
        said, left_out = last.get(text, (float("-inf"), 0))
        if now - said < seconds:
            last[text] = (said, left_out + 1)
            return
        if len(last) >= 1024:
            last.clear()
        last[text] = (now, 0)
        report(f"{text} ({left_out} more like this)" if left_out else text)

    return once
