"""The deadline: a task that is cancelled in time, and can still answer."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from auditproxy.server.deadline import Deadline, Deadlines
from tests.fakes.waiting import turns


async def waiting(deadline: Deadline, when: float | None) -> str:
    """What becomes of a request that waits for ever."""
    loop = asyncio.get_running_loop()
    deadline.end_at(loop, when)
    try:
        await loop.create_future()
    except asyncio.CancelledError:
        if not deadline.expired:
            raise
        deadline.recover()
        # It can wait again, as for the delivery of its events.
        await turns()
        return "late"
    return "in time"


async def test_it_ends_a_task_that_can_answer() -> None:
    """A late request is cancelled once, says so, and may go on to answer."""

    async def served() -> str:
        return await waiting(
            Deadline(asyncio.current_task(), Deadlines()), asyncio.get_running_loop().time()
        )

    task = asyncio.create_task(served())
    assert await asyncio.wait_for(task, 5) == "late"
    assert not task.cancelling()


async def test_a_client_that_leaves_is_not_late() -> None:
    """A cancellation from elsewhere is not taken for the deadline's."""

    async def served() -> str:
        return await waiting(Deadline(asyncio.current_task(), Deadlines()), None)

    task = asyncio.create_task(served())
    await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_cleared() -> None:
    """Once the request is over its deadline ends nothing."""
    loop = asyncio.get_running_loop()
    deadline = Deadline(asyncio.current_task(), Deadlines())
    deadline.end_at(loop, loop.time())
    deadline.clear()
    passed = asyncio.Event()
    loop.call_later(0.05, passed.set)
    await asyncio.wait_for(passed.wait(), 5)
    assert not deadline.expired


class Timers:
    """Counts the timers that a loop is asked for."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: dict[float, Callable[[], None]] = {}

    def time(self) -> float:
        """Stand still."""
        return self.now

    def call_at(self, when: float, work: Callable[..., None], *arguments: object) -> "Timers":
        """Keep a timer; two at the same time would be one too many."""
        assert when not in self.timers
        self.timers[when] = partial(work, *arguments)
        return self

    def cancel(self) -> None:
        """Let it be: what it does then has no effect."""

    def go_to(self, now: float) -> None:
        """Run what is due."""
        self.now = now
        for when in sorted(when for when in self.timers if when <= now):
            self.timers.pop(when)()


def test_one_timer_for_all() -> None:
    """Requests of the same length share a timer, which is set anew when it is due."""
    loop: Any = Timers()
    deadlines = Deadlines()
    each = [Deadline(None, deadlines) for _ in range(5)]
    for number, deadline in enumerate(each):
        deadline.end_at(loop, 160.0 + number)
    assert list(loop.timers) == [160.0]
    each[0].clear()
    each[2].clear()
    loop.go_to(160.0)
    assert list(loop.timers) == [161.0]
    loop.go_to(163.5)
    assert [deadline.expired for deadline in each] == [False, True, False, True, False]
    assert list(loop.timers) == [164.0]
    each[4].clear()
    loop.go_to(164.0)
    assert not each[4].expired
    assert loop.timers == {}
    again = Deadline(None, deadlines)
    again.end_at(loop, 170.0)
    loop.go_to(170.0)
    assert again.expired


def test_a_shorter_time() -> None:
    """A request that asked for less is not held up behind those that began before it."""
    loop: Any = Timers()
    deadlines = Deadlines()
    long, short = Deadline(None, deadlines), Deadline(None, deadlines)
    long.end_at(loop, 160.0)
    short.end_at(loop, 102.0)
    loop.go_to(102.0)
    assert (long.expired, short.expired) == (False, True)
    long.clear()
    shorter = Deadline(None, deadlines)
    shorter.end_at(loop, 105.0)
    loop.go_to(105.0)
    assert shorter.expired
