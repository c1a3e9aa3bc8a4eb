"""Ending tasks within a bound."""

import asyncio

import pytest

from auditproxy.backends.ending import at_once, finish


async def test_nothing() -> None:
    """No task, no wait."""
    await finish((), 0.0)


async def test_done_in_time() -> None:
    """What ends by itself is not cancelled."""
    gate = asyncio.Event()
    task = asyncio.create_task(gate.wait())
    asyncio.get_running_loop().call_soon(gate.set)
    await finish([task], 10.0)
    assert task.result() is True


async def test_late_tasks_have_begun() -> None:
    """Even with no time at all each task runs up to its first wait before it is cancelled."""
    begun, ended = [], []

    async def work(number: int) -> None:
        begun.append(number)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(5)]
    await finish(tasks, 0.0)
    assert begun == sorted(ended) == list(range(5))
    assert all(task.cancelled() for task in tasks)


async def test_steps_at_once() -> None:
    """Each is waited for, whatever the others raise."""
    both, done = asyncio.Barrier(2), []

    async def step(name: str) -> None:
        await both.wait()
        done.append(name)
        if name == "first":
            raise ValueError(name)

    with pytest.raises(ValueError, match="first"):
        await at_once(step("first"), step("second"))
    assert sorted(done) == ["first", "second"]
    await at_once()
