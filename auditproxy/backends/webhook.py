"""The webhook backend: batches posted as an EventList (apiserver plugin/pkg/audit/webhook).

    deliver --attempt--> written
               |fails
               wait 10 s x 1.5^i, and up to a fifth more --> the next attempt, five in all
               |the fifth fails
               every event of the batch is dropped, counted and logged

A receiver may get a batch more than once: its answer can be lost after it took
the events. ``auditID`` and ``stage`` together name an event.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.audit.encode import Encoder, json_line
from auditproxy.backends.losses import Losses
from auditproxy.backends.sending import SendError
from auditproxy.backends.webhookcalls import unwatched
from auditproxy.clients.retry import pauses
from auditproxy.clients.webhook import WebhookClient, WebhookError

PLUGIN = "webhook"
"""The backend's name in kube-apiserver's metrics and texts."""

ATTEMPTS = 5
"""How often a batch is tried."""

REFUSED = frozenset({400, 413, 422})
"""Codes of a receiver that will never take what it got: not understood, or too large. Others pass:
401, 403 and 404 say that it, or we, are not set up yet."""

WatchCall = Callable[[str, int], AbstractContextManager[None]]
"""Watches one attempt of a plugin to deliver so many events."""

_EVENT_HEAD = f'{{"kind":"Event","apiVersion":"{API_VERSION}",'.encode()
_LIST_HEAD = f'{{"kind":"EventList","apiVersion":"{API_VERSION}","metadata":{{}},"items":['.encode()
_LIST_TAIL = b"]}\n"


def event_list(lines: list[bytes]) -> bytes:
    """The body for events that are lines: Go's EventList, whose items carry no kind and version."""
    items = [b"{" + line[len(_EVENT_HEAD) : -1] for line in lines]
    return _LIST_HEAD + b",".join(items) + _LIST_TAIL


class WebhookBackend:
    """Delivers batches; ``initial_backoff`` is in seconds."""

    def __init__(
        self,
        client: WebhookClient,
        *,
        initial_backoff: float,
        losses: Losses,
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
        encode: Encoder = json_line,
        call: WatchCall = unwatched,
    ) -> None:
        self._client = client
        self._initial_backoff = initial_backoff
        self._losses = losses
        self._sleep = sleep
        self._random = random
        self._encode = encode
        self._call = call

    async def deliver(self, events: tuple[Event, ...]) -> bool:
        """Deliver events, each counted as written or dropped; false when one was dropped.

        Cancelled, it counts what is not delivered as dropped.
        """
        lines, unspeakable = self._lines(events)
        if unspeakable:
            self._lost(unspeakable, "encode-error", "encoding failed")
        if lines:
            try:
                await self._attempts(event_list(lines), len(lines))
            except WebhookError as error:
                self._lost(len(lines), error.reason, str(error))
                return False
            except asyncio.CancelledError:
                self._lost(len(lines), "shutdown", "the delivery was cut off")
                raise
            self._losses.delivered(len(lines))
        return not unspeakable

    def _lines(self, events: tuple[Event, ...]) -> tuple[list[bytes], int]:
        """The events as lines, and how many cannot be lines; one takes no other with it."""
        lines: list[bytes] = []
        for event in events:
            # Counted below; the fault's own text could show the event.
            with contextlib.suppress(Exception):
                lines.append(self._encode(event))
        return lines, len(events) - len(lines)

    async def _attempts(self, body: bytes, count: int) -> None:
        for wait in pauses(self._initial_backoff, ATTEMPTS, self._random):
            try:
                with self._call(PLUGIN, count):
                    await self._client.post(body)
            except WebhookError as error:
                self._losses.failing(error.reason, str(error))
                await self._sleep(wait)
            else:
                return
        with self._call(PLUGIN, count):
            await self._client.post(body)

    def _lost(self, count: int, reason: str, text: str) -> None:
        self._losses.lost(count, plugin=PLUGIN, reason=reason, text=text)

    async def shutdown(self) -> None:
        """Close the connections; deliveries must have ended."""
        await self._client.close()

    def __str__(self) -> str:
        return PLUGIN


class WebhookSender:
    """The receiver of a spool: one POST for each batch."""

    name = PLUGIN

    def __init__(self, client: WebhookClient, call: WatchCall = unwatched) -> None:
        self._client = client
        self._call = call

    async def send(self, events: Sequence[bytes]) -> None:
        """As in Sender; ``Retry-After`` is heeded by the client, within its attempt."""
        try:
            with self._call(PLUGIN, len(events)):
                await self._client.post(event_list([line + b"\n" for line in events]))
        except WebhookError as error:
            refused = error.status in REFUSED
            raise SendError(error.reason, is_poison=refused, text=str(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
