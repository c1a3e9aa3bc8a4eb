"""SinkState: whether a backend's receiver takes events, for /readyz and the metrics.

    well --an event or an attempt is refused--> failing --an event is taken--> well
                                                      --RETRY, and the probe finds nothing--> well
    well --a write takes longer than PATIENCE--> stalled --it ends--> well

Requests that would only be refused or kept waiting should go to another replica, so
/readyz fails for a strict backend that fails and for a blocking one that stalls. Without
requests nothing is written, so that a probe has to find out when they may come again.
"""

from collections.abc import Callable
from typing import Protocol

from auditproxy.backends.losses import Losses

PATIENCE = 5.0
"""Seconds that a write may take until it counts as stalled."""

RETRY = 10.0
"""Seconds after a failure until a probe may take its place."""

PROBE_INTERVAL = 1.0
"""Seconds that a probe's result is reused: any client may request /readyz, at any rate."""


_REFUSING = frozenset({"blocking-strict", "durable"})
"""Modes in which a request is refused when its arrival cannot be stored."""


class State(Protocol):
    """How a backend fares; it is public."""

    name: str
    backend: str

    def check(self) -> bool | str:
        """True while requests can be served as the mode promises, else why not."""
        ...

    def describe(self) -> tuple[str, ...]:
        """The state in one line, whatever the mode."""
        ...

    def is_well(self) -> bool:
        """Whether the last event that was tried was taken, and none is stuck."""
        ...

    def stalled(self) -> float:
        """Seconds that the write under way has taken, 0 without one."""
        ...


class SinkState:
    """The state of one backend, ``log`` or ``webhook``; it is public.

    ``stalled`` returns the seconds that the current write has taken, ``probe`` why an event
    could not be accepted now, "" where no fault is known. ``waiting`` counts events.
    """

    def __init__(
        self,
        losses: Losses,
        *,
        mode: str,
        clock: Callable[[], float],
        waiting: Callable[[], int] = lambda: 0,
        stalled: Callable[[], float] = lambda: 0.0,
        probe: Callable[[], str] = lambda: "",
    ) -> None:
        self.name = f"audit-{losses.backend}"
        self.backend = losses.backend
        self._losses = losses
        self._mode = mode
        self._clock = clock
        self._waiting = waiting
        self._probe = probe
        self._probed = (float("-inf"), "")
        self._stalled = stalled

    def stalled(self) -> float:
        """Seconds that the current write has taken, 0 without one."""
        return self._stalled()

    def check(self) -> bool | str:
        """True while requests can be served as the mode promises, else why not."""
        if self._mode == "batch":
            return True
        if stall := self._stall():
            return stall
        if self._mode not in _REFUSING:
            return True
        return self._failure() or True

    def describe(self) -> tuple[str, ...]:
        """The state in one line, whatever the mode."""
        fault = self._stall() or self._losses.fault
        state = f"not accepting events: {fault}" if fault else "accepting events"
        waiting = self._waiting()
        return (f"{self.name}: {state}" + (f", {waiting} wait" if waiting else ""),)

    def is_well(self) -> bool:
        """Whether the last event that was tried was taken, and none is stuck."""
        return not (self._losses.fault or self._stall())

    def _stall(self) -> str:
        seconds = self.stalled()
        return f"a write has taken {seconds:.0f} s so far" if seconds > PATIENCE else ""

    def _failure(self) -> str:
        fault = self._losses.fault
        now = self._clock()
        if not fault or now - self._losses.failed < RETRY:
            return fault
        if now - self._probed[0] >= PROBE_INTERVAL:
            self._probed = (now, self._probe())
        return self._probed[1]
