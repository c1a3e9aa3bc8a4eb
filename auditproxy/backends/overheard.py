"""Overheard: a backend whose events something else hears too, such as the alert rules."""

from collections.abc import Callable

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Backend, Delivery


class OverheardBackend:
    """Gives events to the backend, and then each to ``hear``, which must neither block nor raise.

    Events that the backend cannot deliver are heard as well.
    """

    def __init__(self, backend: Backend, hear: Callable[[Event], None]) -> None:
        self._backend = backend
        self._hear = hear

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Take events."""
        outcome = self._backend.process_events(events)
        for event in events:
            self._hear(event)
        return outcome

    async def shutdown(self, grace: float) -> None:
        """Shut the backend down; who hears has an end of its own."""
        await self._backend.shutdown(grace)

    def __str__(self) -> str:
        return str(self._backend)
