"""Modes: what a failing backend means to a request (apiserver server/options/audit.go)."""

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Backend


class IgnoreErrors:
    """Mode ``blocking``: the request waits for the backend and never hears of its errors."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Hand the events on; always true."""
        self._inner.process_events(events)
        return True

    async def shutdown(self) -> None:
        """Shut the inner backend down."""
        await self._inner.shutdown()

    def __str__(self) -> str:
        return f"ignoreErrors<{self._inner}>"


def with_mode(backend: Backend, mode: str) -> Backend:
    """The backend in a mode: ``blocking`` or ``blocking-strict``."""
    return backend if mode == "blocking-strict" else IgnoreErrors(backend)
