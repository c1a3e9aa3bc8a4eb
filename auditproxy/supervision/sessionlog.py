"""The session log: one line for each thing that happened in a session, to a file and to listeners.

Written by the recorder's thread, line by line, as the log backend writes events.
"""

from collections.abc import Callable

from auditproxy.apis.session import SessionEvent
from auditproxy.backends.log import LineWriter, describe
from auditproxy.backends.rotation import RotatingFile
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode

LOG = "log"
"""The destination's name in metrics."""

Listener = Callable[[SessionEvent], None]


class SessionLog:
    """Takes every line; ``listeners`` get each as it is, and must neither block nor raise."""

    def __init__(
        self,
        writer: LineWriter | None,
        *,
        metrics: SessionMetrics,
        report: Callable[[str], None],
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        self._writer = writer
        self._metrics = metrics
        self._report = report
        self._listeners = listeners

    def emit(self, event: SessionEvent) -> None:
        """Write a line; one that cannot be written is counted and reported."""
        for listener in self._listeners:
            listener(event)
        if self._writer is None:
            return
        try:
            self._writer.write(encode(event) + b"\n")
        except Exception as error:
            self._metrics.line(LOG, "dropped")
            self._report(f"a line of the session log is lost: {describe(error)}")
            return
        self._metrics.line(LOG, "written")
        if fault := self._writer.take_fault():
            self._report(f"session log: {fault}")

    def reopen(self) -> None:
        """Open the file again, in case that it was moved away; on the recorder's thread."""
        if isinstance(self._writer, RotatingFile):
            self._writer.reopen()

    def close(self) -> None:
        """No more lines will come."""
        if self._writer is not None:
            self._writer.close()
