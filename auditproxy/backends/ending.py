"""Ending tasks: what a shutdown waits for, and no longer than it may."""

import asyncio
from collections.abc import Collection
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
