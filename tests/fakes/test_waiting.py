"""fakes/waiting.py: waits end with what they wait for, or say what did not happen."""

import asyncio

import pytest

from tests.fakes.waiting import steady, turns, until


async def test_until() -> None:
    """The condition is looked at again and again, be it a function or a coroutine function."""
    looks = iter([False, 0, "", "now"])
    await until(lambda: next(looks), "the fourth look")
    assert next(looks, None) is None

    answers = iter([False, True])

    async def asked() -> bool:
        await turns()
        return next(answers)

    await until(asked, "the second answer")
    assert next(answers, None) is None


async def test_until_fails() -> None:
    """It says what it waited for."""
    with pytest.raises(AssertionError, match=r"not within 0.01 seconds: the moon"):
        await until(lambda: False, "the moon", seconds=0.01)


async def test_turns() -> None:
    """So many others come to their turn."""
    seen: list[int] = []
    asyncio.get_running_loop().call_soon(seen.append, 1)
    await turns()
    assert seen == [1]


async def test_steady() -> None:
    """A value that still changes is not at rest."""
    values = iter([1, 2, 3, 3, 3, 3, 4])
    assert await steady(lambda: next(values), "the values", looks=3) == 3
    numbers = iter(range(1 << 30))
    with pytest.raises(AssertionError, match="not at rest within 0.05 seconds: the numbers"):
        await steady(lambda: next(numbers), "the numbers", looks=3, seconds=0.05)
