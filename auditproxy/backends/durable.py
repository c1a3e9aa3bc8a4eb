"""Mode ``durable``: an event's outcome is known once the disk has its line.

    taken --the loop's turn is over, no commit under way--> committing --synced--> stored
                                  committing --a fault--> an intent: refused, counted
                                                          any other: taken again, as the first

All lines that were taken meanwhile are one commit: one write and one sync, on a thread of their
own. Lines are stored in the order in which they were taken. An intent is the RequestReceived of a
request that was not sent yet: it can be refused. What has happened cannot, so its
line is kept until it is stored, or until the end.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from auditproxy.apis.audit import Event, Stage
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.backend import Delivery
from auditproxy.audit.encode import PartsEncoder
from auditproxy.audit.fitting import fitting
from auditproxy.backends.durablefile import CommitError, DurableFile
from auditproxy.backends.log import (
    PLUGIN,
    EncodingError,
    describe,
    drop_reason,
    public_text,
)
from auditproxy.backends.losses import Losses
from auditproxy.backends.outcomes import all_of
from auditproxy.backends.rotation import LineTooLongError
from auditproxy.sockets.thread import OrderedThread, settle

if TYPE_CHECKING:
    from auditproxy.backends.chained import ChainedDurableFile

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


class _Line:
    """A line on its way; ``outcome`` is whether it was stored."""

    __slots__ = ("is_intent", "outcome", "text")

    def __init__(self, text: bytes, outcome: "asyncio.Future[bool]", *, is_intent: bool) -> None:
        self.text = text
        self.outcome = outcome
        self.is_intent = is_intent


class DurableLog:
    """The log backend of mode ``durable``; ``report`` logs one fact for operators.

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
        maximum_lines: int = MAXIMUM_LINES,
        maximum_bytes: int = MAXIMUM_BYTES,
    ) -> None:
        self._file = file
        self._encode = encode
        self._losses = losses
        self._report = report
        self.maximum_lines = maximum_lines
        self._maximum_bytes = maximum_bytes
        self._thread = OrderedThread("audit-log")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: list[_Line] = []
        self._committing: list[_Line] = []
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
        try:
            line = self._fitting_line(event)
        except (EncodingError, LineTooLongError) as error:
            self._lost(1, drop_reason(error), describe(error), public_text(error))
            return False
        return self.process_line(line, is_intent=event.stage == Stage.REQUEST_RECEIVED)

    def _fitting_line(self, event: Event) -> bytes:
        """The event's line; without its bodies where a whole file would not have room."""
        line, longest = self._line(event), self._file.longest_line
        if not longest or len(line) <= longest:
            return line
        smaller = fitting(event, longest)
        if smaller is None or len(shorter := self._line(smaller)) > longest:
            raise LineTooLongError(len(line), longest)
        self._report(
            f"audit plugin '{PLUGIN}': an event larger than --audit-log-maxsize was written "
            "without its bodies"
        )
        return shorter

    def _line(self, event: Event) -> bytes:
        try:
            return b"".join(self._encode(event))
        except Exception as error:
            raise EncodingError(f"encoding failed: {type(error).__name__}") from None

    def process_line(self, line: bytes, *, is_intent: bool) -> Delivery:
        """Take the line of an event; the outcome is a future, or False where it is dropped."""
        if self._is_shut:
            self._lost(1, "shutdown", "audit backend shut down")
            return False
        size = len(line)
        share = 2 if is_intent else 1
        if self.waiting >= self.maximum_lines // share or (
            # One larger than the bound can still go alone.
            self._bytes and self._bytes + size > self._maximum_bytes // share
        ):
            self._lost(1, "buffer-full", "too many events wait for the disk")
            return False
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        taken = _Line(line, loop.create_future(), is_intent=is_intent)
        self._queue.append(taken)
        self._bytes += size
        if not self._is_due and not self._committing:
            self._is_due = True
            loop.call_soon(self._begin)
        return taken.outcome

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
            if count and size + len(line.text) > LONGEST_COMMIT:
                break
            size += len(line.text)
            count += 1
        self._committing, self._queue = self._queue[:count], self._queue[count:]
        texts = [line.text for line in self._committing]
        self._thread.run(partial(self._commit, texts))

    def _commit(self, texts: list[bytes]) -> None:
        """Commit lines; on the thread."""
        committed, fault = len(texts), None
        try:
            self._file.commit(texts)
        except CommitError as error:
            committed, fault = error.committed, error.fault
        except Exception as crash:
            # A fault of ours: nothing is promised of any line.
            committed, fault = 0, OSError(f"writing crashed: {type(crash).__name__}")
        self._tell(self._committed, committed, fault, self._file.take_fault())

    def _tell(self, then: Callable[..., None], *what: object) -> None:
        """Continue on the loop, unless that has ended."""
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(then, *what)

    def _committed(self, count: int, fault: OSError | None, said: str) -> None:
        """A commit has ended; the first ``count`` lines are stored."""
        if self._is_over:
            return
        lines, self._committing = self._committing, []
        for line in lines[:count]:
            self._ends(line, stored=True)
        if count:
            self._losses.delivered(count)
        if said:
            self._report(f"audit plugin '{PLUGIN}': {said}")
        if fault is None:
            self.fault = ""
        else:
            self._failed(lines[count:], fault)
        if self._queue:
            self._go_on(failed=fault is not None)
        elif self._idle is not None:
            settle(self._idle, True)

    def _failed(self, lines: list[_Line], fault: OSError) -> None:
        """Refuse intents, and keep the others, in their order and before what came later."""
        self.fault = public_text(fault)
        self._losses.failing(self.fault)
        kept = [line for line in lines if not line.is_intent]
        self._refuse([line for line in lines if line.is_intent], fault)
        if sum(len(line.text) for line in kept) > LONGEST_COMMIT:
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

    def _refuse(self, intents: list[_Line], fault: OSError) -> None:
        if intents:
            self._lost(len(intents), drop_reason(fault), describe(fault), public_text(fault))
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

    def _ends(self, line: _Line, *, stored: bool) -> None:
        self._bytes -= len(line.text)
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
