"""What is remembered for a time, and what is being found out: the two halves of asking once.

ExpiringCache    answers that are there
Flights          answers that are on their way
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Clock = Callable[[], float]
Value = TypeVar("Value")


class ExpiringCache(Generic[Value]):
    """A bounded memory of values, each until its own time; the least used goes first."""

    def __init__(self, size: int, clock: Clock = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> tuple[Value] | None:
        """The value in a tuple of one (it may be None itself), or None when there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry[0]:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return (entry[1],)

    def put(self, key: bytes, value: Value, time_to_live: float) -> None:
        """Remember a value for so many seconds; not at all for zero."""
        if time_to_live <= 0:
            return
        self._entries[key] = (self._clock() + time_to_live, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


class Flights(Generic[Value]):
    """One task per key: who comes while it is under way waits for the same answer."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, asyncio.Task[Value]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def run(self, key: bytes, start: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The result of the flight for ``key``; a caller who is cancelled does not end it."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(start())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    def _landed(self, key: bytes, task: "asyncio.Task[Value]") -> None:
        del self._tasks[key]
        if not task.cancelled():
            # All waiting callers may have left.
            task.exception()

    async def finish(self) -> None:
        """Wait for every flight."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """End every flight."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
