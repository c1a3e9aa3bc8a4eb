"""Mode ``durable``: an event's outcome is known once the disk has its line.

    taken --the loop's turn is over, no commit under way--> committing --synced--> stored
                                  committing --a fault--> an intent: refused, counted
                                                          any other: taken again, as the first

All lines that were taken meanwhile are one commit: one write and one sync, on a thread of their
own, which makes the lines of large events too. Lines are stored in the order in which they were
taken. An intent is the RequestReceived of a request that was not sent yet: it can be refused. What
has happened cannot, so its line is kept until it is stored, or until the end.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from auditproxy.apis.audit import Event, Stage
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.backend import Delivery
from auditproxy.audit.encode import LARGE, PartsEncoder, body_bytes
from auditproxy.backends.durable.durablefile import CommitError, DurableFile, Line, size_of
from auditproxy.backends.durable.durableline import UNMADE, Committed, LineMaker, Waiting
from auditproxy.backends.log import PLUGIN, describe, drop_reason, public_text
from auditproxy.backends.losses import Losses
from auditproxy.backends.outcomes import all_of
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.thread import OrderedThread, settle

if TYPE_CHECKING:
    from auditproxy.backends.durable.chained import ChainedDurableFile

MAXIMUM_LINES = 20_000
"""Lines that wait for the disk. Intents have half of it: the rest is for what follows from them."""

MAXIMUM_BYTES = 256 * MEBIBYTE
"""Bytes of these lines, shared alike."""

LONGEST_COMMIT = 8 * MEBIBYTE
"""Bytes after which a commit takes no further line."""

WATCH_INTERVAL = 1.0
"""Seconds between two checks of a file to which nothing is written, and until a fault is tried
again."""

CLOSING = 1.0
"""Seconds that the thread has at the end for what it has begun."""


def _nothing(seconds: float) -> None:
    """It is not counted."""


class DurableLog:
    """The log backend of mode ``durable``; ``report`` logs one fact for operators, and ``observe``
    hears how many seconds each commit took.

    ``waiting`` lines are neither stored nor dropped yet; ``fault`` is why none could be stored at
    the last look, "" where nothing speaks against it.
    """

    def __init__(
        self,
        file: "DurableFile | ChainedDurableFile",
        *,
        encode: PartsEncoder,
        losses: Losses,
        report: Callable[[str], None],
        observe: Callable[[float], None] = _nothing,
        clock: Callable[[], float] = time.monotonic,
        maximum_lines: int = MAXIMUM_LINES,
        maximum_bytes: int = MAXIMUM_BYTES,
    ) -> None:
        self._file = file
        self._maker = LineMaker(encode, file.longest_line, report)
        self._losses = losses
        self._report = report
        self._observe = observe
        self._clock = clock
        self.maximum_lines = maximum_lines
        self._maximum_bytes = maximum_bytes
        self._thread = OrderedThread("audit-log")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: list[Waiting] = []
        self._committing: list[Waiting] = []
        self._bytes = 0
        self._is_due = False
        self._retry: asyncio.TimerHandle | None = None
        self._watch_timer: asyncio.TimerHandle | None = None
        self._is_shut = self._is_over = False
        self._idle: asyncio.Future[bool] | None = None
        self.fault = ""

    # --- taking ------------------------------------------------------------------

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Take events; resolves to true when all of them are stored."""
        return all_of([self._take_event(event) for event in events])

    def _take_event(self, event: Event) -> Delivery:
        is_intent = event.stage == Stage.REQUEST_RECEIVED
        size = body_bytes(event)
        if size >= LARGE:
            return self._take(b"", event, size, is_intent=is_intent)
        try:
            line = self._maker.line(event)
        except UNMADE as error:
            self._lost_line(error)
            return False
        return self._take(line, None, size_of(line), is_intent=is_intent)

    def process_line(self, line: bytes, *, is_intent: bool) -> Delivery:
        """Take the line of an event; the outcome is a future, or False where it is dropped."""
        return self._take(line, None, len(line), is_intent=is_intent)

    def _take(self, text: Line, event: Event | None, size: int, *, is_intent: bool) -> Delivery:
        if self._is_shut:
            self._lost(1, "shutdown", "audit backend shut down")
            return False
        lines, room = self.maximum_lines, self._maximum_bytes
        if is_intent:
            lines, room = self.room_for_intents, room // 2
        # One larger than the bound can still go alone.
        if self.waiting >= lines or (self._bytes and self._bytes + size > room):
            self._lost(1, "buffer-full", "too many events wait for the disk")
            return False
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        taken = Waiting(text, event, size, loop.create_future(), is_intent=is_intent)
        self._queue.append(taken)
        self._bytes += size
        if not self._is_due and not self._committing:
            self._is_due = True
            loop.call_soon(self._begin)
        return taken.outcome

    @property
    def room_for_intents(self) -> int:
        """Waiting lines from which on intents are refused."""
        return self.maximum_lines // 2

    @property
    def waiting(self) -> int:
        """Lines that are neither stored nor dropped yet."""
        return len(self._queue) + len(self._committing)

    @property
    def stalled(self) -> float:
        """Seconds that the commit under way has taken, 0 without one."""
        return self._thread.stalled

    def _lost(self, count: int, reason: str, text: str, public: str = "") -> None:
        self._losses.lost(count, plugin=PLUGIN, reason=reason, text=text, public=public)

    def _lost_line(self, error: Exception, count: int = 1) -> None:
        self._lost(count, drop_reason(error), describe(error), public_text(error))

    # --- commits -----------------------------------------------------------------

    def _begin(self) -> None:
        """Have the thread commit what waits, unless it is at it."""
        self._is_due = False
        if self._committing or not self._queue or self._is_over:
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        size = count = 0
        for line in self._queue:
            if count and size + line.size > LONGEST_COMMIT:
                break
            size += line.size
            count += 1
        self._committing, self._queue = self._queue[:count], self._queue[count:]
        self._thread.run(partial(self._commit, self._committing))

    def _commit(self, lines: list[Waiting]) -> None:
        """Commit lines; on the thread."""
        done, began = Committed(), self._clock()
        try:
            self._file.commit(self._maker.texts(lines, done))
            done.count = len(done.made)
        except CommitError as error:
            done.count, done.fault = error.committed, error.fault
        except Exception as crash:
            # A fault of ours: nothing is promised of any line.
            done.made, done.unmade = lines, []
            done.fault = OSError(f"writing crashed: {type(crash).__name__}")
        done.seconds = self._clock() - began
        self._tell(self._committed, done, self._file.take_fault())

    def _tell(self, then: Callable[..., None], *what: object) -> None:
        """Continue on the loop, unless that has ended."""
        assert self._loop is not None
        hand_over(self._loop, then, *what)

    def _committed(self, done: Committed, said: str) -> None:
        """A commit has ended."""
        if self._is_over:
            return
        self._observe(done.seconds)
        self._committing = []
        for line in done.made[: done.count]:
            self._ends(line, stored=True)
        if done.count:
            self._losses.delivered(done.count)
        for line, error in done.unmade:
            self._lost_line(error)
            self._ends(line, stored=False)
        fault = done.fault
        if said:
            self._report(f"audit plugin '{PLUGIN}': {said}")
        if fault is None:
            self.fault = ""
        else:
            self._failed(done.made[done.count :], fault)
        if self._queue:
            self._go_on(failed=fault is not None)
        elif self._idle is not None:
            settle(self._idle, True)

    def _failed(self, lines: list[Waiting], fault: OSError) -> None:
        """Refuse intents, and keep the others, in their order and before what came later."""
        self.fault = public_text(fault)
        self._losses.failing(self.fault)
        kept = [line for line in lines if not line.is_intent]
        self._refuse([line for line in lines if line.is_intent], fault)
        if sum(line.size for line in kept) > LONGEST_COMMIT:
            # The next commit would not even come to intents that wait behind these.
            behind = [line for line in self._queue if line.is_intent]
            self._queue = [line for line in self._queue if not line.is_intent]
            self._refuse(behind, fault)
        self._queue[:0] = kept
        if kept:
            self._report(
                f"audit plugin '{PLUGIN}': {describe(fault)}; events of requests that were "
                "forwarded wait until it can be written again"
            )

    def _refuse(self, intents: list[Waiting], fault: OSError) -> None:
        if intents:
            self._lost_line(fault, len(intents))
        for line in intents:
            self._ends(line, stored=False)

    def _go_on(self, *, failed: bool) -> None:
        """Commit what waits: at once, or in a while if nothing but what failed does."""
        assert self._loop is not None
        if failed and not any(line.is_intent for line in self._queue):
            if self._retry is None:
                self._retry = self._loop.call_later(WATCH_INTERVAL, self._begin)
        else:
            self._begin()

    def _ends(self, line: Waiting, *, stored: bool) -> None:
        self._bytes -= line.size
        settle(line.outcome, stored)

    # --- watching ----------------------------------------------------------------

    def watch(self) -> None:
        """Look after the file each second from now on; on the event loop."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        if not self._is_shut:
            self._watch_timer = self._loop.call_later(WATCH_INTERVAL, self._look)

    def _look(self) -> None:
        if self._committing or self._queue:
            # A commit finds out more, and sooner.
            self.watch()
        else:
            self._thread.run(self._look_at_file)

    def _look_at_file(self) -> None:
        """Look after the file; on the thread."""
        try:
            fault = self._file.watch()
        except Exception as crash:
            fault = f"checking the file crashed: {type(crash).__name__}"
        self._tell(self._looked, fault, self._file.take_fault())

    def _looked(self, fault: str, said: str) -> None:
        if said:
            self._report(f"audit plugin '{PLUGIN}': {said}")
        self.fault = fault
        if fault:
            self._losses.failing(fault)
        self.watch()

    def reopen(self) -> None:
        """Open the file again, after what is under way."""
        self._thread.run(self._file.reopen)

    def sign(self) -> None:
        """Have a checkpoint of the file's chain signed, if it has one that has grown."""
        self._thread.run(self._file.checkpoint)

    # --- the end -------------------------------------------------------------------

    async def shutdown(self, grace: float) -> None:
        """Store what was taken, for at most ``grace`` seconds; drop and count the rest; close."""
        self._is_shut = True
        loop = self._loop = asyncio.get_running_loop()
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        if self.waiting:
            self._idle = loop.create_future()
            self._begin()
            await asyncio.wait({self._idle}, timeout=grace)
        self._is_over = True
        if self._retry is not None:
            self._retry.cancel()
        rest = [*self._committing, *self._queue]
        self._committing, self._queue = [], []
        if rest:
            self._lost(len(rest), "shutdown", "not stored before the shutdown deadline")
        for line in rest:
            self._ends(line, stored=False)
        await self._thread.close(self._file.close, CLOSING)
        self._losses.tell_rest()

    def __str__(self) -> str:
        return f"durable<{PLUGIN}>"
