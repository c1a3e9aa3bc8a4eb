"""Emitter: gives the events of one request to the audit backend, and waits for their delivery."""

import asyncio
import contextlib
from collections.abc import Awaitable

from auditproxy.apis.audit import Stage
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import AuditContext
from auditproxy.server.services import Shared


class Emitter:
    """The events of one request on their way out; nothing follows once the context is finished."""

    __slots__ = ("_context", "_deliveries", "_shared", "owed")

    def __init__(self, shared: Shared, context: AuditContext) -> None:
        self._shared = shared
        self._context = context
        self._deliveries: list[Awaitable[bool]] = []
        self.owed = False
        """Whether the last event was counted as due already, while bodies are decoded for it."""

    def owe(self) -> None:
        """Count the last event as due: it comes once bodies are decoded."""
        self.owed = True
        self._shared.metrics.audit.event_due()

    def emit(self, stage: Stage, now: int, *, last: bool = False) -> Delivery:
        """Give the event of a stage to the sink, if it is wanted; a plain call, no await.

        ``last`` is ResponseComplete or Panic.
        """
        context = self._context
        if context.finished:
            return True
        event = context.event(stage, now)
        if event is None:
            return True
        self._shared.metrics.audit.event(was_due=last and self.owed)
        outcome = self._shared.sink.process_events((event,))
        if not isinstance(outcome, bool):
            self._deliveries.append(outcome)
        return outcome

    @property
    def pending(self) -> list[Awaitable[bool]]:
        """Deliveries under way."""
        return self._deliveries

    async def delivered(self, seconds: float) -> None:
        """Wait for deliveries under way, as the blocking modes of kube-apiserver do.

        The client has its answer; its next request waits no longer than ``seconds``.
        """
        if self._deliveries:
            await all_delivered(self._deliveries, seconds)


async def all_delivered(deliveries: list[Awaitable[bool]], seconds: float) -> None:
    """Wait for deliveries, and drop them, no longer than ``seconds``."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while deliveries:
                await deliveries.pop()
