"""How many lines of the session log one session may have: what is over is counted, and said.

Who can make lines without end hides what else is done: the log rotates, queues fill. The bounds
are far from what people do. A key that is held down repeats some 30 times a second, so the burst
is over a minute of it; a paste of a script has hundreds of lines, each with what it says.
"""

from auditproxy.apis.session import FoldedLines
from auditproxy.apis.units import MEBIBYTE, SECOND

MOST_LINES = 2_000
"""Lines of a session that come at once."""
MOST_LINES_RATE = 20
"""Lines a second that follow them."""
MOST_BYTES = 2 * MEBIBYTE
"""Bytes of such lines."""
MOST_BYTES_RATE = 32 * 1024
"""Bytes a second that follow them."""
TOLD_EVERY = 10 * SECOND
"""Nanoseconds between two lines that say how many were folded; the first is at once."""
LONGEST_SHOWN = 256
"""Characters of the first and the last line that were folded."""
FOLDED_FLAGS = ("hidden", "gap")
"""Of a line that stands for others."""


class LineBudget:
    """What one session may still have; moments are nanoseconds of a clock."""

    def __init__(self) -> None:
        self._lines = float(MOST_LINES)
        self._bytes = float(MOST_BYTES)
        self._moment: int | None = None

    def takes(self, moment: int, size: int, *, has_text: bool) -> bool:
        """Whether there is room for a line of ``size`` bytes, which is then taken.

        Lines without a text leave half of it to those that say what was done.
        """
        if self._moment is not None and moment > self._moment:
            seconds = (moment - self._moment) / SECOND
            self._lines = min(self._lines + seconds * MOST_LINES_RATE, MOST_LINES)
            self._bytes = min(self._bytes + seconds * MOST_BYTES_RATE, MOST_BYTES)
        self._moment = moment
        kept = 0.0 if has_text else 0.5
        lines, left = self._lines - 1, self._bytes - size
        if lines < kept * MOST_LINES or left < kept * MOST_BYTES:
            return False
        self._lines, self._bytes = lines, left
        return True


class Folding:
    """Lines of one type that had no room."""

    def __init__(self) -> None:
        self._count = 0
        self._first = self._last = ""
        self._told: int | None = None

    def add(self, text: str) -> None:
        """One more; ``text`` is "" where it has none."""
        self._count += 1
        if text:
            self._last = text[:LONGEST_SHOWN]
            self._first = self._first or self._last

    def due(self, moment: int) -> FoldedLines | None:
        """What is to be said now; None if nothing is, or not yet."""
        told = self._told
        if told is not None and 0 <= moment - told < TOLD_EVERY:
            return None
        self._told = moment if self._count else told
        return self.rest()

    def rest(self) -> FoldedLines | None:
        """What was not said; None for nothing."""
        if not self._count:
            return None
        found = FoldedLines(count=self._count, first=self._first, last=self._last)
        self._count = 0
        self._first = self._last = ""
        return found
