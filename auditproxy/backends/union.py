"""UnionBackend: every event to every backend, in order (apiserver audit/union.go)."""

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Backend, Delivery
from auditproxy.backends.ending import at_once
from auditproxy.backends.outcomes import all_of


class UnionBackend:
    """Hands events to each backend; a failure of one keeps no other from them."""

    def __init__(self, backends: tuple[Backend, ...]) -> None:
        self._backends = backends

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """True when every backend took them."""
        return all_of([backend.process_events(events) for backend in self._backends])

    async def shutdown(self, grace: float) -> None:
        """Shut all down at once: a slow one takes nothing from the others' time."""
        await at_once(*(backend.shutdown(grace) for backend in self._backends))

    def __str__(self) -> str:
        return f"union[{','.join(map(str, self._backends))}]"


def union(backends: tuple[Backend, ...]) -> Backend:
    """One backend of several; a single one stays itself."""
    return backends[0] if len(backends) == 1 else UnionBackend(backends)
