"""The truncate backend: wraps another and keeps events and batches small."""

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Backend, Delivery
from auditproxy.audit.fitting import truncate
from auditproxy.backends.losses import Losses
from auditproxy.backends.outcomes import all_of

PLUGIN = "truncate"


class TruncateBackend:
    """Cuts what it hands on to size; sizes are bytes."""

    def __init__(
        self,
        inner: Backend,
        losses: Losses,
        *,
        maximum_event_size: int,
        maximum_batch_size: int,
        refuses: bool = False,
    ) -> None:
        self._inner = inner
        self._losses = losses
        self._maximum_event_size = maximum_event_size
        self._maximum_batch_size = maximum_batch_size
        self._refuses = refuses

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Hand on what fits; what is dropped here does not make the outcome false, as in kube.

        With ``refuses`` it does.
        """
        truncated = truncate(
            events,
            maximum_event_size=self._maximum_event_size,
            maximum_batch_size=self._maximum_batch_size,
        )
        if truncated.dropped:
            self._losses.lost(
                truncated.dropped,
                plugin=PLUGIN,
                reason="too-large",
                text="event is too large even after truncating",
            )
        handed_on = [self._inner.process_events(batch) for batch in truncated.batches]
        return all_of([not (self._refuses and truncated.dropped), *handed_on])

    async def shutdown(self, grace: float) -> None:
        """Shut the inner backend down."""
        await self._inner.shutdown(grace)

    def __str__(self) -> str:
        return f"truncate<{self._inner}>"
