"""Modes: what a delivery means to its request (apiserver server/options/audit.go).

    blocking         the request waits for the delivery and never hears of its failure
    blocking-strict  it waits, and is refused when its RequestReceived event is lost

Mode ``batch`` is buffered.py.
"""

import asyncio

from auditproxy.apis.audit import Event
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.backend import Backend, Deliverer, Delivery
from auditproxy.backends.ending import finish
from auditproxy.backends.losses import Losses
from auditproxy.backends.outcomes import whatever
from auditproxy.backends.weight import MAXIMUM_BYTES, weight
from auditproxy.sockets.tasks import spawn

MAXIMUM_DELIVERIES = 10_000
"""Deliveries under way at once. Clients that do not wait for their answers could start any
number of them; kube-apiserver has no bound."""


class IgnoreErrors:
    """Mode ``blocking``: reports success to the request, whatever the result."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Pass the events on; resolves to true when the delivery ends."""
        outcome = self._inner.process_events(events)
        return True if isinstance(outcome, bool) else whatever(outcome)

    async def shutdown(self, grace: float) -> None:
        """Shut the inner backend down."""
        await self._inner.shutdown(grace)

    def __str__(self) -> str:
        return f"ignoreErrors<{self._inner}>"


class Awaited:
    """Delivers what it is given at once, in tasks of their own; requests may wait for them.

    ``waiting`` events are neither delivered nor dropped yet.
    """

    def __init__(
        self, deliverer: Deliverer, losses: Losses, *, maximum: int = MAXIMUM_DELIVERIES
    ) -> None:
        self._deliverer = deliverer
        self._losses = losses
        self.maximum = maximum
        self._under_way: dict[asyncio.Task[bool], int] = {}
        self._bytes = 0
        self.waiting = 0
        self._is_shut = False

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Begin to deliver the events."""
        if self._is_shut:
            return self._refuse(events, "shutdown", "audit backend shut down")
        if len(self._under_way) >= self.maximum:
            text = f"{self.maximum} deliveries are in progress"
            return self._refuse(events, "buffer-full", text)
        size = sum(map(weight, events))
        if not self._has_bytes(size):
            text = f"{MAXIMUM_BYTES // MEBIBYTE} MiB of events wait for their delivery"
            return self._refuse(events, "buffer-full", text)
        self._bytes += size
        self.waiting += len(events)
        task = spawn(self._deliverer.deliver(events), "deliver events")
        # A future of its own: a request that gives up waiting must not end the delivery.
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._under_way[task] = len(events)
        task.add_done_callback(lambda done: self._ended(done, size, outcome))
        return outcome

    def has_room(self, events: tuple[Event, ...]) -> bool:
        """Whether the events would be delivered and not refused."""
        free = self.maximum - len(self._under_way)
        return not self._is_shut and free > 0 and self._has_bytes(sum(map(weight, events)))

    def _has_bytes(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= MAXIMUM_BYTES

    def _ended(
        self, task: "asyncio.Task[bool]", size: int, outcome: "asyncio.Future[bool]"
    ) -> None:
        count = self._under_way.pop(task)
        self._bytes -= size
        self.waiting -= count
        success = False
        if not task.cancelled():
            crash = task.exception()
            if crash is None:
                success = task.result()
            else:
                self._losses.lost(
                    count,
                    plugin=str(self._deliverer),
                    reason="crash",
                    text=f"delivering crashed: {type(crash).__name__}",
                )
        if not outcome.done():
            outcome.set_result(success)

    def _refuse(self, events: tuple[Event, ...], reason: str, text: str) -> bool:
        self._losses.lost(len(events), plugin=str(self._deliverer), reason=reason, text=text)
        return False

    async def shutdown(self, grace: float) -> None:
        """Wait for deliveries, cancel what does not end in time, and close."""
        self._is_shut = True
        await finish(set(self._under_way), grace)
        await self._deliverer.shutdown()
        self._losses.tell_rest()

    def __str__(self) -> str:
        return str(self._deliverer)
