"""What is said of a log that was read: what could not be, and how long it is."""

from auditproxy.app.standardstreams import Output, counted, one_line
from auditproxy.commands.policy.logs import LogEvents
from auditproxy.commands.policy.tables import duration

DAY = 86400
_SHORT = DAY
"""Seconds; amounts of a day that come from less are extrapolated."""


def remark_log(log: LogEvents, forgotten: int, err: Output) -> None:
    """Write warnings about what was not read, or counted twice."""
    warnings = list(log.damaged)
    if log.unreadable:
        first = ", the first of them" if log.unreadable > 1 else ""
        are = (
            "lines are not events and were"
            if log.unreadable > 1
            else "line is not an event and was"
        )
        warnings.append(f"{log.unreadable} {are} left out{first}: {log.first_unreadable}")
    if forgotten:
        warnings.append(
            f"{counted(forgotten, 'request')} had begun and not ended while many others did, and "
            "may be counted twice"
        )
    for warning in warnings:
        err.write(f"auditproxy: warning: {one_line(warning)}\n")


def days_of(seconds: float | None) -> float | None:
    """The days that a log spans; None where that is not known, or no time passed."""
    return seconds / DAY if seconds else None


def span_note(seconds: float | None) -> str:
    """What amounts of a day come from; "" where a day and more is in the log."""
    if not seconds:
        return "the log spans no time, so amounts of a day are not known"
    if seconds < _SHORT:
        return f"amounts of a day are extrapolated from {duration(seconds)}"
    return ""
