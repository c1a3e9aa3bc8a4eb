"""Ending: what a shutdown waits for, and no longer than it may."""

import asyncio
from collections.abc import Awaitable, Collection
from typing import Any


async def finish(tasks: Collection["asyncio.Task[Any]"], grace: float) -> None:
    """Wait for tasks; those that are not done after ``grace`` seconds are cancelled.

    Each task has begun when it is cancelled, so that it can count what it does not deliver.
    """
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=grace)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)


async def at_once(*steps: Awaitable[None]) -> None:
    """Take all steps together, and wait for each; raises the first of what they raise."""
    for result in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
