"""How tests wait: for a condition, for turns of the loop, for a value to come to rest.

A test that sleeps for a flat time is slow where the time is too long and fails on a busy machine
where it is too short. So nothing else in tests/ sleeps; ruff forbids it (tests/ruff.toml).
"""

import asyncio
import inspect
from collections.abc import Callable

SECONDS = 10.0
"""How long a wait may take unless the test says otherwise."""
_QUICK_LOOKS = 20
_LONGEST_PAUSE = 0.05


async def until(condition: Callable[[], object], what: str, *, seconds: float = SECONDS) -> None:
    """Return once a condition holds, or fail with ``what`` did not happen in time.

    A condition is a function, or a coroutine function, that returns something true.
    """
    looks = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return
                looks += 1
                await asyncio.sleep(min(max(0, looks - _QUICK_LOOKS) / 1000, _LONGEST_PAUSE))
    except TimeoutError as error:
        raise AssertionError(f"not within {seconds:g} seconds: {what}") from error


async def turns(count: int = 1) -> None:
    """Give way to whatever else the loop has to do, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def steady(
    value: Callable[[], int], what: str, *, looks: int = 200, seconds: float = 30.0
) -> int:
    """Return a value that was the same so many times in a row, with I/O in between."""
    same, last = 0, value()
    try:
        async with asyncio.timeout(seconds):
            while same < looks:
                await asyncio.sleep(0.001)
                now = value()
                same, last = (same + 1, last) if now == last else (0, now)
    except TimeoutError as error:
        raise AssertionError(f"not at rest within {seconds:g} seconds: {what}") from error
    return last


async def pause(seconds: float) -> None:
    """The pace of a client or server that is slow on purpose; never to wait for something."""
    await asyncio.sleep(seconds)
