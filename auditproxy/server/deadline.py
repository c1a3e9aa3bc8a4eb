"""Deadline: when a request's time is over, by the event loop's clock.

open --end_at--> set --(then)--> expired, its task cancelled --recover--> expired, to be answered
                  \\--clear--> over
"""

import asyncio
from typing import Any


class Deadline:
    """The end of one request's time; a task that was cancelled while ``expired`` is late."""

    __slots__ = ("_handle", "_task", "expired")

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self._task = task
        self._handle: asyncio.TimerHandle | None = None
        self.expired = False

    def end_at(self, loop: asyncio.AbstractEventLoop, when: float | None) -> None:
        """Cancel the task at ``when``; never for None."""
        if when is not None:
            self._handle = loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self.expired = True
        if self._task is not None:
            self._task.cancel()

    def recover(self) -> None:
        """Take the cancellation back, for the task to answer that it is late."""
        if self._task is not None:
            self._task.uncancel()

    def clear(self) -> None:
        """The request is over."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
