"""The session log's lines to a receiver over HTTP, on the disk until it has acknowledged them.

    listen --> spool (backends/spool) --in order, at least once--> POST a SessionEventList

It takes the place of SessionWebhook where there is a folder. No session waits for it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from auditproxy.apis.session import SessionEvent
from auditproxy.apis.units import SECOND
from auditproxy.backends.sending import SendError
from auditproxy.backends.spool.backend import SpoolBackend, SpoolClocks, SpoolConfig
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.entries import LineEntry
from auditproxy.backends.spool.state import shown_size
from auditproxy.backends.webhook import REFUSED
from auditproxy.clients.webhook import WebhookClient, WebhookError
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import encode
from auditproxy.serializer.times import parse_time
from auditproxy.supervision.sessiongaps import session_counted, session_form
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


class LineLosses:
    """Counts lines, and says each cause of a loss once until lines are delivered again.

    ``lines`` is how many were lost since then, and ``fault`` why none is taken, "" while they are.
    """

    def __init__(self, metrics: SessionMetrics, report: Callable[[str], None]) -> None:
        self._metrics = metrics
        self._report = report
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self.fault = ""
        self.lines = 0

    def delivered(self, count: int = 1) -> None:
        """``count`` lines are with the receiver."""
        self._metrics.line(WEBHOOK, "written", count)
        self.fault = ""
        if count:
            self.tell_rest()

    def failing(self, public: str) -> None:
        """Lines wait."""
        self.fault = public

    def lost(self, count: int, *, plugin: str, reason: str, text: str, public: str = "") -> None:
        """``count`` lines are lost; those of the event loop and of the spool's thread."""
        self._metrics.line(WEBHOOK, "dropped", count)
        with self._lock:
            self.lines += count
            is_new = reason not in self._told
            self._told.add(reason)
        if is_new:
            self._report(f"{FLAG}: lines of the session log are lost: {text}")

    def tell_rest(self) -> None:
        """Say how many were lost."""
        with self._lock:
            lines, self.lines = self.lines, 0
            self._told.clear()
        if lines:
            self._report(f"{FLAG}: {lines} lines of the session log were lost")


class SessionSpool:
    """Spools lines; ``listen`` may be called on any thread, the rest is the event loop's.

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
        self._clocks = clocks or SpoolClocks()
        self._metrics = metrics
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._losses = LineLosses(metrics, report)
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
        self._spool = SpoolBackend(
            SessionSender(client),
            config,
            losses=self._losses,
            report=report,
            dead_letter=metrics.spool.dead_letter,
            form=session_form(FLAG),
            clocks=self._clocks,
        )

    def open(self) -> None:
        """Take the folder, with the lines that an earlier process left in it; raises OSError."""
        self._metrics.spool.resumed(self._spool.open())
        store = self._spool.store
        self._metrics.spool.spool(
            store.maximum_bytes,
            lines=lambda: store.waiting,
            size=lambda: store.size,
            age=self.age,
        )

    def listen(self, event: SessionEvent) -> None:
        """Take a line."""
        try:
            entry = LineEntry(event.session_id, event.timestamp, encode(event))
        except Exception as error:
            self._metrics.line(WEBHOOK, "dropped", 1)
            self._report(f"a line of the session log is lost: {type(error).__name__}")
            return
        with contextlib.suppress(RuntimeError):
            # The loop is closed: the process ends.
            self._loop.call_soon_threadsafe(self._spool.process_line, entry)

    def start(self) -> None:
        """Send what is there and what comes, until ``shutdown``."""
        self._spool.start()

    def describe(self) -> tuple[str, ...]:
        """The line of /readyz?verbose; the words of faults are for all clients."""
        spool = self._spool
        away, fault = spool.drain.fault, spool.intake.fault
        said = [f"not delivering: {away}" if away else "delivering"]
        if fault:
            said.append(f"the spool cannot be written: {fault}")
        if waiting := spool.waiting:
            said.append(f"{waiting} wait for the disk")
        if stored := spool.store.waiting:
            said.append(f"{stored} wait in the spool ({shown_size(spool)}), for {self.age():.0f} s")
        if lost := self._losses.lines:
            said.append(f"{lost} lost")
        return (f"session webhook: {', '.join(said)}",)

    def age(self) -> float:
        """Seconds since the oldest line that waits was made, 0 without one."""
        line = self._spool.drain.oldest
        try:
            made = parse_time(session_counted(line).time) if line else self._spool.since
        except (SerializationError, ValueError):
            made = 0
        return max(0.0, (self._clocks.nanoseconds() - made) / SECOND) if made else 0.0

    async def shutdown(self, seconds: float) -> None:
        """Store what was taken, and send what is stored, within so many seconds; close.

        What is left stays in the folder for the next start.
        """
        # Lines that other threads have handed over come first.
        await asyncio.sleep(0)
        await self._spool.shutdown(seconds)
