"""The buffered backend: events wait in a queue and go out in batches.

    process_events --> queue --collect--> batch --throttle--> deliver
                         |full: dropped, counted              |in order, or many at once

A batch goes out when it is full or when the round's time is over. A round
begins with the end of the one before, so an event waits from nothing to the
whole of it. Nothing here waits on behalf of a request. Apart from its two
bounds, bytes and deliveries at once, this is apiserver plugin/pkg/audit/buffered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Deliverer
from auditproxy.backends.ending import finish
from auditproxy.backends.losses import Losses
from auditproxy.backends.throttle import TokenBucket
from auditproxy.backends.weight import MAXIMUM_BYTES, weight
from auditproxy.sockets.tasks import spawn

PLUGIN = "buffered"

MAXIMUM_SENDS = 100
"""Deliveries under way at once; kube-apiserver has no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """How a buffer works; ``max_wait`` is in seconds.

    ``in_order`` delivers one batch after the other, and lets up to ``along``
    events that wait already join a batch: a file knows no batches.
    """

    buffer_size: int
    max_size: int
    max_wait: float
    bucket: TokenBucket | None = None
    in_order: bool = False
    along: int = 0
    maximum_bytes: int = MAXIMUM_BYTES
    maximum_sends: int = MAXIMUM_SENDS


class BufferedBackend:
    """Takes events at once and delivers them later; what does not fit is dropped and counted.

    ``waiting`` events are in the queue or under way; the worker starts with the first.
    """

    def __init__(
        self,
        deliverer: Deliverer,
        config: BatchConfig,
        losses: Losses,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._deliverer = deliverer
        self._config = config
        self._losses = losses
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[Event] = deque()
        self._forming: list[Event] = []
        self._bytes = 0
        self.waiting = 0
        self._arrival: asyncio.Future[bool] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._sends: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(config.maximum_sends)
        self._is_shut = False

    # --- taking ------------------------------------------------------------------

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Queue the events; always true, for a request never hears of its events here."""
        if self._is_shut:
            self._lost(len(events), "shutdown", "audit backend shut down")
            return True
        config = self._config
        for position, event in enumerate(events):
            size = weight(event)
            if len(self._queue) >= config.buffer_size or (
                self._bytes + size > config.maximum_bytes
                # One larger than the bound can still go alone.
                and self._bytes
            ):
                # As kube-apiserver: what comes after the first one is lost with it.
                self._lost(len(events) - position, "buffer-full", "audit buffer queue blocked")
                break
            self._queue.append(event)
            self._bytes += size
            self.waiting += 1
        if self._worker is None and self._queue:
            self._worker = spawn(self._work(), "batch events")
        self._wake()
        return True

    def _lost(self, count: int, reason: str, text: str) -> None:
        self._losses.lost(count, plugin=PLUGIN, reason=reason, text=text)

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(True)

    # --- the worker --------------------------------------------------------------

    async def _work(self) -> None:
        """Round after round, until nothing more will come."""
        while not (self._is_shut and not self._queue):
            batch = await self._collect()
            if batch:
                await self._send(batch)
        if self._sends:
            await asyncio.wait(self._sends)

    async def _collect(self) -> tuple[Event, ...]:
        """The events of one round; none when the stop came first."""
        config = self._config
        loop = asyncio.get_running_loop()
        began = loop.time()
        # Not a variable: a shutdown that comes to its end here must still know of them.
        batch = self._forming
        expires: float | None = None
        while len(batch) < config.max_size:
            if self._queue:
                batch.append(self._queue.popleft())
                continue
            if self._is_shut:
                break
            if batch and expires is None:
                # Rounds without an event are not waited for one by one.
                spent = (loop.time() - began) % config.max_wait if config.max_wait > 0 else 0.0
                expires = loop.time() + config.max_wait - spent
            if not await self._more(expires):
                break
        while self._queue and len(batch) < config.along:
            batch.append(self._queue.popleft())
        self._forming = []
        return tuple(batch)

    async def _more(self, expires: float | None) -> bool:
        """Wait for an event or the stop; false when the loop's clock has come to ``expires``."""
        loop = asyncio.get_running_loop()
        arrival: asyncio.Future[bool] = loop.create_future()
        self._arrival = arrival
        timer = None
        if expires is not None:
            timer = loop.call_at(
                expires, lambda: None if arrival.done() else arrival.set_result(False)
            )
        try:
            return await arrival
        finally:
            self._arrival = None
            if timer is not None:
                timer.cancel()

    async def _send(self, batch: tuple[Event, ...]) -> None:
        """Deliver a batch, after the throttle's wait."""
        try:
            if self._config.bucket is not None:
                pause = self._config.bucket.take(self._clock())
                if pause > 0:
                    await self._sleep(pause)
            if not self._config.in_order:
                await self._slots.acquire()
        except asyncio.CancelledError:
            self._dropped_at_shutdown(batch)
            raise
        if self._config.in_order:
            await self._deliver(batch)
            return
        task = spawn(self._deliver(batch), "deliver a batch of events")
        self._sends.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: "asyncio.Task[None]") -> None:
        self._sends.discard(task)
        self._slots.release()

    async def _deliver(self, batch: tuple[Event, ...]) -> None:
        """Deliver one batch to its end; a crash of the backend loses this batch only."""
        try:
            await self._deliverer.deliver(batch)
        except Exception as crash:
            text = f"delivering crashed: {type(crash).__name__}"
            self._lost(len(batch), "crash", text)
        finally:
            self._release(batch)

    def _release(self, batch: tuple[Event, ...]) -> None:
        self.waiting -= len(batch)
        self._bytes -= sum(map(weight, batch))

    def _dropped_at_shutdown(self, batch: tuple[Event, ...]) -> None:
        self._lost(len(batch), "shutdown", "not delivered before the shutdown deadline")
        self._release(batch)

    # --- the end ----------------------------------------------------------------

    async def shutdown(self, grace: float) -> None:
        """Deliver what is queued, still throttled, for at most ``grace`` seconds; then close."""
        self._is_shut = True
        self._wake()
        worker = self._worker
        if worker is not None:
            await finish({worker}, grace)
            # The worker is gone, so there are no more; each has begun and counts its own.
            await finish(set(self._sends), 0.0)
            rest = (*self._forming, *self._queue)
            self._forming = []
            self._queue.clear()
            if rest:
                self._dropped_at_shutdown(rest)
        await self._deliverer.shutdown()
        self._losses.tell_rest()

    def __str__(self) -> str:
        return f"buffered<{self._deliverer}>"
