"""Outcomes of several deliveries as one."""

import asyncio
from itertools import product

import pytest

from auditproxy.backends.outcomes import all_of, whatever
from tests.fakes.waiting import turns


@pytest.mark.parametrize("known", list(product([True, False], repeat=2)))
def test_known(known: tuple[bool, bool]) -> None:
    """What is known at once is told at once."""
    assert all_of(known) is all(known)
    assert all_of([]) is True
    assert whatever(known[0]) is True


async def test_alone() -> None:
    """One that is not known yet, and nothing else of interest, stays what it is."""
    future = asyncio.get_running_loop().create_future()
    assert all_of([True, future]) is future
    assert all_of([False, future]) is not future
    future.set_result(True)


@pytest.mark.parametrize("known", list(product([True, False], repeat=3)))
async def test_later(known: tuple[bool, bool, bool]) -> None:
    """Any that is false makes the whole false; each is awaited, whatever the others say."""
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(2)]
    outcome = all_of([futures[0], known[0], futures[1]])
    assert not isinstance(outcome, bool)
    futures[0].set_result(known[1])
    futures[1].set_result(known[2])
    assert await outcome is all(known)


async def test_whatever_waits() -> None:
    """True, but not before it is known."""
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    outcome = whatever(future)

    async def wait() -> bool:
        assert not isinstance(outcome, bool)
        return await outcome

    waiting = asyncio.create_task(wait())
    await turns()
    assert not waiting.done()
    future.set_result(False)
    assert await waiting is True
