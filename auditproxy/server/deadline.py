"""Deadline: when a request's time is over, by the event loop's clock.

open --end_at--> set --(then)--> expired, its task cancelled --recover--> expired, to be answered
                  \\--clear--> over

Most requests have the same time, so they end in the order in which they began: Deadlines has one
timer for all of these, and a request costs it no timer of its own. Those of the short way are under
way for a moment: Ends asks them when they end, now and then.
"""

import asyncio
import math
from typing import Any, Generic, Protocol, TypeVar

UPSTREAM_GRACE = 1.0
"""Seconds past a deadline in which the upstream, which has the same one, may say so itself."""


NEVER = math.inf
"""When something without an end ends."""

PAUSE = 0.05
"""Seconds between two passes over all that is under way."""


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


class Swept(Expiring, Protocol):
    """What has an end, and says when."""

    until: float
    """By the event loop's clock; NEVER if something else ends it."""


Under = TypeVar("Under", bound=Swept)


class Ends(Generic[Under]):
    """The ends of what is ``under_way``, each of which says its own.

    One timer, for the first of them. A pass over all comes PAUSE seconds after the one before, or
    later, so that many different ends cost no more than their number.
    """

    __slots__ = ("_timer", "due", "under_way")

    def __init__(self) -> None:
        self.under_way: set[Under] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.due = NEVER
        """When the next pass is: what ends before that has to ``call_at`` its end."""

    @property
    def are_several(self) -> bool:
        """Whether more than one is under way."""
        return len(self.under_way) > 1

    def call_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        """Make the next pass at ``when``."""
        if self._timer is not None:
            self._timer.cancel()
        self.due = when
        self._timer = loop.call_at(when, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is late; set the timer for the first of the others."""
        self._timer, self.due = None, NEVER
        now = loop.time()
        late: list[Under] = []
        first = NEVER
        for each in self.under_way:
            if each.until <= now:
                late.append(each)
            elif each.until < first:
                first = each.until
        if first < NEVER:
            self.call_at(loop, max(first, now + PAUSE))
        for each in late:
            each.expire()


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
