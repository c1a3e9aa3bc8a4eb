"""Lines for operators about workers that were killed."""

from collections.abc import Collection

from auditproxy.app.announcing import UNDELIVERED
from auditproxy.options import Options
from auditproxy.options.backends import backends_in_use

WorkerEnd = tuple[int, int]
"""The number of a worker, and its exit code; negative for a signal."""


def after_kill(options: Options) -> str:
    """What may be missing of a worker that was killed, by the modes of its backends.

    docs/behaviour.md, "Modes of the backends": only ``batch`` has not been given the
    RequestReceived of what was forwarded.
    """
    late = [each.plugin for each in backends_in_use(options) if each.mode == "batch"]
    if late:
        return f"events that waited in memory may be missing (mode batch of {' and '.join(late)})"
    return (
        "every request that was forwarded is recorded, and of those under way the last events may "
        "be missing"
    )


def lossy_end(ends: Collection[WorkerEnd], options: Options) -> str:
    """The last line of workers of which one lost events, or was killed and may have."""
    parts = ["workers have stopped"]
    if any(code == UNDELIVERED for _, code in ends):
        parts.append("audit events were lost, see the lines before")
    if killed := sorted({number for number, code in ends if code < 0}):
        numbers = ", ".join(map(str, killed))
        who = f"worker {numbers} was" if len(killed) == 1 else f"workers {numbers} were"
        parts.append(f"{who} killed: {after_kill(options)}")
    return "; ".join(parts)
