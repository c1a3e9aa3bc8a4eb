"""OperatorLines: standard error on a thread of its own, so that its reader holds up nothing.

write --> queue --thread--> standard error
       |full: left out, counted, reported once there is room again
"""

import os
import queue
import select
import threading
from collections.abc import Callable

MAXIMUM_LINES = 1000
"""Lines that wait; a reader who is not there leaves no more of them than these in memory."""

MAXIMUM_LINE = 16 * 1024
"""Characters of a line; the rest of a longer one is left out."""


class OperatorLines:
    """A file to write lines to. ``dropped`` counts those that were left out.

    ``on_dropped`` hears of each of them, ``on_gap`` how many there were, on any thread.
    """

    def __init__(self, descriptor: int = 2, maximum: int = MAXIMUM_LINES) -> None:
        self.dropped = 0
        self.on_dropped: Callable[[], None] = _nothing
        self.on_gap: Callable[[str], None] = _nothing_told
        self._descriptor = descriptor
        self._told = 0
        self._lock = threading.Lock()
        self._queue: queue.Queue[bytes | threading.Event] = queue.Queue(maximum)
        self._thread = threading.Thread(target=self._run, name="operator-lines", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have a line written, at once or later."""
        if len(text) > MAXIMUM_LINE:
            text = text[:MAXIMUM_LINE] + "\n"
        try:
            self._queue.put_nowait(text.encode("utf-8", "backslashreplace"))
        except queue.Full:
            self._drop(told=False)

    def count(self, on_dropped: Callable[[], None]) -> None:
        """Have ``on_dropped`` hear of each line that is left out, those so far among them."""
        with self._lock:
            before, self.on_dropped = self.dropped, on_dropped
        for _ in range(before):
            on_dropped()

    def flush(self) -> None:
        """Files have it; nothing waits here."""

    def finish(self, seconds: float) -> bool:
        """Wait for what has been said so far, but no longer; whether all of it was written."""
        written = threading.Event()
        try:
            self._queue.put(written, timeout=seconds)
        except queue.Full:
            return False
        return written.wait(seconds)

    def _drop(self, *, told: bool) -> None:
        with self._lock:
            self.dropped += 1
            self._told += told
            on_dropped = self.on_dropped
        on_dropped()

    def _run(self) -> None:
        while True:
            line = self._queue.get()
            if not isinstance(line, threading.Event):
                try:
                    self._write(memoryview(line))
                except OSError:
                    # The reader is gone, and there is nowhere else to report it.
                    self._drop(told=True)
            if self.dropped > self._told and self._queue.empty():
                self._tell_gap()
            if isinstance(line, threading.Event):
                line.set()

    def _tell_gap(self) -> None:
        with self._lock:
            count, self._told = self.dropped - self._told, self.dropped
        self.on_gap(f"{count} lines before this one were left out: standard error was not read")

    def _write(self, rest: memoryview) -> None:
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # A process that shares it has made it non-blocking.
                writable = select.poll()
                writable.register(self._descriptor, select.POLLOUT)
                writable.poll()


def _nothing() -> None:
    """Count nothing."""


def _nothing_told(text: str) -> None:
    """Report nothing."""
