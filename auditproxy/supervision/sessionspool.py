"""The session log's lines to a receiver over HTTP, on the disk until it has acknowledged them.

    listen --> spool (backends/spool) --in order, at least once--> POST a SessionEventList

It takes the place of SessionWebhook where there is a folder. No session waits for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from auditproxy.apis.session import SessionEvent
from auditproxy.backends.sending import SendError
from auditproxy.backends.spool.backend import SpoolClocks, SpoolConfig
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.entries import LineEntry
from auditproxy.backends.spool.lines import LineCounts, LineSpool
from auditproxy.backends.webhook import REFUSED
from auditproxy.clients.webhook import WebhookClient, WebhookError
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.json import encode
from auditproxy.sockets.handover import hand_over
from auditproxy.supervision.sessiongaps import session_form
from auditproxy.supervision.sessionwebhook import (
    FLAG,
    INITIAL_BACKOFF,
    INTERVAL,
    MAXIMUM_LINES,
    MOST,
    MOST_BYTES,
    QUEUE_LIMIT,
    WEBHOOK,
    session_list,
)


class SessionSender:
    """The receiver of the spool: one POST for each batch."""

    name = "session-webhook"

    def __init__(self, client: WebhookClient) -> None:
        self._client = client

    async def send(self, events: Sequence[bytes]) -> None:
        """As in Sender."""
        try:
            await self._client.post(session_list(events))
        except WebhookError as error:
            refused = error.status in REFUSED
            raise SendError(error.reason, is_poison=refused, text=str(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


class SessionSpool(LineSpool):
    """A LineSpool; ``listen`` may be called on any thread, the rest is the event loop's.

    ``full`` is ``block``: while the folder is full, new lines wait in memory, as far as there is
    room; or ``drop-oldest``. A line waits ``interval`` seconds for others to go with it.
    """

    def __init__(
        self,
        client: WebhookClient,
        folder: Path,
        *,
        maximum_bytes: int,
        full: str,
        metrics: SessionMetrics,
        report: Callable[[str], None],
        interval: float = INTERVAL,
        clocks: SpoolClocks | None = None,
    ) -> None:
        self._metrics = metrics
        self._report = report
        self._loop = asyncio.get_running_loop()
        config = SpoolConfig(
            folder=folder,
            maximum_bytes=maximum_bytes,
            full=full,
            mode="batch",
            batching=Batching(
                max_size=MOST,
                max_bytes=MOST_BYTES,
                max_wait=interval,
                initial_backoff=INITIAL_BACKOFF,
            ),
            maximum_events=MAXIMUM_LINES,
            waiting_bytes=QUEUE_LIMIT,
        )
        super().__init__(
            SessionSender(client),
            config,
            title="session webhook",
            counts=LineCounts(
                FLAG,
                "lines of the session log",
                written=lambda count: metrics.line(WEBHOOK, "written", count),
                dropped=lambda count, reason: metrics.line(WEBHOOK, "dropped", count),
            ),
            series=metrics.spool,
            form=session_form(FLAG),
            report=report,
            clocks=clocks,
        )

    def listen(self, event: SessionEvent) -> None:
        """Take a line."""
        try:
            entry = LineEntry(event.session_id, event.timestamp, encode(event))
        except Exception as error:
            self._metrics.line(WEBHOOK, "dropped", 1)
            self._report(f"a line of the session log is lost: {type(error).__name__}")
            return
        hand_over(self._loop, self.put, entry)

    async def shutdown(self, seconds: float) -> None:
        """As that of LineSpool."""
        # Lines that other threads have handed over come first.
        await asyncio.sleep(0)
        await super().shutdown(seconds)
