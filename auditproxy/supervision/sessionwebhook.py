"""The session log's lines to a receiver over HTTP, in batches, as a SessionEventList.

    listen --> queue --run, every INTERVAL or MOST lines--> POST, ATTEMPTS times --> delivered
                 \\-full--> dropped                                 \\--> dropped

Nothing waits for it: a full queue drops the line that comes, and every loss is counted.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable

from auditproxy.apis.session import SESSION_API_VERSION, SessionEvent
from auditproxy.clients.retry import pauses
from auditproxy.clients.webhook import WebhookClient, WebhookError
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode
from auditproxy.sockets.tasks import spawn

WEBHOOK = "webhook"
"""The destination's name in metrics."""
QUEUE = 10_000
"""Lines that may wait."""
MOST = 400
"""Lines of one request."""
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
        self._queue: deque[SessionEvent] = deque()
        self._some = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def listen(self, event: SessionEvent) -> None:
        """Take a line."""
        with contextlib.suppress(RuntimeError):
            # The loop is closed: the process ends.
            self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: SessionEvent) -> None:
        if len(self._queue) >= QUEUE:
            self._lost(1, "too many lines wait")
            return
        self._queue.append(event)
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
        batch = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
        if not self._queue:
            self._some.clear()
        if not batch:
            return
        try:
            await self._post(_HEAD + b",".join(map(encode, batch)) + _TAIL)
        except WebhookError as error:
            self._lost(len(batch), str(error))
        except asyncio.CancelledError:
            # The receiver may have it already, and gets it once more.
            self._queue.extendleft(reversed(batch))
            raise
        else:
            self._metrics.line(WEBHOOK, "written", len(batch))

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
        await self._client.close()
