"""Caching of answers: expiring values, and requests shared by concurrent callers.

ExpiringCache    answers that are known
Flights          answers that are in progress
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from auditproxy.sockets.tasks import spawn

Clock = Callable[[], float]
Value = TypeVar("Value")


class ExpiringCache(Generic[Value]):
    """A bounded cache of values that expire individually; evicts the least recently used."""

    def __init__(self, size: int, clock: Clock = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> tuple[Value] | None:
        """Return the value in a tuple of one (it may be None itself), or None if absent."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry[0]:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return (entry[1],)

    def put(self, key: bytes, value: Value, time_to_live: float) -> None:
        """Cache a value for so many seconds; zero does not cache it."""
        if time_to_live <= 0:
            return
        self._entries[key] = (self._clock() + time_to_live, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


class Flights(Generic[Value]):
    """One task per key: concurrent callers wait for the same result."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, asyncio.Task[Value]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def run(self, key: bytes, start: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Return the result of the task for ``key``; a cancelled caller does not cancel it."""
        task = self._tasks.get(key)
        if task is None:
            task = spawn(start(), "look up once for all who ask")
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: bytes, task: "asyncio.Task[Value]") -> None:
        del self._tasks[key]
        if not task.cancelled():
            # Mark an exception as retrieved, as all waiting callers may have been cancelled.
            task.exception()

    async def finish(self) -> None:
        """Wait for every task."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Cancel every task."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
