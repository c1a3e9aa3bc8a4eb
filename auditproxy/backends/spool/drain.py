"""Drain: what the disk has goes to the receiver, batch after batch, until it is acknowledged.

batch --acknowledged--> freed
      --fails in passing--> waits, longer each time up to LONGEST_PAUSE, and is sent again
      --refused, several--> its halves, one after the other
      --refused, one alone--> a dead letter, and freed
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from auditproxy.backends.losses import LossCount
from auditproxy.backends.sending import Sender, SendError, send_safely
from auditproxy.backends.spool.deadletters import DeadLetters, DeadLettersFullError
from auditproxy.backends.spool.position import Item
from auditproxy.backends.spool.store import SpoolStore
from auditproxy.backends.throttle import TokenBucket
from auditproxy.clients.retry import endless_pauses
from auditproxy.metrics.spool import SpoolWords
from auditproxy.sockets.handover import hand_over
from auditproxy.sockets.thread import OrderedThread

LONGEST_BATCH = 4 * 1024 * 1024
"""Bytes of the events of one batch; one alone may have more."""
LONGEST_PAUSE = 60.0
"""Seconds between two attempts, up to a fifth more at random."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds that a receiver may ask to wait."""
SHORTEST_PAUSE = 0.1
"""Seconds between two attempts, whatever the options say."""

