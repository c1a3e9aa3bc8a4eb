"""Deadline: when a request's time is over, by the event loop's clock.

open --end_at--> set --(then)--> expired, its task cancelled --recover--> expired, to be answered
                  \\--clear--> over

Most requests have the same time, so they end in the order in which they began: Deadlines has one
timer for all of these, and a request costs it no timer of its own.
"""

import asyncio
from typing import Any, Protocol

UPSTREAM_GRACE = 1.0
"""Seconds past a deadline in which the upstream, which has the same one, may say so itself."""


class Expiring(Protocol):
    """What has an end."""

    def expire(self) -> None:
        """The time is over."""


class Deadlines:
    """The ends of requests under way, earliest first; one timer, for the first of them."""

    __slots__ = ("_due", "_latest", "_timer", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Expiring, float] = {}
        self._latest = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def add(self, deadline: Expiring, loop: asyncio.AbstractEventLoop, when: float) -> bool:
        """Have it expire at ``when``; false, and nothing is done, if that is before another's."""
        if when < self._latest and self._waiting:
            return False
        self._latest = when
        self._waiting[deadline] = when
        if self._timer is None or when < self._due:
            # A timer may be left of requests that are over.
            self._set(loop, when)
        return True

    def _set(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = loop.call_at(when, self._expire, loop)

    def remove(self, deadline: Expiring) -> None:
        """It is over. The timer is left for those that follow."""
        self._waiting.pop(deadline, None)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is late; set the timer for the first of the others."""
        self._timer = None
        now = loop.time()
        # One pass: to look for the first one again and again would be a pass over all each time.
        late = []
        for deadline, when in self._waiting.items():
            if when > now:
                self._set(loop, when)
                break
            late.append(deadline)
        for deadline in late:
            del self._waiting[deadline]
            deadline.expire()


class Deadline:
    """The end of one request's time; a task that was cancelled while ``expired`` is late."""

    __slots__ = ("_deadlines", "_handle", "_task", "expired")

    def __init__(self, task: asyncio.Task[Any] | None, deadlines: Deadlines) -> None:
        self._task = task
        self._deadlines = deadlines
        self._handle: asyncio.TimerHandle | None = None
        self.expired = False

    def end_at(self, loop: asyncio.AbstractEventLoop, when: float | None) -> None:
        """Cancel the task at ``when``; never for None."""
        if when is not None and not self._deadlines.add(self, loop, when):
            self._handle = loop.call_at(when, self.expire)

    def expire(self) -> None:
        """The time is over."""
        self.expired = True
        if self._task is not None:
            self._task.cancel()

    def recover(self) -> None:
        """Take the cancellation back, for the task to answer that it is late."""
        if self._task is not None:
            self._task.uncancel()

    def clear(self) -> None:
        """The request is over."""
        self._deadlines.remove(self)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
