"""Keys that are pressed while a recording plays: space holds it, q ends it."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class StoppedByUserError(Exception):
    """The one who watches has seen enough."""


class Wait(Protocol):
    """Waits for so many seconds; may raise StoppedByUserError."""

    def __call__(self, seconds: float, /) -> None:
        """Wait."""
        ...


class Keyboard:
    """Waits, and listens meanwhile; ``descriptor`` is a terminal that gives each key at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait(self, seconds: float) -> None:
        """Wait, longer where space is pressed. Raises StoppedByUserError."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if self._pressed(left) == b" ":
                held = time.monotonic()
                while self._pressed(None) != b" ":
                    pass
                ends += time.monotonic() - held

    def _pressed(self, seconds: float | None) -> bytes:
        """The next key within so many seconds, "" where none is pressed."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return b""
        key = os.read(self._descriptor, 1)
        # A terminal that is gone gives nothing for ever.
        if key in (b"", b"q", b"Q"):
            raise StoppedByUserError
        return key


@contextmanager
def keyboard() -> Iterator[Wait]:
    """A wait that keys can hold or end, where standard input and output are a terminal."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        yield time.sleep
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    # Keys come at once and are not shown; ^C and ^Z stay what they are.
    tty.setcbreak(descriptor)
    try:
        yield Keyboard(descriptor).wait
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
