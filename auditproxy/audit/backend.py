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
        """Take events; a plain call, so that a client which leaves cannot cancel its own."""
        ...

    async def shutdown(self, grace: float) -> None:
        """Deliver what is left within ``grace`` seconds, drop and count the rest, and close."""
        ...


class Deliverer(Protocol):
    """Delivers batches, each to its end; what a batching or blocking backend stands on."""

    async def deliver(self, events: tuple[Event, ...]) -> bool:
        """Deliver events and count each as written or dropped; false when one was dropped.

        Cancelled, it counts what is not delivered as dropped.
        """
        ...

    async def shutdown(self) -> None:
        """No more events will come; close."""
        ...
