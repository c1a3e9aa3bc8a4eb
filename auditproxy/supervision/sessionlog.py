"""The session log: one line for each thing that happened in a session, to a file and to listeners.

    recorder's thread --emit--> queue --its own thread--> file
                                |full: dropped, counted

A file that takes no more, such as standard output without a reader, does not hold up recordings.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from auditproxy.apis.session import SessionEvent
from auditproxy.backends.log import LineWriter, describe, public_text
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.logfiles.rotation import RotatingFile
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode
from auditproxy.sockets.thread import OrderedThread

LOG = "log"
"""The destination's name in metrics."""
MAXIMUM_LINES = 10_000
"""Lines that may wait for the file."""

Listener = Callable[[SessionEvent], None]


class SessionLog:
    """Takes every line; ``listeners`` get each as it is, and must neither block nor raise.

    ``emit`` may be called on any thread, the rest on the event loop.
    """

    def __init__(
        self,
        writer: LineWriter | None,
        *,
        metrics: SessionMetrics,
        report: Callable[[str], None],
        listeners: tuple[Listener, ...] = (),
        limit: int = MAXIMUM_LINES,
    ) -> None:
        self._writer = writer
        self._metrics = metrics
        self._report = report
        self._listeners = listeners
        self._limit = limit
        self._thread = OrderedThread("session-log")
        self._lock = threading.Lock()
        self._waiting: deque[SessionEvent] = deque()
        self._is_closed = False
        self._fault = ""

    def describe(self) -> tuple[str, ...]:
        """The line of /readyz?verbose; none where there is no file."""
        if self._writer is None:
            return ()
        state = f"not written: {self._fault}" if self._fault else "written"
        waiting = len(self._waiting)
        return (f"session log: {state}" + (f", {waiting} lines wait" if waiting > 1 else ""),)

    def emit(self, event: SessionEvent) -> None:
        """Queue a line; one that is not written is counted and reported."""
        for listener in self._listeners:
            listener(event)
        if self._writer is None:
            return
        with self._lock:
            why = "the log is closed" if self._is_closed else ""
            if len(self._waiting) >= self._limit:
                why = f"{self._limit} lines wait for the file"
            if not why:
                self._waiting.append(event)
                self._thread.run(self._write_next)
        if why:
            self._lost(1, why)

    def write_first(self, events: Sequence[SessionEvent], disk: Disk) -> int:
        """Write lines before any other is emitted; how many of the first need not come again.

        They are written, and the disk has them, when it returns. What waits for a reader, such as
        standard output, gets them as from ``emit``, and is not waited for.
        """
        writer = self._writer
        if not isinstance(writer, RotatingFile) or not writer.is_regular:
            for event in events:
                self.emit(event)
            return len(events)
        done = safe = written = 0
        for event in events:
            for listener in self._listeners:
                listener(event)
            try:
                line = encode(event) + b"\n"
                if done > safe and writer.rotates_for(len(line)):
                    # Behind a rotation nothing leads to what was written before.
                    try:
                        writer.sync(disk)
                    except OSError as error:
                        self._report(f"session log: {describe(error)}")
                        return safe
                    safe = done
                writer.write(line)
                written += 1
            except OSError as error:
                self._report(f"session log: {describe(error)}")
                self._fault = public_text(error)
                break
            except Exception as error:
                # It would fail again.
                self._lost(1, describe(error))
            done += 1
        try:
            if written:
                writer.sync(disk)
        except OSError as error:
            self._report(f"session log: {describe(error)}")
            return safe
        if written:
            self._metrics.line(LOG, "written", written)
        return done

    def _write_next(self) -> None:
        """Write the oldest line, on the thread."""
        try:
            event = self._waiting.popleft()
        except IndexError:
            # Given up by the shutdown.
            return
        writer = self._writer
        assert writer is not None
        try:
            writer.write(encode(event) + b"\n")
        except Exception as error:
            self._lost(1, describe(error))
            # Any client may ask for /readyz, and needs no file's name.
            self._fault = public_text(error)
            return
        self._metrics.line(LOG, "written")
        self._fault = ""
        self._tell_fault(writer)

    def _tell_fault(self, writer: LineWriter) -> None:
        if fault := writer.take_fault():
            self._report(f"session log: {fault}")

    def _lost(self, count: int, why: str) -> None:
        self._fault = why
        self._metrics.line(LOG, "dropped", count)
        self._report(f"a line of the session log is lost: {why}")

    def reopen(self) -> None:
        """Open the file again, in case that it was moved away; after the lines that wait."""
        if isinstance(self._writer, RotatingFile):
            self._thread.run(self._reopen)

    def _reopen(self) -> None:
        assert isinstance(self._writer, RotatingFile)
        try:
            self._writer.reopen()
        except Exception as error:
            self._report(f"session log: cannot be opened again: {describe(error)}")

    async def close(self, seconds: float) -> None:
        """Write what waits within so many seconds, count the rest, and close the file."""
        with self._lock:
            self._is_closed = True
        if self._writer is None:
            return
        writer = self._writer

        def end() -> None:
            writer.close()
            # Network file systems say only now that they have lost lines.
            self._tell_fault(writer)

        if not self._thread.started:
            end()
        elif not await self._thread.close(end, seconds):
            left = len(self._waiting)
            self._waiting.clear()
            # And the one that is being written.
            self._lost(left + 1, "not written before the shutdown deadline")
