"""Lines to a descriptor that is not a file: a pipe, a terminal, a FIFO, a device.

    whole --a write fails halfway--> torn --the next line begins on a line of its own--> whole

Nothing that was written can be taken back here, and nothing is rotated.
"""

import os
import select
import stat
import threading


class Stream:
    """Writes lines to a descriptor that its owner opened and closes; from any thread, in turns."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._torn = False
        self._turn = threading.Lock()

    def write(self, line: bytes, /, *more: bytes) -> None:
        """Write all of a line, in pieces where the reader is slow; raises OSError."""
        with self._turn:
            parts = (b"\n" + line if self._torn else line, *more)
            for number, part in enumerate(parts):
                self._write(part, is_first=number == 0, is_last=number == len(parts) - 1)

    def _write(self, part: bytes, *, is_first: bool, is_last: bool) -> None:
        rest = memoryview(part)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    self._wait()
        finally:
            if not rest and is_last:
                self._torn = False
            elif len(rest) < len(part) or not is_first:
                self._torn = True

    @property
    def may_stall(self) -> bool:
        """Whether a write may wait for a reader: a regular file has none."""
        try:
            return not stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        except OSError:
            return False

    def probe(self) -> str:
        """Why nothing could be written now; "" when nothing speaks against it."""
        writable = select.poll()
        writable.register(self._descriptor, select.POLLOUT)
        events = dict(writable.poll(0)).get(self._descriptor, 0)
        if events & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            return "it has no reader"
        return "" if events & select.POLLOUT else "its reader does not read"

    def _wait(self) -> None:
        """Wait until the reader has read something, as a blocking descriptor would.

        A process that shares standard output may have made it non-blocking.
        """
        writable = select.poll()
        writable.register(self._descriptor, select.POLLOUT)
        writable.poll()
