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

SKIMMING_SHARE = 0.25
"""Part of a body's time that skimming takes where reading all of it takes all of the time."""


class BudgetExceededError(SerializationError):
    """A body costs more than it may; its text says which bound it met."""


class Budget:
    """The remaining budget of one body: ``seconds`` of ``clock`` from the first node.

    ``stopped`` is called whenever the clock is read; it returns true once the body is not needed.
    """

    __slots__ = ("_clock", "_limit", "_seconds", "_skim_until", "_stopped", "_unchecked", "_until",
                 "_whole", "nodes", "reason", "text")  # fmt: skip

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
        self._skim_until: float | None = None
        self._whole: Budget | None = None

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

        The time that reading has left, but at least SKIMMING_SHARE of all; of YAML twice the
        bytes, which is more than kube-apiserver accepts. Further calls give no further time.
        A bound that it meets is this one's ``reason`` too, unless there is one.
        """
        if self._whole is not None:
            return self
        if self._clock is not None and self._skim_until is None:
            now = self._clock()
            until = now + self._seconds if self._until is None else self._until
            self._skim_until = max(until, now + self._seconds * SKIMMING_SHARE)
        skimming = Budget(
            sys.maxsize,
            text=min(2 * self.text, sys.maxsize),
            seconds=self._seconds,
            clock=self._clock,
            stopped=self._stopped,
        )
        skimming._until = self._skim_until
        skimming._whole = self
        return skimming

    def exceeded(self, reason: str, why: str) -> BudgetExceededError:
        """The error for a bound that was met, to be raised."""
        self.reason = reason
        if self._whole is not None and not self._whole.reason:
            self._whole.reason = reason
        return BudgetExceededError(f"not decoded: {why}")
