"""Tasks: everything that runs beside its caller is started here, and has a name.

A name says what the task does, so that a warning about a pending task, a traceback or a dump
of the loop can be read. Keep the task that is returned: the loop itself holds it only weakly.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def spawn(coroutine: Coroutine[Any, Any, Result], name: str) -> "asyncio.Task[Result]":
    """Start a task of the running loop; ``name`` says what it does."""
    return asyncio.get_running_loop().create_task(coroutine, name=name)
