"""How many frames of one direction are read: tiny ones cost the reader more than they carry.

Reading a frame takes microseconds even if it is empty, on the thread that serves all clients. Who
reads a tunnel holds it while more was read than there is time for (``owed``), so that a flood is
slow and nothing of it is unread.
"""

from collections.abc import Callable

MAXIMUM_FRAMES = 20_000
"""Small frames of one direction that are read in a second.

Reading so many takes about 4 % of a core. A person causes tens. The output of a program that
writes byte by byte passes through several processes, and each of them joins what waits, so that
a faster program has larger frames rather than more.
"""

MAXIMUM_AT_ONCE = 10_000
"""Small frames that are read at once after half a second without any: 20 ms of a core."""

MAXIMUM_DEBT = 16_384
"""Small frames that are read beyond that, before the tunnel is held.

So many of the smallest are in one read (supervision/pacing.py, READ_AT_ONCE).
"""

SMALL = 128
"""Bytes of a frame that is not small; frames of this size on average are never too many.

It is an average because kubectl writes 5 to 8 messages for each frame of SPDY within WebSocket:
all but one have a few bytes, and a bulk transfer may have far more than 20,000 of them in a second.
"""

TOO_MANY = "more frames than are read"

_A_SECOND, _FULL = MAXIMUM_FRAMES * SMALL, MAXIMUM_AT_ONCE * SMALL
_DEBT = MAXIMUM_DEBT * SMALL
_UNLIMITED = 1 << 80


class FrameBudget:
    """What is left for one direction, in bytes: a frame takes SMALL and gives its size.

    ``clock`` gives seconds, from any origin; without it nothing is limited. The outcome depends
    on the frames and on the time, not on how the bytes are cut. What is made of their content is
    paid for when the frames of a read are: it is kept apart, as large frames may fill up no more
    than ``full``, and what is left would depend on which comes first.
    """

    __slots__ = ("_clock", "_refilled", "apart", "full", "least", "left")

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._refilled = 0.0 if clock is None else clock()
        self.full = _UNLIMITED if clock is None else _FULL
        self.left = self.full
        self.apart = 0
        """What the content has taken that no time has paid for yet; the frames are read on."""
        self.least = -_DEBT
        """What may be left at least; below it no more is read."""

    def owed(self) -> float:
        """Seconds until nothing is owed; 0 if nothing is."""
        if self.left >= self.apart:
            return 0.0
        left = self.refill()
        return max(0, self.apart - left) / _A_SECOND

    def refill(self) -> int:
        """Add what the time since the last call gives, and return what is left for frames.

        The content is paid for first: frames and content together have one rate.
        """
        if self._clock is not None:
            now = self._clock()
            gained = int((now - self._refilled) * _A_SECOND)
            if gained > 0:
                self._refilled = now
                paid = min(gained, self.apart)
                self.apart -= paid
                self.left = min(self.left + gained - paid, _FULL)
        return self.left

    def spend(self, frames: int, size: int = 0) -> bool:
        """Take frames with ``size`` bytes in all; false if no more may be read."""
        self.left = min(self.left + size - frames * SMALL, self.full)
        return self.left >= self.least

    def spend_apart(self, frames: int) -> None:
        """Take what reading the content of frames costs, as so many small frames."""
        self.apart += frames * SMALL
