"""Running: one session while its tunnel runs; the tap that reads it, on the event loop.

    prepared --switched--> read --tied--> running --closed--> over
             \\--discard--> over

What is read goes to the account by way of the supervisor, in batches, on the recorder's thread.
Between the two at most QUEUE_LIMIT bytes wait. When the thread does not keep up, output is left
out and counted as a gap; under ``onFailure: Deny`` the container's side is not read meanwhile,
and the session ends if that lasts.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from auditproxy.apis.session import (
    Carried,
    Channel,
    Outcome,
    PortCarried,
    Resized,
    Session,
    StreamEvent,
    Unreadable,
)
from auditproxy.apis.units import SECOND
from auditproxy.sessions.rules import RecordingRule
from auditproxy.sessions.wire.reader import SessionReader
from auditproxy.supervision.account import Account, Closing, Timed
from auditproxy.supervision.costs import EVENT_COST, cost_of, cost_of_all
from auditproxy.supervision.ends import Ending, SessionEnds
from auditproxy.supervision.losses import SessionLosses
from auditproxy.supervision.passed import PassedBytes
from auditproxy.supervision.tunnelhold import TunnelHold

QUEUE_LIMIT = 1024 * 1024
"""Bytes of one session that may wait for the recorder's thread."""
QUEUE_RESUME = 768 * 1024
"""Bytes below which a held session is read again: the thread still has work while more comes."""
QUEUE_FED = 256 * 1024
"""Bytes of one session with which it does not wait for the next turn of all."""
HELD_LIMIT = 10.0
"""Seconds that a session may be held before it is ended."""
MOST_SIZES_IN_A_ROW = 16
"""Sizes of a terminal that wait with nothing between them; of further ones the last is kept."""
TOO_FAST = "it cannot be recorded as fast as it runs"


class Feeder(Protocol):
    """Takes what was read to the account; see Supervisor."""

    def wake(self, running: "Running") -> None:
        """Something waits in ``running``."""

    def feed(self, running: "Running") -> None:
        """Much waits in ``running``: it must not wait any longer."""


