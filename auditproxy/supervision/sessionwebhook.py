"""The session log's lines to a receiver over HTTP, in batches, as a SessionEventList.

    listen --> queue --run, every INTERVAL or MOST lines--> POST --> delivered
                 |full: the line that comes is dropped       |refused: dropped
                                                             |no answer: tried again, for ever

A receiver that is away costs no line until the queue is full. Nothing waits for it, and every loss
is counted. A line is encoded on the thread that has it, beside the event loop, which only puts
lines together.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from auditproxy.apis.session import SESSION_API_VERSION, SessionEvent
from auditproxy.apis.units import MEBIBYTE
from auditproxy.clients.retry import FACTOR, JITTER
from auditproxy.clients.webhook import WebhookClient, WebhookError
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.tasks import spawn

WEBHOOK = "webhook"
"""The destination's name in metrics."""
MAXIMUM_LINES = 10_000
"""Lines that may wait."""
QUEUE_LIMIT = 32 * MEBIBYTE
"""Bytes of these lines."""
MOST = 400
"""Lines of one request."""
MOST_BYTES = MEBIBYTE
"""Bytes of one request, unless a single line has more."""
INTERVAL = 1.0
"""Seconds that a line waits for others to go with it."""
INITIAL_BACKOFF = 1.0
"""Seconds before the second attempt."""
MOST_BACKOFF = 60.0
"""The longest pause between attempts, in seconds."""
PASSING = frozenset({0, 408, 429})
"""Answers, 0 for none, after which the same lines may be taken later; all from 500 on as well."""
FLAG = "--session-webhook-config-file"

_HEAD = f'{{"kind":"SessionEventList","apiVersion":"{SESSION_API_VERSION}","items":['.encode()
_TAIL = b"]}\n"


def session_list(lines: Sequence[bytes]) -> bytes:
    """The body for lines."""
    return _HEAD + b",".join(lines) + _TAIL


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
        self._fault = ""
        self._dropped = 0
        self._failures = 0
        self._is_shut = False

    def listen(self, event: SessionEvent) -> None:
        """Take a line."""
        try:
            line = encode(event)
        except Exception as error:
            self._metrics.line(WEBHOOK, "dropped", 1)
            self._report(f"a line of the session log is lost: {type(error).__name__}")
            return
        hand_over(self._loop, self._take, line)

    def _take(self, line: bytes) -> None:
        if self._is_shut:
            # The recorder was late with it.
            self._lost(1, "the webhook is closed")
            return
        if len(self._queue) >= MAXIMUM_LINES or self._bytes + len(line) > QUEUE_LIMIT:
            self._lost(1, "too many lines wait")
            return
        self._queue.append(line)
        self._bytes += len(line)
        self._some.set()

    def describe(self) -> tuple[str, ...]:
        """The line of /readyz?verbose; the answer itself is not for all clients."""
        waiting = f"{len(self._queue)} wait" + (f", {self._dropped} lost" if self._dropped else "")
        state = f"not delivering, {waiting}" if self._fault else "delivering"
        return (f"session webhook: {state}",)

    def start(self) -> None:
        """Deliver what comes, until ``shutdown``."""
        self._running = spawn(self.run(), "send the session log")

    async def run(self) -> None:
        """Deliver what comes, until cancelled."""
        while True:
            await self._some.wait()
            if len(self._queue) < MOST and not self._fault:
                await self._sleep(INTERVAL)
            if not await self.deliver():
                await self._sleep(self._pause())

    def _pause(self) -> float:
        # Not the power of a number that has no bound.
        exponent = min(self._failures - 1, 20)
        return min(INITIAL_BACKOFF * FACTOR**exponent, MOST_BACKOFF) * (1 + JITTER * self._random())

    async def deliver(self) -> bool:
        """Deliver one request's worth of what waits; false when it has to wait on."""
        batch = self._batch()
        if not batch:
            self._some.clear()
            return True
        is_settled = False
        try:
            await self._client.post(session_list(batch))
        except WebhookError as error:
            is_settled = not (error.status in PASSING or error.status >= 500)
            self._failed(str(error))
            if is_settled:
                self._lost(len(batch), f"it refuses them: {error}")
        except Exception as crash:
            # A fault of ours must not end the delivery; its text could show a line.
            self._failed(f"sending crashed: {type(crash).__name__}")
        else:
            is_settled = True
            self._metrics.line(WEBHOOK, "written", len(batch))
            self._recovered()
        finally:
            # Cut off, the receiver may have them already, and gets them once more.
            if not is_settled:
                self._queue.extendleft(reversed(batch))
                self._bytes += sum(map(len, batch))
        if not self._queue:
            self._some.clear()
        return is_settled

    def _failed(self, why: str) -> None:
        self._failures += 1
        if not self._fault:
            self._report(f"{FLAG}: lines of the session log wait: {why}")
        self._fault = why

    def _recovered(self) -> None:
        if self._fault:
            lost = f"; {self._dropped} were lost" if self._dropped else ""
            self._report(f"{FLAG}: lines of the session log are delivered again{lost}")
        self._fault = ""
        self._failures = self._dropped = 0

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

    def _lost(self, count: int, why: str) -> None:
        self._metrics.line(WEBHOOK, "dropped", count)
        self._dropped += count
        self._report(f"{FLAG}: lines of the session log are lost: {why}")

    async def shutdown(self, seconds: float) -> None:
        """Deliver what waits within so many seconds, count the rest, and close."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue:
                    if not await self.deliver():
                        await self._sleep(self._pause())
        if self._queue:
            count = len(self._queue)
            self._lost(count, f"{count} not delivered before the shutdown deadline")
            self._queue.clear()
            self._bytes = 0
        self._is_shut = True
        await self._client.close()
