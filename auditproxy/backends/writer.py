"""Writer: the log backend on a thread of its own, for its batch mode and for large events.

A disk or a pipe that stalls holds up this thread and neither requests nor the
process's end: the thread is a daemon.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from auditproxy.apis.audit import Event
from auditproxy.backends.log import LogBackend
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.thread import OrderedThread, settle

CLOSING = 1.0
"""Seconds that the thread has to write what it has begun and to close the log."""


def _nothing() -> None:
    """There is nothing to do."""


class _Batch:
    """Events on their way through the thread; ``started`` counts those it has taken up."""

    def __init__(self, events: tuple[Event, ...], done: "asyncio.Future[bool]") -> None:
        self.events = events
        self.done = done
        self.started = 0
        self.is_abandoned = False
        self.lock = threading.Lock()

    def next(self) -> Event | None:
        """The next event to write, None when there is none or the caller waits no longer."""
        with self.lock:
            if self.is_abandoned or self.started == len(self.events):
                return None
            self.started += 1
            return self.events[self.started - 1]

    def abandon(self) -> int:
        """Take up no more events; returns how many were left."""
        with self.lock:
            self.is_abandoned = True
            return len(self.events) - self.started


class LogWriter:
    """Delivers batches to a log backend, one after the other, on one thread.

    It is given work on the event loop, and lends the log to its thread for it.
    """

    def __init__(self, backend: LogBackend, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock = clock
        self._writing_since: float | None = None
        self._thread = OrderedThread("audit-log", clock=clock)
        self._is_closed = False

    def deliver(self, events: tuple[Event, ...]) -> Coroutine[Any, Any, bool]:
        """Write events, behind all that was given before; the coroutine waits for it.

        False when one was dropped. What is cancelled is dropped and counted.
        """
        loop = asyncio.get_running_loop()
        batch = _Batch(events, loop.create_future())
        success = True

        def write() -> None:
            nonlocal success
            while (event := batch.next()) is not None:
                success = self._write(event) and success

        def settled() -> None:
            hand_over(loop, settle, batch.done, success)

        self.run(write, settled)
        return self._written(batch)

    async def _written(self, batch: _Batch) -> bool:
        try:
            return await batch.done
        except asyncio.CancelledError:
            self._lost(batch.abandon())
            raise

    def _write(self, event: Event) -> bool:
        """Write one event; a fault of ours loses it, and not the thread with all that follow."""
        self._writing_since = self._clock()
        try:
            return self._backend.process_events((event,))
        except Exception as crash:
            self._backend.losses.lost(
                1,
                plugin=str(self._backend),
                reason="crash",
                text=f"writing crashed: {type(crash).__name__}",
            )
            return False
        finally:
            self._writing_since = None

    @property
    def stalled(self) -> float:
        """Seconds that the write under way has taken, 0 without one."""
        since = self._writing_since
        return 0.0 if since is None else self._clock() - since

    def _lost(self, count: int) -> None:
        if count:
            self._backend.losses.lost(
                count,
                plugin=str(self._backend),
                reason="shutdown",
                text="not written before the shutdown deadline",
            )

    def drain(self) -> None:
        """Wait, and have the caller's thread wait, until all is written that was given so far."""
        written = threading.Event()
        self.run(_nothing, written.set)
        written.wait()

    def run(self, work: Callable[[], None], then: Callable[[], None] = _nothing) -> None:
        """Do something on the thread, after what it has to do already, and ``then`` something more.

        For ``then`` the log is returned.
        """
        self._backend.lent += 1
        self._thread.run(partial(self._do, work, then))

    def _do(self, work: Callable[[], None], then: Callable[[], None] = _nothing) -> None:
        try:
            work()
        finally:
            # First: what follows may use the log again.
            self._backend.returned += 1
            then()

    async def shutdown(self) -> None:
        """Close the log once the thread has come to it; a stalled one is left behind."""
        if not self._thread.started:
            self._backend.close()
            return
        if self._is_closed:
            return
        self._is_closed = True
        self._backend.lent += 1
        if not await self._thread.close(partial(self._do, self._backend.close), CLOSING):
            # The line under way is nowhere whole.
            self._lost(self._writing_since is not None)
            self._backend.losses.tell_rest()

    def __str__(self) -> str:
        return str(self._backend)
