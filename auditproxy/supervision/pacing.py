"""Pacing: a tunnel is read no faster than its readers have time for, and nothing of it is unread.

What has passed is read in pieces. When more was read than there is time for, the tunnel is held,
and what came meanwhile waits in its order: a flood of tiny frames slows its own session, and ends
the reading of none.
"""

import asyncio
from collections import deque
from collections.abc import Callable

READ_AT_ONCE = 32 * 1024
"""Bytes that are read before the next check of whether the tunnel has to be held."""
WAITING_LIMIT = 1024 * 1024
"""Bytes that wait to be read; one read of each side, as both are held."""


class Pacing:
    """The bytes of one tunnel on their way to their reader; on the event loop.

    ``read`` reads bytes of the client (True) or of the upstream. ``owed`` is the seconds until more
    may be read. ``hold`` stops and resumes the reading of the tunnel.
    """

    def __init__(
        self,
        read: Callable[[bool, bytes], None],
        owed: Callable[[], float],
        hold: Callable[[bool], None],
    ) -> None:
        self._read = read
        self._owed = owed
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._left: deque[tuple[bool, bytes]] = deque()
        self._at = 0
        """Where the rest of the first of them begins."""
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, from_client: bool, data: bytes) -> None:
        """Read bytes that have passed, now or in their turn."""
        if self._timer is None and len(data) <= READ_AT_ONCE:
            self._read(from_client, data)
            if owed := self._owed():
                self._wait(owed)
            return
        self._left.append((from_client, data))
        self._size += len(data)
        if self._timer is None:
            self._read_on()
        elif self._size > WAITING_LIMIT:
            # Holding did not stop them: the reader says where it ends.
            self.read_all()

    def read_all(self) -> None:
        """Read what waits, whatever it takes: the reader has a bound."""
        self._release()
        while self._left:
            self._read_next()

    def _read_on(self) -> None:
        """Read what waits until that is too much."""
        while self._left:
            self._read_next()
            if owed := self._owed():
                self._wait(owed)
                return

    def _read_next(self) -> None:
        from_client, data = self._left[0]
        piece = data[self._at : self._at + READ_AT_ONCE]
        self._at += len(piece)
        if self._at >= len(data):
            self._left.popleft()
            self._at = 0
        self._size -= len(piece)
        self._read(from_client, piece)

    def _wait(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._waited)
        self._hold(True)

    def _waited(self) -> None:
        self._timer = None
        self._read_on()
        if self._timer is None:
            self._hold(False)

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._hold(False)