class Running:
    """One session and its tunnel; every method but ``feed`` runs on the event loop."""

    def __init__(
        self,
        session: Session,
        rule: RecordingRule,
        account: Account,
        *,
        feeder: Feeder,
        now: Callable[[], int],
    ) -> None:
        self.session = session
        self.rule = rule
        self.account = account
        self.recording = ""
        self.refusal = ""
        """Why there is no recording where there should be one."""
        self.outcome: Outcome | None = None
        self.unrecorded = 0
        """Bytes that passed and are not in the recording, known once that is finished."""
        self.started = now()
        self._counts_keys = account.follows_terminal
        self._feeder = feeder
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._reader: SessionReader | None = None
        self._queue: list[Timed] = []
        self._queued = 0
        self._unfed = 0
        self._losses = SessionLosses()
        self._passed_in = PassedBytes()
        self._passed_out = PassedBytes()
        self._metered = 0
        self._is_closed = False
        self._hold = TunnelHold()
        self._held: asyncio.TimerHandle | None = None
        self._ending: Ending | None = None
        self._active = 0.0
        self._began = self._loop.time()
        self._is_unread = False
        self._ends = SessionEnds(self._say, self.end)

    # --- the tunnel ----------------------------------------------------------------

    def switched(self, reader: SessionReader | Unreadable | None, ending: Ending) -> None:
        """The upstream has switched; None: there is no tunnel."""
        self._ending = ending
        self.started = self._now()
        self._began = self._loop.time()
        if reader is None or isinstance(reader, Unreadable):
            self._passed_in.lose()
            self._passed_out.lose()
        if isinstance(reader, Unreadable):
            self._put(reader, EVENT_COST)
        else:
            self._reader = reader

    def reading_crashed(self) -> None:
        """A fault of ours in reading: nothing more is read. The tunnel is not touched."""
        self._reader = None
        for from_client in (True, False):
            self._put(Unreadable(from_client, "a fault of auditproxy's own"), EVENT_COST)

    def tied(self, hold: Callable[[bool], None]) -> None:
        """The tunnel begins."""
        self._hold.begin(hold)
        self._active = self._loop.time()
        rule = self.rule
        if rule.maximum_duration:
            self._ends.after(rule.maximum_duration / SECOND, "its maximum duration is over")
        if rule.idle_timeout:
            self._ends.when_idle(rule.idle_timeout / SECOND, lambda: self._active)

    def from_client(self, data: bytes) -> None:
        """Read what the client sent."""
        if self._is_unread:
            self._active = self._loop.time()
        self._passed_in.come(len(data))
        if self._reader is not None and (events := self._reader.from_client(data)):
            self._read(events)

    def from_upstream(self, data: bytes) -> None:
        """Read what the upstream sent."""
        if self._is_unread:
            self._active = self._loop.time()
        self._passed_out.come(len(data))
        if self._reader is not None and (events := self._reader.from_server(data)):
            self._read(events)

    def owed(self) -> float:
        """Seconds for which the tunnel should be held, as more was read than there is time for."""
        return 0.0 if self._reader is None else self._reader.owed()

    def pace(self, held: bool) -> None:
        """Hold the tunnel for that, or not any more."""
        self._hold.pace(held)

    # --- to the account -------------------------------------------------------------

    def _read(self, events: list[StreamEvent]) -> None:
        """Queue and count what was read; of the server's it may be what the client sent early."""
        sent = received = 0
        account = self.account
        for event in events:
            if isinstance(event, Carried):
                self._active = self._loop.time()
                if event.channel is Channel.STDIN:
                    sent += len(event.data)
                    is_wanted = account.wants_input
                else:
                    received += len(event.data)
                    is_wanted = account.wants_output
                if is_wanted:
                    self._put(event, cost_of(event, keys=self._counts_keys))
                continue
            if isinstance(event, PortCarried):
                self._active = self._loop.time()
                sent += event.size if event.from_client else 0
                received += 0 if event.from_client else event.size
            elif isinstance(event, Outcome):
                self.outcome = event
            self._put(event, EVENT_COST)
        self._passed_in.carried(sent)
        self._passed_out.carried(received)

    def _put(self, event: StreamEvent, cost: int) -> None:
        """Queue an event, or count it as missing where too much waits."""
        if isinstance(event, Unreadable):
            # What it carries is not known any more, so whatever passes is activity.
            self._is_unread = True
            (self._passed_in if event.from_client else self._passed_out).lose()
        elif isinstance(event, Resized) and self._is_after_sizes():
            # Nothing was shown or typed since so many: the last one counts.
            self._queue[-1] = (self._now(), event)
            return
        if self._queued + cost > QUEUE_LIMIT:
            if self.rule.deny:
                self._stop_reading()
            # What was read before it was held still comes.
            is_lost = self._queued > 4 * QUEUE_LIMIT
            if self.rule.deny and is_lost:
                self.end(TOO_FAST)
            if not self.rule.deny or is_lost:
                self._losses.lose(event)
                return
        is_awaited = bool(self._queue)
        if self._losses:
            self._tell_losses()
        self._queue.append((self._now(), event))
        self._queued += cost
        self._unfed += cost
        if self._unfed >= QUEUE_FED:
            self._feeder.feed(self)
        elif not is_awaited:
            self._feeder.wake(self)

    def _is_after_sizes(self) -> bool:
        last = self._queue[-MOST_SIZES_IN_A_ROW:]
        is_flood = len(last) == MOST_SIZES_IN_A_ROW and all(
            isinstance(one, Resized) for _, one in last
        )
        return is_flood and not self._losses

    @property
    def bytes_in(self) -> int:
        """Bytes that the client has sent on streams; of what is not read, those of the tunnel."""
        return self._passed_in.size

    @property
    def bytes_out(self) -> int:
        """The same of the container's side."""
        return self._passed_out.size

    @property
    def missing(self) -> int:
        """Bytes that passed and the account does not get; in the end, that no recording has."""
        return max(self._losses.size, self.unrecorded)

    def _tell_losses(self) -> None:
        """Say what is missing where it is missing: after what was queued before it."""
        told = [(self._now(), event) for event in self._losses.tell()]
        self._queue.extend(told)
        self._queued += self.cost_of(told)

    def waiting(self) -> tuple[list[Timed], int]:
        """What waits for the account, and how many bytes of the streams are missing in it."""
        queue, self._queue = self._queue, []
        self._unfed = 0
        missed, self._metered = self._losses.size - self._metered, self._losses.size
        return queue, missed

    def lost(self, batch: list[Timed]) -> None:
        """A batch is not accounted for: the recorder has too much to do already."""
        for _, event in batch:
            self._losses.lose(event)
        self.taken(self.cost_of(batch))
        if self.rule.deny:
            self.end(TOO_FAST)

    def taken(self, cost: int) -> None:
        """The account has taken a batch of so much ``cost_of``."""
        self._queued -= cost
        if self._held is not None and self._queued < QUEUE_RESUME:
            self._held.cancel()
            self._held = None
            self._hold.wait(False)
        if self._losses and not self._queue and not self._is_closed:
            # Nothing else may come that it would be reported with.
            self._tell_losses()
            self._feeder.wake(self)

    def cost_of(self, batch: list[Timed]) -> int:
        """What a batch of this session takes of the bounds."""
        return cost_of_all(batch, keys=self._counts_keys)

    def _stop_reading(self) -> None:
        if self._held is None:
            self._held = self._loop.call_later(HELD_LIMIT, self.end, TOO_FAST)
            self._hold.wait(True)

    # --- ends by rule ---------------------------------------------------------------

    def recording_failed(self, reason: str) -> None:
        """Nothing more is recorded: the session ends with it where the rule says so."""
        if self.rule.deny:
            self.end(f"it cannot be recorded any further: {reason}")

    def end(self, reason: str) -> None:
        """End the session; the client reads why."""
        ending, self._ending = self._ending, None
        if ending is not None:
            ending.end(f"auditproxy ended this session: {reason}")

    def stopping(self, seconds: float) -> None:
        """The proxy stops, and waits so long for this session; its terminal shows it."""
        self._ends.stopping(seconds)

    def last_words(self, reason: str) -> bytes:
        """Bytes that end the session for its client, where they can be said now; else b""."""
        return b"" if self._reader is None else self._reader.last_words(reason)

    def _say(self, text: str) -> bool:
        """Show a text on the client's terminal; False where it has none, or no frame may begin."""
        words = b""
        # What passed and was not read yet may end within a frame.
        if self._reader is not None and self._ending is not None and not self._hold.is_paced:
            words = self._reader.notice(text)
            if words:
                self._ending.write(words)
        return bool(words)

    # --- the end --------------------------------------------------------------------

    def closed(self, reason: str) -> Closing:
        """The tunnel has ended; ``reason`` counts where the container's side gave none."""
        self._ends.cancel()
        if self._held is not None:
            self._held.cancel()
        self._held = None
        self._ending = None
        self._hold.over()
        for event in self._reader.end() if self._reader is not None else ():
            if isinstance(event, Outcome):
                self.outcome = event
            elif isinstance(event, Carried):
                # What waited for the session's start.
                is_input = event.channel is Channel.STDIN
                (self._passed_in if is_input else self._passed_out).carried(len(event.data))
            self._put(event, EVENT_COST)
        self._tell_losses()
        self._is_closed = True
        return Closing(
            self._now(),
            self.outcome,
            reason,
            self.bytes_in,
            self.bytes_out,
            self.missing,
            self._loop.time() - self._began,
        )

    def unfed(self, closing: Closing) -> Closing:
        """A closing with what its account was not given in the end."""
        return replace(closing, missing=self.missing, unfed=tuple(self._losses.tell()))
