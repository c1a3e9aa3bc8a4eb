"""Reading: stops on request, and until the next turn of a loop that has had enough.

    reads --pause--> stopped --resume--> reads
    reads --MOST_A_TURN bytes--> rests --next turn--> reads, unless stopped meanwhile

uvloop reads one socket up to 32 times in a turn, 8 MB, and no other connection gets on meanwhile.
"""

import asyncio

MOST_A_TURN = 128 * 1024
"""Bytes that are read of one connection before the others have their turn."""
COUNTED = 16 * 1024
"""Bytes from which a read is to be counted: a turn has no more than 32 shorter ones."""


class Reading:
    """The reading of one transport; it alone stops and resumes it."""

    __slots__ = ("_loop", "_rests", "_taken", "_transport", "is_stopped")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._taken = 0
        self._rests = False
        self.is_stopped = False

    def pause(self) -> None:
        """Stop until ``resume``."""
        if not self.is_stopped and not self._transport.is_closing():
            self.is_stopped = True
            if not self._rests:
                self._transport.pause_reading()

    def resume(self) -> None:
        """Read again, if it was stopped; in the next turn if this one has had enough."""
        if self.is_stopped:
            self.is_stopped = False
            self._read_again()

    def take(self, size: int) -> None:
        """Count bytes that came in this turn; rest when there were enough."""
        if not self._taken:
            self._loop.call_soon(self._turn_ends)
        self._taken += size
        if self._taken >= MOST_A_TURN and not self._rests and not self._transport.is_closing():
            self._rests = True
            if not self.is_stopped:
                self._transport.pause_reading()

    def let_go(self) -> None:
        """Do nothing with the transport any more, as it is: it has another owner."""
        self._rests = self.is_stopped = False

    def _turn_ends(self) -> None:
        self._taken = 0
        if self._rests:
            self._rests = False
            self._read_again()

    def _read_again(self) -> None:
        if not self._rests and not self.is_stopped and not self._transport.is_closing():
            self._transport.resume_reading()
