"""A thread that does what must not hold up the event loop, one thing after the other."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable


class OrderedThread:
    """Runs work in the order in which it was given, on one thread; the thread starts with it.

    Work must not raise. The thread is a daemon: what stalls on a disk or a pipe holds up neither
    the loop nor the end of the process.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._working_since: float | None = None
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def started(self) -> bool:
        """Whether it was ever given anything."""
        return self._thread is not None

    @property
    def stalled(self) -> float:
        """Seconds that the work under way has taken, 0 without any."""
        since = self._working_since
        return 0.0 if since is None else self._clock() - since

    def run(self, work: Callable[[], None]) -> None:
        """Do something on the thread, after what it has to do already; any thread may call it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._work.put(work)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            self._working_since = self._clock()
            try:
                work()
            finally:
                self._working_since = None

    async def close(self, last: Callable[[], None], seconds: float) -> bool:
        """Run ``last`` and end the thread; false when it did not get there within ``seconds``.

        Once it is closed nothing more is run, and closing it again has no effect.
        """
        if self._is_closed:
            return True
        loop = asyncio.get_running_loop()
        closed: asyncio.Future[bool] = loop.create_future()

        def finish() -> None:
            try:
                last()
            finally:
                with contextlib.suppress(RuntimeError):
                    # The loop is closed: the wait was over before.
                    loop.call_soon_threadsafe(settle, closed, True)

        self.run(finish)
        self._is_closed = True
        self._work.put(None)
        await asyncio.wait({closed}, timeout=seconds)
        return closed.done()


def settle(future: "asyncio.Future[bool]", value: bool) -> None:
    """Give a future its value; one that is done keeps its own."""
    if not future.done():
        future.set_result(value)
