"""Losses: every event that a backend could not deliver is counted and reported to operators.

accepting events --lost for a reason of the receiver's, or an attempt failed--> failing
failing          --an event is delivered--> accepting events
"""

import threading
from collections.abc import Callable
from typing import Protocol

from auditproxy.apis.operatorline import OperatorLine
from auditproxy.metrics.registry import Metrics

INTERVAL = 60.0
"""Seconds between two lines about one cause; the later one says how many there were."""

MOST_CAUSES = 100
"""Causes that are remembered for that: a text may have a number of the receiver's in it."""

_OF_THE_EVENT = frozenset(
    {
        "too-large",
        "rejected",
        "encode-error",
        "buffer-full",
        "shutdown",
        "crash",
        "damaged",
        "dead-letter",
        "spool-full",
    }
)
"""Reasons that say nothing of whether the next event would be taken."""


TO_DO = {
    "disk-full": "make room on its disk",
    "write-error": "correct what the line says; the next event is tried again",
    "broken-pipe": "start what reads the log again, and the proxy after it",
    "encode-error": "report it as a fault of the proxy",
    "crash": "report it as a fault of the proxy",
    "too-large": "raise the limit, or record less of such requests in the policy",
    "buffer-full": "raise --audit-{backend}-batch-buffer-size, or make its receiver faster",
    "shutdown": "raise --shutdown-audit-grace-period, and the pod's grace period with it",
    "spool-full": "raise --audit-{backend}-spool-max-bytes, or make its receiver take events",
    "dead-letter": "see why its receiver refuses them, and send the file again",
    "damaged": "look for faults of the spool's disk",
    "rejected": "see why its receiver refuses them",
}
"""What operators can do, by the metric's word."""
_NOT_TAKEN = (
    "make its receiver take events; with --audit-{backend}-spool-dir they wait on the disk instead"
)


class LossCount(Protocol):
    """What a spool says of its lines; any thread may call it. The words are those of Losses."""

    def delivered(self, count: int = 1) -> None:
        """``count`` are where they belong."""
        ...

    def failing(self, public: str) -> None:
        """Nothing is taken at the moment; nothing is lost yet."""
        ...

    def lost(self, count: int, *, plugin: str, reason: str, text: str, public: str = "") -> None:
        """``count`` are lost."""
        ...

    def tell_rest(self) -> None:
        """Report what was counted and not reported yet."""
        ...


class Losses:
    """Counts and reports the losses of one backend, ``log`` or another; any thread may call it.

    ``fault`` is why it accepts no events, "" while it does, and ``failed`` when it last did not.
    It is public, because it names no file and no host.

    A line says what was lost, why, and what to do. It is without the events, which kube-apiserver
    adds (apiserver audit/metrics.go HandlePluginError): their text can hold secrets.
    """

    def __init__(
        self,
        backend: str,
        metrics: Metrics,
        report: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.backend = backend
        self._metrics = metrics
        self._report = report
        self._clock = clock
        self._told: dict[tuple[str, str, str], float] = {}
        self._untold: dict[tuple[str, str, str], int] = {}
        self._lock = threading.Lock()
        self._written = metrics.audit.written_by(backend)
        self._failing_told = float("-inf")
        self.fault = ""
        self.failed = 0.0

    def delivered(self, count: int = 1) -> None:
        """``count`` events are where they belong; one thread says so at a time."""
        self._written.value += count
        if self.fault:
            self.fault = ""

    def failing(self, public: str, text: str = "") -> None:
        """The backend takes nothing at the moment; no event is lost yet.

        ``text`` is why, said where events were taken before, and no sooner than INTERVAL again.
        """
        now = self.failed = self._clock()
        is_new, self.fault = not self.fault, public
        if text and is_new and now - self._failing_told >= INTERVAL:
            self._failing_told = now
            self._report(
                f"audit plugin '{self.backend}': {text}; events wait in memory and are tried again"
            )

    def lost(self, count: int, *, plugin: str, reason: str, text: str, public: str = "") -> None:
        """``count`` events are lost; ``reason`` is the metric's word, ``text`` says why.

        ``public`` is the reason as any client may read it, where it says more than ``reason``.
        """
        self._metrics.audit.dropped(reason, self.backend, plugin, count)
        cause = (plugin, reason, text)
        now = self._clock()
        if reason not in _OF_THE_EVENT:
            self.failing(public or reason)
        with self._lock:
            total = self._untold.get(cause, 0) + count
            told = self._told.pop(cause, None)
            if told is not None and now - told < INTERVAL:
                self._told[cause] = told
                self._untold[cause] = total
                return
            oldest, rest = None, 0
            if len(self._told) >= MOST_CAUSES:
                oldest = next(iter(self._told))
                del self._told[oldest]
                rest = self._untold.pop(oldest, 0)
            self._told[cause] = now
            self._untold[cause] = 0
        if oldest is not None and rest:
            self._report(_line(self.backend, oldest[0], rest, *oldest[1:]))
        self._report(_line(self.backend, plugin, total, reason, text))

    def tell_rest(self) -> None:
        """Report what was counted since the last line about each cause."""
        with self._lock:
            rest = {cause: count for cause, count in self._untold.items() if count}
            self._untold.clear()
        for (plugin, reason, text), count in rest.items():
            self._report(_line(self.backend, plugin, count, reason, text))


def _line(backend: str, plugin: str, count: int, reason: str, text: str) -> str:
    """What was lost, by what, why, and what to do."""
    lost = f"lost {count} audit event{'' if count == 1 else 's'}"
    fix = TO_DO.get(reason) or (TO_DO["write-error"] if backend == "log" else _NOT_TAKEN)
    line = f"{lost} (audit plugin '{plugin}'): {text}; {fix.format(backend=backend)}"
    return OperatorLine(line, plugin=plugin, count=count, reason=reason)
