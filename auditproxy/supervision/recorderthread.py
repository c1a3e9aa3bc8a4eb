"""RecorderThread: where the accounts of all sessions live, and what they may cost the others.

One thread serves all sessions, so that none of them waits for a disk on the event loop. Sessions
take turns on it; it rests while the event loop is late; what it is behind with is bounded, and
each session has a share of that bound.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from auditproxy.apis.units import MEBIBYTE
from auditproxy.sockets.thread import OrderedThread, settle
from auditproxy.supervision.account import Timed
from auditproxy.supervision.running import Running, cost_of

MOST_GIVEN = 64 * MEBIBYTE
"""Bytes of all sessions that the thread may be behind. Where there are more, a session that has
less than its share of them still gets what it needs."""
MOST_FOLLOWED = 4 * MEBIBYTE
"""Bytes that it may be behind while it follows terminals, which costs most of its time; what is
recorded is not affected."""
LATE = 0.01
"""Seconds that the event loop may be late before the thread leaves the interpreter to it."""
MOST_REST = 4.0
"""What the thread rests at most after its work, as a multiple of what that took."""

T = TypeVar("T")


class Faults(Protocol):
    """Counts and reports faults of our own."""

    def crashed(self, crash: Exception) -> None:
        """Count and report one; any thread may call it."""


class RecorderThread:
    """Runs work of sessions; every method but ``rest`` and ``do`` runs on the event loop."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._thread = OrderedThread("session-recorder", rest=self.rest)
        self._given = 0
        self._behind: dict[Running, int] = {}
        self._lateness = 0.0

    @property
    def stalled(self) -> float:
        """Seconds that the work under way has taken, 0 without any."""
        return self._thread.stalled

    @property
    def is_idle(self) -> bool:
        """Whether all is done that it was given."""
        return self._thread.is_idle

    def was_late(self, seconds: float) -> None:
        """The event loop did what was due so much later."""
        self._lateness = seconds

    def rest(self, worked: float) -> float:
        """Seconds for which the thread leaves the interpreter to the loop, if that is late."""
        late = (self._lateness - LATE) / LATE
        return worked * min(max(late, 0.0), MOST_REST)

    def do(self, work: Callable[[], None], owner: Running | None = None) -> None:
        """Run ``work`` on the thread; a fault of ours is reported and costs one session alone."""

        def guarded() -> None:
            try:
                work()
            except Exception as crash:
                self._faults.crashed(crash)

        self._thread.run(guarded, owner)

    async def ask(
        self, work: Callable[[], T], seconds: float, owner: Running, *, hurry: bool = False
    ) -> T | None:
        """What ``work`` returns on the thread; None when it takes longer than it may.

        With ``hurry`` all that the thread has of this owner comes before that of others.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        found: list[T] = []

        def run() -> None:
            try:
                found.append(work())
            except Exception as crash:
                self._faults.crashed(crash)
            finally:
                with contextlib.suppress(RuntimeError):
                    # The loop is closed: the process ends.
                    loop.call_soon_threadsafe(settle, done, True)

        self._thread.run(run, owner, hurry=hurry)
        await asyncio.wait({done}, timeout=seconds)
        return found[0] if done.done() and found else None

    def give(self, running: Running, batch: list[Timed], fault: str) -> bool:
        """Have a batch accounted for, unless the thread is too far behind.

        A crash there costs this session its recording, with ``fault`` as the reason.
        """
        cost = cost_of(batch)
        behind = self._behind.get(running, 0) + cost
        if self._given + cost > MOST_GIVEN and behind > MOST_GIVEN // (len(self._behind) + 1):
            return False
        self._given += cost
        self._behind[running] = behind
        loop = asyncio.get_running_loop()
        self.do(partial(self._take, running, batch, fault, loop), running)
        return True

    def _take(
        self, running: Running, batch: list[Timed], fault: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Account for a batch, on the thread."""
        try:
            running.account.take(batch, skips=self._given > MOST_FOLLOWED)
        except Exception as crash:
            self._faults.crashed(crash)
            running.account.abandon(batch[-1][0], fault)
        finally:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._taken, running, batch)

    def _taken(self, running: Running, batch: list[Timed]) -> None:
        cost = cost_of(batch)
        self._given -= cost
        left = self._behind[running] - cost
        if left > 0:
            self._behind[running] = left
        else:
            del self._behind[running]
        running.taken(batch)

    async def close(self, last: Callable[[], None], seconds: float) -> bool:
        """Run ``last`` after all work and end; false when that takes longer than ``seconds``."""
        if not self._thread.started:
            last()
            return True
        return await self._thread.close(last, seconds)