T = TypeVar("T")
Pauses = Iterator[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How batches are made; seconds. ``max_wait`` is how long one may wait to fill up."""

    max_size: int
    max_bytes: int = LONGEST_BATCH
    max_wait: float = 0.0
    bucket: TokenBucket | None = None
    initial_backoff: float = 10.0


class Drain:
    """Empties a store; all its work on files is done on the thread. ``freed`` gets the next line.

    ``fault`` is why the receiver does not take events, "" while it does; ``oldest`` the line of the
    oldest event that is under way, None without one. ``is_pausing`` is true between two attempts.
    """

    def __init__(
        self,
        store: SpoolStore,
        dead_letters: DeadLetters,
        thread: OrderedThread,
        sender: Sender,
        batching: Batching,
        *,
        losses: LossCount,
        freed: Callable[[bytes | None], None],
        set_aside: Callable[[], None],
        words: SpoolWords,
        report: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._thread = thread
        self._sender = sender
        self._batching = batching
        self._losses = losses
        self._freed = freed
        self._set_aside = set_aside
        self._words = words
        self._report = report
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._arrival = asyncio.Event()
        self._is_ending = False
        self._is_first = True
        self.is_pausing = False
        self.oldest: bytes | None = None
        self.fault = ""

    def hurry(self) -> None:
        """The end is near: batches wait for nothing from now on."""
        self._is_ending = True
        self._arrival.set()

    def arrived(self) -> None:
        """There is something to send."""
        self._arrival.set()

    async def run(self) -> None:
        """Send what is there and what comes, until cancelled."""
        pauses = self._pauses()
        while True:
            await self._wait_for_batch()
            try:
                await self._next()
                pauses = self._pauses()
            except OSError as error:
                text = f"the spool cannot be read: {error.strerror}"
                await self._failed("spool-unreadable", text, pauses)
            except Exception as crash:
                # A fault of ours must not end it: what was not acknowledged is read again.
                text = f"sending from the spool crashed: {type(crash).__name__}"
                await self._failed("crash", text, pauses)

    async def _next(self) -> None:
        """Send the next batch to its end; raises OSError when the spool cannot be read."""
        batch = await self._on_thread(
            lambda: self._store.next_batch(self._batching.max_size, self._batching.max_bytes)
        )
        if not batch:
            return
        self.oldest = batch[0].line
        try:
            await self._deliver(batch)
        finally:
            self.oldest = None

    def _pauses(self) -> Pauses:
        first = max(self._batching.initial_backoff, SHORTEST_PAUSE)
        return endless_pauses(first, LONGEST_PAUSE, self._random)

    async def _wait_for_batch(self) -> None:
        """Wait until something is there, and then for more if that is wanted."""
        batching, store = self._batching, self._store
        while not store.has_unread:
            self._arrival.clear()
            if not store.has_unread:
                await self._arrival.wait()
        loop = asyncio.get_running_loop()
        # The first batch of a process does not: a receiver that is away is known at once.
        expires = loop.time() + (0.0 if self._is_first else batching.max_wait)
        self._is_first = False
        while self._fills_up() and loop.time() < expires:
            self._arrival.clear()
            try:
                async with asyncio.timeout_at(expires):
                    await self._arrival.wait()
            except TimeoutError:
                break
        if batching.bucket is None or self._is_ending:
            return
        if (pause := batching.bucket.take(self._clock())) > 0:
            await self._sleep(pause)

    def _fills_up(self) -> bool:
        """Whether a batch may wait for more events."""
        return self._store.unread < self._batching.max_size and not self._is_ending

    # --- sending -----------------------------------------------------------------

    async def _deliver(self, items: Sequence[Item]) -> None:
        """Have the receiver take items, or set aside what it never will."""
        pauses = self._pauses()
        while True:
            try:
                await send_safely(self._sender, [item.line for item in items])
                break
            except SendError as error:
                if not error.is_poison:
                    await self._failed(error.reason, str(error), pauses, error.retry_after)
                elif len(items) > 1:
                    half = len(items) // 2
                    await self._deliver(items[:half])
                    await self._deliver(items[half:])
                    return
                elif await self._is_set_aside(items[0], error, pauses):
                    return
        if self.fault:
            self._report(f"{self._words.many} are taken again")
        self.fault = ""
        # Before anything else: an end that comes now must not uncount them.
        self._losses.delivered(_events(items))
        await self._acknowledge(items)

    async def _failed(
        self, reason: str, text: str, pauses: Pauses, retry_after: float | None = None
    ) -> None:
        """Say that nothing is taken, once, and wait."""
        if self.fault != reason:
            self._report(f"{text}; {self._words.many} wait in the spool and are sent again")
        self.fault = reason
        self._losses.failing(reason)
        pause = next(pauses)
        if retry_after is not None:
            pause = max(pause, min(retry_after, LONGEST_RETRY_AFTER))
        self.is_pausing = True
        try:
            await self._sleep(pause)
        finally:
            self.is_pausing = False

    async def _is_set_aside(self, item: Item, error: SendError, pauses: Pauses) -> bool:
        """Make an item a dead letter; false, after a pause, where that cannot be done now."""
        try:
            await self._on_thread(lambda: self._dead_letters.append(item.line))
        except (DeadLettersFullError, OSError) as fault:
            text = "there is no room for another dead letter; move the file away"
            if isinstance(fault, OSError):
                text = f"a dead letter cannot be written: {fault.strerror}"
            await self._failed("dead-letters", text, pauses)
            return False
        # Before anything else, as with what is delivered.
        self._set_aside()
        if not item.is_gap:
            what = f"the {self._words.one}"
            text = f"{error}; the receiver refuses {what} by itself, see the dead letters"
            self._losses.lost(1, plugin=self._sender.name, reason="dead-letter", text=text)
        await self._acknowledge((item,))
        return True

    async def _acknowledge(self, items: Sequence[Item]) -> None:
        try:
            await self._on_thread(lambda: self._store.acknowledge(len(items)))
        except OSError as error:
            self._report(f"the spool cannot be freed: {error.strerror}")
        front = None
        with contextlib.suppress(OSError):
            # What cannot be read is said when it is to be sent.
            front = await self._on_thread(self._store.front)
        self._freed(front)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """What a piece of work returns, or raises."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def settle(value: T | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(value)  # type: ignore[arg-type]

        def run() -> None:
            value, error = None, None
            try:
                value = work()
            except Exception as raised:
                error = raised
            hand_over(loop, settle, value, error)

        self._thread.run(run)
        return await outcome


def _events(items: Sequence[Item]) -> int:
    """How many are events, and do not stand for missing ones."""
    return sum(not item.is_gap for item in items)
