"""SpoolBackend: the spool in front of a sender, as a backend of any mode.

    process_events --> intake --> store (disk) --> drain --> sender
                         |           |               +--> dead letters
                         |           +--> a gap event where events were dropped
                         +--> memory, while the disk fails

In mode ``batch`` no request waits; in the others each waits until the disk has its event, and in
``blocking-strict`` it is refused when it cannot.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.audit.gaps import Gap
from auditproxy.backends.ending import finish
from auditproxy.backends.logfiles.disk import Disk
from auditproxy.backends.losses import LossCount
from auditproxy.backends.sending import Sender
from auditproxy.backends.spool.deadletters import DeadLetters
from auditproxy.backends.spool.drain import Batching, Drain
from auditproxy.backends.spool.dropping import DroppingStore
from auditproxy.backends.spool.entries import LineEntry
from auditproxy.backends.spool.filling import Filling
from auditproxy.backends.spool.form import SpoolForm, event_form
from auditproxy.backends.spool.intake import MAXIMUM_BYTES, PLUGIN, Intake
from auditproxy.serializer.times import micro_time
from auditproxy.sockets.tasks import spawn
from auditproxy.sockets.thread import OrderedThread

CLOSING = 1.0
"""Seconds that the thread has at the end for what it has begun."""
_RETRY_AT_END = 0.05
_random = SystemRandom().random


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolConfig:
    """Where a spool is, its bound in bytes, and what happens there: ``full`` is ``block``,
    ``refuse`` or ``drop-oldest``.

    ``maximum_events`` may wait in memory for the disk, of so many ``waiting_bytes``.
    """

    folder: Path
    maximum_bytes: int
    full: str
    mode: str
    batching: Batching
    maximum_events: int = 10_000
    waiting_bytes: int = MAXIMUM_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolClocks:
    """The time of a spool, and how it waits."""

    monotonic: Callable[[], float] = time.monotonic
    nanoseconds: Callable[[], int] = time.time_ns
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = _random


class SpoolBackend:
    """Spools events; ``report`` logs one fact for operators, ``dead_letter`` counts one.

    Opened by ``open``; sending begins with ``start`` or the first event. ``form`` is that of its
    lines, audit events if none is given.
    """

    def __init__(
        self,
        sender: Sender,
        config: SpoolConfig,
        *,
        losses: LossCount,
        report: Callable[[str], None],
        dead_letter: Callable[[], None],
        form: SpoolForm | None = None,
        clocks: SpoolClocks | None = None,
        disk: Disk | None = None,
    ) -> None:
        clocks, disk = clocks or SpoolClocks(), disk or Disk()
        self._sender = sender
        self._losses = losses
        self._report = report
        self._clocks = clocks
        self._form = form or event_form(sender.name)
        self.config = config
        self._thread = OrderedThread(f"spool-{sender.name}", clock=clocks.monotonic)
        self.store = DroppingStore(
            config.folder,
            maximum_bytes=config.maximum_bytes,
            disk=disk,
            gap_line=self._gap_line,
            lost=self._damaged,
            said=self._say,
            counted=self._form.counted,
        )
        self.intake = Intake(
            Filling(
                self.store,
                self._gap_line,
                words=self._form.words,
                drops_oldest=config.full == "drop-oldest",
            ),
            self._thread,
            losses=losses,
            maximum_events=config.maximum_events,
            maximum_bytes=config.waiting_bytes,
            refuses=config.mode == "blocking-strict",
            refuses_when_full=config.full == "refuse",
            stored=self._stored,
            words=self._form.words,
            report=self._say,
        )
        self.drain = Drain(
            self.store,
            DeadLetters(config.folder, disk),
            self._thread,
            sender,
            config.batching,
            losses=losses,
            freed=self._freed,
            set_aside=dead_letter,
            words=self._form.words,
            report=lambda text: report(f"{self._form.owner}: {text}"),
            clock=clocks.monotonic,
            sleep=clocks.sleep,
            random=clocks.random,
        )
        self._draining: asyncio.Task[None] | None = None
        self.since = 0
        """Nanoseconds since the epoch when the first line was made that waits, 0 without one."""

    def open(self) -> int:
        """Take the folder; returns how many events it has from before. Raises OSError."""
        self.store.open()
        front = None
        with contextlib.suppress(OSError):
            # What cannot be read is said when it is to be sent.
            front = self.store.front()
        self._front(front)
        for note in self.store.notes:
            self._say(note)
        return self.store.waiting

    def start(self) -> None:
        """Begin to send what is there, from the running loop."""
        if self._draining is None:
            self._draining = spawn(self.drain.run(), f"send from the spool of {self._sender.name}")

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Take events; resolves to true when the disk has them, at once in mode ``batch``."""
        self.start()
        return self.intake.take(events, awaited=self.config.mode != "batch")

    def process_line(self, entry: LineEntry) -> None:
        """Take a line that nothing waits for."""
        self.start()
        self.intake.put(entry)

    @property
    def waiting(self) -> int:
        """Events in memory that wait for the disk."""
        return self.intake.waiting

    @property
    def stalled(self) -> float:
        """Seconds that the work under way on files has taken, 0 without any."""
        return self._thread.stalled

    def _stored(self) -> None:
        self.since = self.since or self._clocks.nanoseconds()
        self.drain.arrived()

    def _freed(self, front: bytes | None) -> None:
        self._front(front)
        self.intake.room()

    def _front(self, line: bytes | None) -> None:
        """This line is the next one: its age is that of what waits, whichever process stored it."""
        now = self._clocks.nanoseconds() if self.store.waiting else 0
        self.since = (self._form.made_at(line) or now) if line is not None else now

    @property
    def oldest(self) -> int:
        """When the oldest line was made that waits or is under way, in nanoseconds since the epoch.

        0 without one, and where one that is under way does not say it.
        """
        line = self.drain.oldest
        return self.since if line is None else self._form.made_at(line)

    def _say(self, text: str) -> None:
        self._report(f"{self._form.owner}, spool: {text}")

    def _gap_line(self, gap: Gap) -> bytes:
        """The line that stands for a gap; on the thread."""
        return self._form.gap_line(gap, micro_time(self._clocks.nanoseconds()))

    def _damaged(self, events: int, size: int) -> None:
        """Events are missing on the disk; on the thread."""
        words = self._form.words
        found = []
        if size:
            found.append(f"{size} bytes are damaged")
        if events:
            found.append(words.count(events, "is missing", "are missing"))
        self._say(f"{', '.join(found)}; {words.any} says so")
        if events:
            text = "files of the spool are damaged or missing"
            self._losses.lost(events, plugin=PLUGIN, reason="damaged", text=text)

    async def shutdown(self, grace: float) -> None:
        """Store what was taken, and send what is stored while the receiver takes it, for at most
        ``grace`` seconds. What is on the disk then stays there for the next start.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + grace
        await self.intake.shutdown(grace)
        if self._draining is not None:
            self.drain.hurry()
            while self._is_sending() and loop.time() < ends:
                await asyncio.wait({self._draining}, timeout=_RETRY_AT_END)
            await finish({self._draining}, 0.0)
        if self.store.waiting:
            waits = self._form.words.count(self.store.waiting, "waits", "wait")
            self._say(f"{waits} on the disk for the next start")
        await self._thread.close(self.store.close, CLOSING)
        await self._sender.close()
        self._losses.tell_rest()

    def _is_sending(self) -> bool:
        """Whether the receiver has not failed what is left."""
        is_left = self.store.has_unread or self.drain.oldest is not None
        return is_left and not self.drain.is_pausing

    def __str__(self) -> str:
        return f"spool<{self._sender.name}>"
