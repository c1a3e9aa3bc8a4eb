"""The session log's lines to a receiver over HTTP, in batches, as a SessionEventList.

    listen --> queue --run, every INTERVAL or MOST lines--> POST, ATTEMPTS times --> delivered
                 \\-full--> dropped                                 \\--> dropped

Nothing waits for it: a full queue drops the line that comes, and every loss is counted. A line is
encoded on the thread that has it, beside the event loop, which only puts lines together.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable

from auditproxy.apis.session import SESSION_API_VERSION, SessionEvent
from auditproxy.apis.units import MEBIBYTE
from auditproxy.clients.retry import pauses
from auditproxy.clients.webhook import WebhookClient, WebhookError
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode
from auditproxy.sockets.tasks import spawn

WEBHOOK = "webhook"
"""The destination's name in metrics."""
QUEUE = 10_000
"""Lines that may wait."""
QUEUE_LIMIT = 32 * MEBIBYTE
"""Bytes of these lines."""
MOST = 400
"""Lines of one request."""
MOST_BYTES = MEBIBYTE
"""Bytes of one request, unless a single line has more."""
INTERVAL = 1.0
"""Seconds that a line waits for others to go with it."""
ATTEMPTS = 5
INITIAL_BACKOFF = 1.0
"""Seconds before the second attempt."""

_HEAD = f'{{"kind":"SessionEventList","apiVersion":"{SESSION_API_VERSION}","items":['.encode()
_TAIL = b"]}\n"


class SessionWebhook:
    """Delivers lines; ``listen`` may be called on any thread, the rest is the event loop's."""

    def __init__(
        self,
        client: WebhookClient,
        *,
        metrics: SessionMetrics,
        report: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._report = report
        self._sleep = sleep
        self._random = random.SystemRandom().random
        self._loop = asyncio.get_running_loop()
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def listen(self, event: SessionEvent) -> None:
        """Take a line."""
        try:
            line = encode(event)
        except Exception as error:
            self._lost(1, type(error).__name__)
            return
        with contextlib.suppress(RuntimeError):
            # The loop is closed: the process ends.
            self._loop.call_soon_threadsafe(self._take, line)

    def _take(self, line: bytes) -> None:
        if len(self._queue) >= QUEUE or self._bytes + len(line) > QUEUE_LIMIT:
            self._lost(1, "too many lines wait")
            return
        self._queue.append(line)
        self._bytes += len(line)
        self._some.set()

    def start(self) -> None:
        """Deliver what comes, until ``shutdown``."""
        self._running = spawn(self.run(), "send the session log")

    async def run(self) -> None:
        """Deliver what comes, until cancelled."""
        while True:
            await self._some.wait()
            if len(self._queue) < MOST:
                await self._sleep(INTERVAL)
            await self.deliver()

    async def deliver(self) -> None:
        """Deliver one request's worth of what waits."""
        batch = self._batch()
        if not self._queue:
            self._some.clear()
        if not batch:
            return
        try:
            await self._post(_HEAD + b",".join(batch) + _TAIL)
        except WebhookError as error:
            self._lost(len(batch), str(error))
        except asyncio.CancelledError:
            # The receiver may have it already, and gets it once more.
            self._queue.extendleft(reversed(batch))
            self._bytes += sum(map(len, batch))
            raise
        else:
            self._metrics.line(WEBHOOK, "written", len(batch))

    def _batch(self) -> list[bytes]:
        """Take the lines of one request."""
        batch: list[bytes] = []
        size = 0
        while self._queue and len(batch) < MOST:
            size += len(self._queue[0])
            if batch and size > MOST_BYTES:
                break
            batch.append(self._queue.popleft())
            self._bytes -= len(batch[-1])
        return batch

    async def _post(self, body: bytes) -> None:
        for wait in pauses(INITIAL_BACKOFF, ATTEMPTS, self._random):
            try:
                await self._client.post(body)
            except WebhookError:
                await self._sleep(wait)
            else:
                return
        await self._client.post(body)

    def _lost(self, count: int, why: str) -> None:
        self._metrics.line(WEBHOOK, "dropped", count)
        self._report(f"lines of the session log do not reach --session-webhook-config-file: {why}")

    async def shutdown(self, seconds: float) -> None:
        """Deliver what waits within so many seconds, count the rest, and close."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue:
                    await self.deliver()
        if self._queue:
            self._lost(len(self._queue), "not delivered before the shutdown deadline")
            self._queue.clear()
            self._bytes = 0
        await self._client.close()
