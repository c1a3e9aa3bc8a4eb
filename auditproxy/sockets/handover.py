"""Calls that another thread hands over to an event loop, which may end at that moment."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVarTuple

Arguments = TypeVarTuple("Arguments")


def hand_over(
    loop: asyncio.AbstractEventLoop,
    call: Callable[[*Arguments], object],
    *arguments: *Arguments,
) -> None:
    """Have ``loop`` make a call soon; without effect if it is closed. Any thread may call this."""
    # To ask first whether it is closed would not do: the loop's thread may close it in between.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
