"""The webhook's calls as seen from outside: slow ones are logged as kube-apiserver logs them.

    Trace[129849]: "Call Audit Events webhook" name:webhook,event-count:3 (...) (total time: 80ms):
    Trace[129849]: [80.213ms] [80.213ms] END

A call is one attempt to deliver a batch (apiserver plugin/pkg/audit/webhook, k8s.io/utils/trace).
"""

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from auditproxy.serializer.duration import format_duration

NAME = "Call Audit Events webhook"
"""kube-apiserver's name of a call, in its log and in traces."""

MILLISECOND = 1_000_000
SLOW = 50 * MILLISECOND
"""Nanoseconds that a call may take without being logged,"""
SLOW_EVENT = 25 * MILLISECOND
"""and as many more for each of its events."""

Ended = Callable[[int, int, int, bool], None]
"""Takes a call: its events, when it began and ended (nanoseconds since the epoch), its failure."""


def slow_call(plugin: str, count: int, began: int, spent: int, number: int) -> tuple[str, str]:
    """Return the two lines of a slow call; ``began`` is since the epoch, both nanoseconds."""
    time = datetime.fromtimestamp(began / 1e9, UTC)
    text = f"{time:%d-%b-%Y %H:%M:%S}.{time.microsecond // 1000:03d}"
    took = format_duration(spent)
    return (
        f'Trace[{number}]: "{NAME}" name:{plugin},event-count:{count} ({text}) '
        f"(total time: {spent // MILLISECOND}ms):",
        f"Trace[{number}]: [{took}] [{took}] END",
    )


class WebhookCalls:
    """Watches calls; ``report`` gets the lines of slow ones, ``ended`` every call."""

    def __init__(
        self,
        *,
        wall_clock: Callable[[], int],
        monotonic_clock: Callable[[], int],
        report: Callable[[str], None],
        ended: Ended | None = None,
    ) -> None:
        self._wall_clock = wall_clock
        self._monotonic_clock = monotonic_clock
        self._report = report
        self._ended = ended

    @contextlib.contextmanager
    def call(self, plugin: str, count: int) -> Iterator[None]:
        """Watch one call, of so many events."""
        began, started = self._wall_clock(), self._monotonic_clock()
        failed = True
        try:
            yield
            failed = False
        finally:
            spent = self._monotonic_clock() - started
            if self._ended is not None:
                self._ended(count, began, began + spent, failed)
            if spent >= SLOW + SLOW_EVENT * count:
                number = random.getrandbits(31)
                for line in slow_call(plugin, count, began, spent, number):
                    self._report(line)


def unwatched(plugin: str, count: int) -> contextlib.AbstractContextManager[None]:
    """Watch nothing."""
    return contextlib.nullcontext()
