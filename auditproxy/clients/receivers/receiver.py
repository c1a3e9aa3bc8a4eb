"""Receiver: what takes records, one for each event, and acknowledges them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from auditproxy.audit.eventid import EventId

ATTEMPT_TIMEOUT = 30.0
"""Seconds of one attempt to deliver records, connecting included."""

MAXIMUM_ANSWER = 4 * 1024 * 1024
"""Bytes that a receiver may send during an attempt; beyond that the connection is closed."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event on its way: its name, and its line of JSON without the line end."""

    name: EventId
    line: bytes


class ReceiverError(Exception):
    """Records were not acknowledged; the receiver may have some of them.

    ``reason`` is a word for metrics; the text is for operators and holds no secret, nothing of an
    event and nothing that the receiver wrote. ``is_poison`` is whether the receiver would refuse
    the same records again. ``retry_after`` is in seconds, None where the receiver does not say.
    """

    def __init__(
        self,
        reason: str,
        text: str,
        *,
        is_poison: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.is_poison = is_poison
        self.retry_after = retry_after


Target = TypeVar("Target", contravariant=True)


class Receiver(Protocol[Target]):
    """Delivers records to one target; one task of one event loop uses it at a time."""

    async def publish(self, records: Sequence[EventRecord]) -> None:
        """Deliver records in their order, until all are acknowledged. Raises ReceiverError."""
        ...

    def replace(self, target: Target) -> None:
        """Use another target from the next ``publish`` on: its files have changed."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
