"""Intake: events on their way from memory to the disk, in groups, in their order.

    taken --no commit under way--> committing --synced--> stored
                                   committing --the spool is full--> waits for room, or is refused
                                   committing --a fault--> an intent, in a strict mode: refused
                                                           any other: waits in memory, tried again

What finds no room in memory is dropped and counted, and an event in its place says so.
"""

import asyncio
from collections.abc import Callable, Sequence

from auditproxy.apis.audit import Event, Stage
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.backend import Delivery
from auditproxy.backends.log import EncodingError, describe, drop_reason, public_text
from auditproxy.backends.losses import LossCount
from auditproxy.backends.outcomes import all_of
from auditproxy.backends.spool.entries import Entry, EventEntry, GapEntry, LineEntry, drop, join
from auditproxy.backends.spool.filling import Filled, Filling
from auditproxy.metrics.spool import SpoolWords
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.thread import OrderedThread, settle

MAXIMUM_BYTES = 256 * MEBIBYTE
"""Bytes of events that wait in memory for the disk."""
RETRY = 1.0
"""Seconds until a disk that failed, or a spool that is full, is tried again without a new event."""
PLUGIN = "spool"


class Intake:
    """Takes events; ``refuses`` is whether requests are refused whose event cannot be stored.

    ``is_full`` says that the spool has no room, ``fault`` why it cannot be written, "" as a rule.
    """

    def __init__(
        self,
        filling: Filling,
        thread: OrderedThread,
        *,
        losses: LossCount,
        maximum_events: int,
        maximum_bytes: int = MAXIMUM_BYTES,
        refuses: bool,
        refuses_when_full: bool,
        stored: Callable[[], None],
        words: SpoolWords,
        report: Callable[[str], None],
    ) -> None:
        self._filling = filling
        self._thread = thread
        self._losses = losses
        self._maximum_events = maximum_events
        self._maximum_bytes = maximum_bytes
        self._refuses = refuses
        self._refuses_when_full = refuses_when_full
        self._stored = stored
        self._words = words
        self._report = report
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: list[Entry] = []
        self._committing: list[Entry] = []
        self._bytes = 0
        self.waiting = 0
        self._is_due = False
        self._retry: asyncio.TimerHandle | None = None
        self._is_shut = self._is_over = False
        self._idle: asyncio.Future[bool] | None = None
        self.is_full = False
        self.fault = ""

    # --- taking ------------------------------------------------------------------

    def take(self, events: Sequence[Event], *, awaited: bool) -> Delivery:
        """Take events; true once all are stored, or at once where none waits for it."""
        outcomes = [self._take(event, awaited=awaited) for event in events]
        return all_of(outcomes) if awaited else True

    def _take(self, event: Event, *, awaited: bool) -> Delivery:
        if self._is_shut:
            return self._is_late()
        try:
            entry = EventEntry(event, is_intent=event.stage == Stage.REQUEST_RECEIVED)
        except EncodingError as error:
            drop(self._queue, event.audit_id, event.stage_timestamp, "encode-error")
            return self._refuse("encode-error", str(error))
        return self.put(entry, awaited=awaited)

    def put(self, entry: LineEntry, *, awaited: bool = False) -> Delivery:
        """Take a line; as ``take``."""
        if self._is_shut:
            return self._is_late()
        fault = self._fault_of(entry)
        if fault:
            drop(self._queue, entry.identity, entry.time, fault[0])
            return self._refuse(*fault)
        if awaited and (self._refuses or not self.fault):
            entry.outcome = self._running().create_future()
        self._queue.append(entry)
        self._bytes += entry.size
        self.waiting += 1
        self._come()
        return True if entry.outcome is None else entry.outcome

    def _is_late(self) -> bool:
        self._lost(1, "shutdown", f"{self._words.any} came after the spool was shut down")
        return False

    def _refuse(self, reason: str, text: str) -> bool:
        self._lost(1, reason, text)
        self._come()
        return False

    def _fault_of(self, entry: LineEntry) -> tuple[str, str] | None:
        """Why an event cannot be taken: a word and a text."""
        maximum, room = self._maximum_events, self._maximum_bytes
        if self._refuses and entry.is_intent:
            # The rest is for what follows from requests that were forwarded.
            maximum, room = (maximum + 1) // 2, room // 2
            if self._refuses_when_full and self.is_full:
                return "spool-full", "the spool is full"
        if self.waiting >= maximum or (self._bytes and self._bytes + entry.size > room):
            return "buffer-full", f"too many {self._words.many} wait for the spool"
        return None

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _come(self) -> None:
        """See to the queue in this turn of the loop, unless a timer or a commit will."""
        if self._is_due or self._committing:
            return
        if self._retry is not None and not (self._refuses and not self.is_full):
            return
        self._is_due = True
        self._running().call_soon(self._begin)

    def _lost(self, count: int, reason: str, text: str, public: str = "") -> None:
        self._losses.lost(count, plugin=PLUGIN, reason=reason, text=text, public=public)

    # --- commits -----------------------------------------------------------------

    def room(self) -> None:
        """Something was freed: what waits for room is tried again."""
        if self.is_full and not self._committing and self._loop is not None:
            self._begin()

    def _begin(self) -> None:
        self._is_due = False
        if self._committing or not self._queue or self._is_over:
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._committing, self._queue = self._queue, []
        entries = self._committing
        self._thread.run(lambda: self._tell(self._filling.fill(entries)))

    def _tell(self, filled: Filled) -> None:
        """Continue on the loop, unless that has ended."""
        assert self._loop is not None
        hand_over(self._loop, self._filled, filled)

    def _filled(self, filled: Filled) -> None:
        """A commit has ended."""
        if self._is_over:
            return
        entries, self._committing = self._committing, []
        if filled.dropped:
            self._lost(filled.dropped, "spool-full", "the spool is full: the oldest were dropped")
        rest: list[Entry] = []
        for entry in entries[: filled.count]:
            if isinstance(entry, LineEntry):
                unmade = filled.unmade.get(entry)
                if unmade:
                    self._lost(1, *unmade)
                    drop(rest, entry.identity, entry.time, unmade[0])
                self._ends(entry, stored=not unmade)
        rest = join(rest, entries[filled.count :])
        self.is_full = filled.is_full
        if filled.fault is not None:
            self._failed(filled.fault)
        elif self.fault:
            self.fault = ""
            self._report("the spool can be written again")
        self._queue = join(self._kept(rest, filled), self._queue)
        if filled.count:
            self._stored()
        if not self._queue:
            if self._idle is not None:
                settle(self._idle, True)
        elif filled.fault is not None or filled.is_full:
            self._wait()
        else:
            self._begin()

    def _failed(self, fault: OSError) -> None:
        if not self.fault:
            self._report(f"the spool cannot be written: {describe(fault)}")
        self.fault = public_text(fault)
        self._losses.failing(self.fault)

    def _kept(self, rest: list[Entry], filled: Filled) -> list[Entry]:
        """What still waits of entries that were not stored, without intents that are refused."""
        kept: list[Entry] = []
        fault = filled.fault
        refuses = self._refuses and (fault or (filled.is_full and self._refuses_when_full))
        for entry in rest:
            if isinstance(entry, GapEntry):
                kept = join(kept, [entry])
            elif refuses and entry.is_intent:
                self._ends(entry, stored=False)
                if fault is None:
                    self._lost(1, "spool-full", "the spool is full")
                    drop(kept, entry.identity, entry.time, "spool-full")
                else:
                    self._lost(1, drop_reason(fault), describe(fault), public_text(fault))
                    drop(kept, entry.identity, entry.time, drop_reason(fault))
            else:
                if fault is not None and entry.outcome is not None:
                    # The request continues; the event waits in memory.
                    settle(entry.outcome, False)
                kept.append(entry)
        return kept

    def _wait(self) -> None:
        """Try again in a while."""
        if self._retry is None:
            self._retry = self._running().call_later(RETRY, self._begin)

    def _ends(self, entry: LineEntry, *, stored: bool) -> None:
        self._bytes -= entry.size
        self.waiting -= 1
        if entry.outcome is not None:
            settle(entry.outcome, stored)

    # --- the end -----------------------------------------------------------------

    async def shutdown(self, grace: float) -> None:
        """Store what was taken, for at most ``grace`` seconds; drop and count the rest."""
        self._is_shut = True
        loop = self._running()
        if self._queue or self._committing:
            self._idle = loop.create_future()
            self._begin()
            await asyncio.wait({self._idle}, timeout=grace)
        self._is_over = True
        if self._retry is not None:
            self._retry.cancel()
        rest = [each for each in (*self._committing, *self._queue) if isinstance(each, LineEntry)]
        self._committing, self._queue = [], []
        if rest:
            self._lost(len(rest), "shutdown", "not stored before the shutdown deadline")
        for entry in rest:
            self._ends(entry, stored=False)
