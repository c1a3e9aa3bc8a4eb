"""SpoolState: whether a spool takes events and its receiver does, for /readyz and the metrics.

    well --the disk fails, or the spool is full--> failing --an event is stored--> well

While a receiver is away requests can be served: that is what the spool is for. They should go to
another replica where the spool is full, or its disk fails.
"""

from collections.abc import Callable

from auditproxy.apis.units import MEBIBYTE, SECOND
from auditproxy.backends.losses import Losses
from auditproxy.backends.sinkstate import PATIENCE
from auditproxy.backends.spool.backend import SpoolBackend


def shown_size(spool: SpoolBackend) -> str:
    """The size of its files, for people."""
    size = spool.store.size
    return f"{size / MEBIBYTE:.1f} MiB" if size >= MEBIBYTE else f"{-(-size // 1024)} KiB"


class SpoolState:
    """The state of a spooled backend; it is public."""

    def __init__(
        self, backend: SpoolBackend, losses: Losses, nanoseconds: Callable[[], int]
    ) -> None:
        self.name = f"audit-{losses.backend}"
        self.backend = losses.backend
        self._spool = backend
        self._losses = losses
        self._nanoseconds = nanoseconds

    def check(self) -> bool | str:
        """True while requests can be served as the mode promises, else why not."""
        if self._spool.config.mode == "batch":
            return True
        return self._fault() or True

    def describe(self) -> tuple[str, ...]:
        """The state in one line, whatever the mode."""
        spool = self._spool
        fault, away = self._fault(), spool.drain.fault
        said = [f"not accepting events: {fault}" if fault else "accepting events"]
        if away:
            said.append(f"the receiver does not take them: {away}")
        if waiting := spool.waiting:
            said.append(f"{waiting} wait for the disk")
        if stored := spool.store.waiting:
            said.append(f"{stored} wait in the spool ({shown_size(spool)}), for {self.age():.0f} s")
        return (f"{self.name}: {', '.join(said)}",)

    def is_well(self) -> bool:
        """Whether events are stored, and the receiver takes them."""
        return not (self._fault() or self._spool.drain.fault or self._losses.fault)

    def stalled(self) -> float:
        """Seconds that the work under way on files has taken."""
        return self._spool.stalled

    def age(self) -> float:
        """Seconds since the oldest event in the spool, 0 without one."""
        made = self._spool.oldest
        return max(0.0, (self._nanoseconds() - made) / SECOND) if made else 0.0

    def _fault(self) -> str:
        intake = self._spool.intake
        if intake.fault:
            return f"spool: {intake.fault}"
        if intake.is_full and self._spool.config.full != "drop-oldest":
            return "spool: full"
        seconds = self.stalled()
        return f"a write has taken {seconds:.0f} s so far" if seconds > PATIENCE else ""
