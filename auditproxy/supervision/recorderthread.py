"""RecorderThread: where the accounts of all sessions live, and what they may cost the others.

One thread serves all sessions, so that none of them waits for a disk on the event loop. Sessions
take turns on it, of SLICE seconds of work each, whatever their batches hold; it rests while the
event loop is late; what it is behind with is bounded, and each session has a share of that bound.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from auditproxy.apis.units import MEBIBYTE
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.thread import OrderedThread, Work, settle
from auditproxy.supervision.account import Timed
from auditproxy.supervision.running import Running

MOST_GIVEN = 64 * MEBIBYTE
"""Bytes of all sessions that the thread may be behind. Where there are more, a session that has
less than its share of them still gets what it needs."""
MOST_FOLLOWED = 4 * MEBIBYTE
"""Bytes that it may be behind while it follows terminals, which costs most of its time; what is
recorded is not affected. Where there is more, those that have their share or less of it are."""
SLICE = 0.005
"""Seconds of one session's work after which others have their turn."""
PATIENCE = 4
"""How often a caller that is patient waits, as long as the thread works."""
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
    """Runs work of sessions; every method but ``rest`` and ``do`` runs on the event loop.

    ``clock`` is that of turns and stalls, in seconds.
    """

    def __init__(self, faults: Faults, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._faults = faults
        self._clock = clock
        self._thread = OrderedThread("session-recorder", clock=clock, rest=self.rest)
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

    def do(self, work: Work, owner: Running | None = None) -> None:
        """Run ``work`` on the thread; a fault of ours is reported and costs one session alone."""

        def guarded() -> bool | None:
            try:
                return work()
            except Exception as crash:
                self._faults.crashed(crash)
                return None

        self._thread.run(guarded, owner)

    async def ask(
        self,
        work: Callable[[], T],
        seconds: float,
        owner: Running,
        *,
        hurry: bool = False,
        patient: bool = False,
    ) -> T | None:
        """What ``work`` returns on the thread; None when it takes longer than it may.

        With ``hurry`` what the thread has of this owner comes before that of others. Who is
        ``patient`` waits up to PATIENCE times as long while the thread does other work:
        only a single piece that takes ``seconds`` is a sign that the disk does not answer.
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
                hand_over(loop, settle, done, True)

        self._thread.run(run, owner, hurry=hurry)
        ends = loop.time() + seconds * (PATIENCE if patient else 1)
        left = seconds
        while left > 0 and not done.done():
            await asyncio.wait({done}, timeout=left)
            left = min(seconds - self.stalled, ends - loop.time())
        return found[0] if done.done() and found else None

    def give(self, running: Running, batch: list[Timed], fault: str) -> bool:
        """Have a batch accounted for, unless the thread is too far behind.

        A crash there costs this session its recording, with ``fault`` as the reason.
        """
        cost = running.cost_of(batch)
        behind = self._behind.get(running, 0) + cost
        if self._given + cost > MOST_GIVEN and behind > MOST_GIVEN // (len(self._behind) + 1):
            return False
        self._given += cost
        self._behind[running] = behind
        loop = asyncio.get_running_loop()
        steps: list[Iterator[None]] = []

        def take_some() -> bool:
            """Account for what one turn has time for, on the thread; whether there is more."""
            ends = self._clock() + SLICE
            is_whole = True
            try:
                if not steps:
                    steps.append(running.account.steps(batch, skips=self._is_behind(running)))
                for _ in steps[0]:
                    if self._clock() >= ends:
                        is_whole = False
                        break
            except Exception as crash:
                self._faults.crashed(crash)
                running.account.abandon(batch[-1][0], fault)
            finally:
                # Whatever became of it: others have what it took of the bounds.
                if is_whole:
                    hand_over(loop, self._taken, running, cost)
            return not is_whole

        self.do(take_some, running)
        return True

    def _is_behind(self, running: Running) -> bool:
        """Whether a session has so much to do that its terminal is not followed; any thread."""
        share = MOST_FOLLOWED // (len(self._behind) + 1)
        return self._given > MOST_FOLLOWED and self._behind.get(running, 0) > share

    def _taken(self, running: Running, cost: int) -> None:
        self._given -= cost
        # What says that something is missing costs nothing, and may come after all else is done.
        left = self._behind.pop(running, 0) - cost
        if left > 0:
            self._behind[running] = left
        running.taken(cost)

    async def close(self, last: Callable[[], None], seconds: float) -> bool:
        """Run ``last`` after all work and end; false when that takes longer than ``seconds``."""
        if not self._thread.started:
            last()
            return True
        return await self._thread.close(last, seconds)
