"""Backend: where events go, in kube-apiserver's words (apiserver audit/types.go)."""

from collections.abc import Awaitable
from typing import Protocol

from auditproxy.apis.audit import Event

Delivery = bool | Awaitable[bool]
"""The outcome of a delivery: False if one was lost and the request has to learn it. An awaitable
resolves to it later; the delivery continues whether or not it is awaited."""


class Backend(Protocol):
    """Takes events; prints itself as kube-apiserver does, ``ignoreErrors<log>`` and the like."""

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Take events; not a coroutine, so that a disconnecting client cannot cancel its own."""
        ...

    async def shutdown(self, grace: float) -> None:
        """Deliver queued events within ``grace`` seconds, drop and count the rest, and close."""
        ...


class TakeLine(Protocol):
    """Takes the line of an event in place of the event."""

    def __call__(self, line: bytes, *, is_intent: bool) -> Delivery | None:
        """Take a line; ``is_intent`` if it is RequestReceived and its request not sent yet.

        None, and nothing is done: the event is to be given to the backend.
        """


class Deliverer(Protocol):
    """Delivers batches, each to its end; the base of a batching or blocking backend."""

    async def deliver(self, events: tuple[Event, ...]) -> bool:
        """Deliver events and count each as written or dropped; false when one was dropped.

        Cancelled, it counts what is not delivered as dropped.
        """
        ...

    async def shutdown(self) -> None:
        """No more events will come; close."""
        ...
