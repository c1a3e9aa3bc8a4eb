"""Budget: what reading one body may cost, so that no body can keep the others waiting.

A reader spends nodes (values, names, fields) as it runs, and stops itself when none are
left, because it cannot be stopped from outside. Nodes make the outcome the same on every
machine; the time limit is for costs that nodes do not cover.
"""

import sys
from collections.abc import Callable

from auditproxy.serializer.errors import SerializationError

CHECKED = 1024
"""Nodes, or steps of the JSON reader, between two clock readings: a fraction of a millisecond."""


class BudgetExceededError(SerializationError):
    """A body costs more than it may; its text says which bound it met."""


class Budget:
    """The remaining budget of one body: ``seconds`` of ``clock`` from the first node.

    ``stopped`` is called whenever the clock is read; it returns true once the body is not needed.
    """

    __slots__ = ("_clock", "_limit", "_seconds", "_stopped", "_unchecked", "_until", "nodes",
                 "reason", "text")  # fmt: skip

    def __init__(
        self,
        nodes: int,
        *,
        text: int = sys.maxsize,
        seconds: float = 0.0,
        clock: Callable[[], float] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.nodes = nodes
        self.reason = ""
        """Which bound was met: ``nodes``, ``time`` or ``shutdown``; "" when none was."""
        self.text = text
        """Bytes of YAML: one value may be all of it, and is read in one piece."""
        self._limit = nodes
        self._seconds = seconds
        self._clock = clock
        self._stopped = stopped
        self._until: float | None = None
        self._unchecked = 0

    def spend(self, nodes: int) -> None:
        """Take nodes; raises BudgetExceededError when there are none left, or no time."""
        self.nodes -= nodes
        if self.nodes < 0:
            raise self.exceeded("nodes", f"more than {self._limit} values to read")
        self._unchecked += nodes
        if self._unchecked >= CHECKED:
            self.check()

    def tick(self, steps: int = 1) -> None:
        """Take steps that cost time and no nodes; raises BudgetExceededError when it is over."""
        self._unchecked += steps
        if self._unchecked >= CHECKED:
            self.check()

    def check(self) -> None:
        """Check the clock; raises BudgetExceededError."""
        self._unchecked = 0
        if self._stopped():
            raise self.exceeded("shutdown", "the proxy was stopping")
        if self._clock is None:
            return
        now = self._clock()
        if self._until is None:
            self._until = now + self._seconds
        elif now > self._until:
            raise self.exceeded("time", f"reading it takes more than {self._seconds:.3g} s")

    def to_skim(self) -> "Budget":
        """Return the budget for skimming a body that was too expensive to read: time only.

        The same time as for reading; of YAML twice the bytes, which is more than
        kube-apiserver accepts.
        """
        text = min(2 * self.text, sys.maxsize)
        return Budget(
            sys.maxsize,
            text=text,
            seconds=self._seconds,
            clock=self._clock,
            stopped=self._stopped,
        )

    def exceeded(self, reason: str, why: str) -> BudgetExceededError:
        """The error for a bound that was met, to be raised."""
        self.reason = reason
        return BudgetExceededError(f"not decoded: {why}")
