"""Attempts: delivers events through a sender that tries a few times, and then drops and counts.

    send --acknowledged--> written
      |--refused in passing--> wait the first pause x 1.5^i, and up to a fifth more --> again,
      |                        five in all; then all are dropped, counted and logged
      |--refused for good--> halves, down to the one event that the receiver does not take:
                             that one is dropped and counted, the others are sent

One ``send`` is under way at a time. What comes meanwhile goes with the next one, together, so
that requests which wait for their events share acknowledgements.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import Encoder, json_line
from auditproxy.backends.losses import Losses
from auditproxy.backends.sending import Sender, SendError, send_safely
from auditproxy.clients.retry import pauses

ATTEMPTS = 5
"""How often events are sent."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at most, whatever the receiver asks for."""


@dataclass(slots=True, eq=False)
class _Delivery:
    """Events of one ``deliver``; ``outcome`` is None until it is known."""

    lines: list[bytes]
    outcome: bool | None = None


class AttemptsBackend:
    """Delivers events; ``initial_backoff`` is in seconds, ``most`` events go in one ``send``."""

    def __init__(
        self,
        sender: Sender,
        *,
        initial_backoff: float,
        most: int,
        losses: Losses,
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
        encode: Encoder = json_line,
    ) -> None:
        self._sender = sender
        self._initial_backoff = initial_backoff
        self._most = most
        self._losses = losses
        self._sleep = sleep
        self._random = random
        self._encode = encode
        self._waiting: deque[_Delivery] = deque()
        self._turn = asyncio.Lock()

    async def deliver(self, events: tuple[Event, ...]) -> bool:
        """Deliver events, each counted as written or dropped; false when one was dropped.

        Cancelled, it counts what is not delivered as dropped.
        """
        lines, unspeakable = self._lines(events)
        if unspeakable:
            self._lost(unspeakable, "encode-error", "encoding failed")
        if not lines:
            return not unspeakable
        delivery = _Delivery(lines)
        self._waiting.append(delivery)
        try:
            async with self._turn:
                if delivery.outcome is None:
                    await self._send_waiting()
        except asyncio.CancelledError:
            if delivery in self._waiting:
                self._waiting.remove(delivery)
                self._cut_off(len(lines))
            raise
        return bool(delivery.outcome) and not unspeakable

    def _lines(self, events: tuple[Event, ...]) -> tuple[list[bytes], int]:
        """The events as lines, and how many cannot be lines; one takes no other with it."""
        lines: list[bytes] = []
        for event in events:
            # Counted below; the fault's own text could show the event.
            with contextlib.suppress(Exception):
                lines.append(self._encode(event).removesuffix(b"\n"))
        return lines, len(events) - len(lines)

    async def _send_waiting(self) -> None:
        """Send what waits, up to a batch's size; the first delivery goes in any case."""
        together = [self._waiting.popleft()]
        count = len(together[0].lines)
        while self._waiting and count + len(self._waiting[0].lines) <= self._most:
            together.append(self._waiting.popleft())
            count += len(together[-1].lines)
        account = _Account([line for each in together for line in each.lines])
        try:
            await self._send(account, 0, count)
        except asyncio.CancelledError:
            self._cut_off(count - account.settled)
            raise
        finally:
            end = 0
            for each in together:
                start, end = end, end + len(each.lines)
                each.outcome = end <= account.settled and not account.has_lost(start, end)

    async def _send(self, account: "_Account", start: int, end: int) -> None:
        """Send some lines; those that the receiver will never take are found, and dropped alone."""
        try:
            await self._attempts(account.lines[start:end])
        except SendError as error:
            if error.is_poison and end - start > 1:
                middle = (start + end) // 2
                await self._send(account, start, middle)
                await self._send(account, middle, end)
                return
            account.settled = end
            account.lost.append((start, end))
            self._lost(end - start, error.reason, str(error))
            return
        account.settled = end
        self._losses.delivered(end - start)

    async def _attempts(self, lines: Sequence[bytes]) -> None:
        for pause in pauses(self._initial_backoff, ATTEMPTS, self._random):
            try:
                await send_safely(self._sender, lines)
            except SendError as error:
                if error.is_poison:
                    raise
                self._losses.failing(error.reason, str(error))
                await self._sleep(min(max(pause, error.retry_after or 0.0), LONGEST_PAUSE))
            else:
                return
        await send_safely(self._sender, lines)

    def _cut_off(self, count: int) -> None:
        self._lost(count, "shutdown", "the delivery was cut off")

    def _lost(self, count: int, reason: str, text: str) -> None:
        self._losses.lost(count, plugin=self._sender.name, reason=reason, text=text)

    async def shutdown(self) -> None:
        """Close the sender; deliveries must have ended."""
        await self._sender.close()

    def __str__(self) -> str:
        return self._sender.name


@dataclass(slots=True)
class _Account:
    """What became of lines that are sent together: the first ``settled`` are delivered or lost."""

    lines: list[bytes]
    settled: int = 0
    lost: list[tuple[int, int]] = field(default_factory=list)

    def has_lost(self, start: int, end: int) -> bool:
        """Whether one of these lines is lost."""
        return any(first < end and start < last for first, last in self.lost)
