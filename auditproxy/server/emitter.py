"""Emitter: gives the events of one request to the audit backend, and waits for their delivery.

A durable backend stores events in order, so no request waits for its last ones: its
connection has them as ``unsettled``, and the next request is not sent before they are stored.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Protocol

from auditproxy.apis.audit import Stage
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import AuditContext
from auditproxy.backends.outcomes import all_of
from auditproxy.downstream.responses import Answered
from auditproxy.server.services import Shared
from auditproxy.sockets.tasks import spawn
from auditproxy.sockets.thread import settle


class Unsettled(Protocol):
    """A client's connection, which has what is not settled of the requests before."""

    unsettled: Delivery


class Emitter:
    """The events of one request on their way out; nothing follows once the context is finished."""

    __slots__ = ("_context", "_deliveries", "_is_lost", "_last", "_shared", "owed")

    def __init__(self, shared: Shared, context: AuditContext) -> None:
        self._shared = shared
        self._context = context
        self._deliveries: list[Awaitable[bool]] = []
        self._is_lost = False
        self._last: asyncio.Future[bool] | None = None
        self.owed = False
        """Whether the last event was counted as due already, while bodies are decoded for it."""

    def owe(self) -> None:
        """Count the last event as due: it comes once bodies are decoded."""
        self.owed = True
        self._shared.metrics.audit.event_due()
        if self._shared.is_durable or self._shared.awaits_decoded:
            self._last = asyncio.get_running_loop().create_future()
            self._deliveries.append(self._last)

    def emit(self, stage: Stage, now: int, *, last: bool = False) -> Delivery:
        """Give the event of a stage to the sink, if it is wanted; a plain call, no await.

        ``last`` is ResponseComplete or Panic.
        """
        context, shared = self._context, self._shared
        outcome: Delivery = True
        if not context.finished:
            event = context.event(stage, now)
            if event is not None:
                shared.metrics.audit.event(was_due=last and self.owed)
                outcome = shared.sink.process_events((event,))
        if outcome is not True or (last and self._last is not None):
            self._follow(outcome, stage, last=last)
        return outcome

    def _follow(self, outcome: Delivery, stage: Stage, *, last: bool) -> Delivery:
        """Keep an outcome that is waited for later; the outcome."""
        if last and self._last is not None:
            _pass_on(outcome, self._last)
        elif outcome is not True and not (
            self._shared.is_durable and stage is Stage.REQUEST_RECEIVED
        ):
            # A durable RequestReceived is waited for before anything else happens.
            self._note(outcome)
        return outcome

    def _note(self, outcome: Delivery) -> None:
        if not isinstance(outcome, bool):
            self._deliveries.append(outcome)
        elif not outcome:
            self._is_lost = True

    @property
    def unsettled(self) -> Delivery:
        """What is not known to be delivered of the events; False when one is known to be lost."""
        return all_of(
            [not self._is_lost, *(each for each in self._deliveries if not _is_true(each))]
        )

    async def delivered(self, connection: Unsettled, seconds: float) -> bool:
        """Wait for deliveries under way, as the blocking modes of kube-apiserver do.

        The client has its answer; its next request waits no longer than ``seconds``. A durable
        backend's deliveries are left with the connection instead; false if it must be closed.
        """
        if self._shared.is_durable:
            return await self._settle(connection, seconds)
        if self._deliveries:
            await all_delivered(self._deliveries, seconds)
        return True

    async def _settle(self, connection: Unsettled, seconds: float) -> bool:
        # Of the request before, if this one was not sent.
        if not is_settled(connection.unsettled) and not await _in_time(
            connection.unsettled, seconds
        ):
            return False
        connection.unsettled = self.unsettled
        return connection.unsettled is not False


def after(before: Delivery, outcome: Delivery) -> Delivery:
    """The outcome of a delivery, and of what the connection still has of earlier ones."""
    return outcome if is_settled(before) else all_of((before, outcome))


def is_settled(outcome: Delivery) -> bool:
    """Whether it is known already that everything is delivered."""
    return outcome is True or _is_true(outcome)


def _is_true(outcome: Delivery) -> bool:
    if not isinstance(outcome, asyncio.Future):
        return False
    return outcome.done() and not outcome.cancelled() and bool(outcome.result())


def _pass_on(outcome: Delivery, to: "asyncio.Future[bool]") -> None:
    """Give a future the outcome, once it is known."""
    if isinstance(outcome, bool):
        settle(to, outcome)
        return

    async def passed_on() -> None:
        settle(to, await outcome)

    spawn(passed_on(), "wait for the last event")


async def _in_time(outcome: Delivery, seconds: float) -> bool:
    """Whether everything is delivered within so many seconds."""
    if isinstance(outcome, bool):
        return outcome
    try:
        async with asyncio.timeout(seconds):
            return await outcome
    except TimeoutError:
        return False
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # A request that gave up waiting for it has cancelled it.
        return False


async def going_on(outcome: Delivery, seconds: float) -> Answered:
    """Wait for a delivery, no longer than ``seconds``; close if it is lost already."""
    if isinstance(outcome, bool):
        return Answered(keep_alive=outcome)
    await all_delivered([outcome], seconds)
    return Answered(keep_alive=True)


async def all_delivered(deliveries: list[Awaitable[bool]], seconds: float) -> None:
    """Wait for deliveries, and drop them, no longer than ``seconds``."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while deliveries:
                await deliveries.pop()
