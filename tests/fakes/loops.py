"""The event loops that tests run on: asyncio's and uvloop's, and one whose clock a test moves.

A test module that sets ``BOTH_LOOPS = True`` runs each of its async tests on
both, one that sets ``STEPPED_LOOP = True`` runs them on a SteppedLoop; tests/conftest.py asks
``loop_factories`` for every test.
"""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.fakes.waiting import turns


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands still until it is moved; real I/O works."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__()

    def time(self) -> float:
        """The time that was set."""
        return self._now

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, a quarter of a second at once, and whatever is due happen."""
        end = self._now + seconds
        while self._now < end:
            self._now = min(end, self._now + 0.25)
            await turns(3)


def loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops that a test runs on, by the name that its id shows."""
    module = getattr(item, "module", None)
    if getattr(module, "BOTH_LOOPS", False):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    if getattr(module, "STEPPED_LOOP", False):
        return {"stepped": SteppedLoop}
    return {"asyncio": asyncio.new_event_loop}
