"""The deadline: a task that is cancelled in time, and can still answer."""

import asyncio

import pytest

from auditproxy.server.deadline import Deadline
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
        return await waiting(Deadline(asyncio.current_task()), asyncio.get_running_loop().time())

    task = asyncio.create_task(served())
    assert await asyncio.wait_for(task, 5) == "late"
    assert not task.cancelling()


async def test_a_client_that_leaves_is_not_late() -> None:
    """A cancellation from elsewhere is not taken for the deadline's."""

    async def served() -> str:
        return await waiting(Deadline(asyncio.current_task()), None)

    task = asyncio.create_task(served())
    await asyncio.wait({task}, timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_cleared() -> None:
    """Once the request is over its deadline ends nothing."""
    loop = asyncio.get_running_loop()
    deadline = Deadline(asyncio.current_task())
    deadline.end_at(loop, loop.time())
    deadline.clear()
    passed = asyncio.Event()
    loop.call_later(0.05, passed.set)
    await asyncio.wait_for(passed.wait(), 5)
    assert not deadline.expired
