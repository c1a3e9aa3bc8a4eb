"""TurnEnd: what is done together at the end of a turn of the event loop.

    add --(the first of a turn)--> waits --(the turn ends, or AT_MOST is over)--> done, in order

A write to a socket wakes the program at its other end. Where the bodies of many requests are read
in one turn, and each answer is written between two of them, that program has gone to sleep again
each time; waking it costs as much as the rest of a small request.
"""

import asyncio
from collections.abc import Callable

AT_MOST = 1_000_000
"""Nanoseconds that the first of a turn waits, up to the next step that is added."""


class TurnEnd:
    """Steps of this turn; ``clock`` is monotonic, in nanoseconds."""

    __slots__ = ("_clock", "_steps", "_until")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._steps: list[Callable[[], None]] = []
        self._until = 0

    def add(self, loop: asyncio.AbstractEventLoop, step: Callable[[], None]) -> None:
        """Have ``step`` done before the next turn of ``loop``; what it raises is the loop's."""
        self._steps.append(step)
        if len(self._steps) == 1:
            self._until = self._clock() + AT_MOST
            loop.call_soon(self._do, loop)
        elif self._clock() > self._until:
            self._do(loop)

    def _do(self, loop: asyncio.AbstractEventLoop) -> None:
        steps, self._steps = self._steps, []
        for step in steps:
            try:
                step()
            except Exception as crash:
                # The others are not to wait for ever.
                loop.call_exception_handler({"message": "a request's end", "exception": crash})
