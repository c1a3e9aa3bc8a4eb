"""backends/overheard.py: events are delivered first, and then heard."""

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.backends.overheard import OverheardBackend
from tests.fakes.backends import events


class Losing:
    """A backend that loses everything."""

    def __init__(self, order: list[str]) -> None:
        self._order = order
        self.grace = 0.0

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Lose events."""
        self._order += [f"lost {event.audit_id}" for event in events]
        return False

    async def shutdown(self, grace: float) -> None:
        """Keep the grace."""
        self.grace = grace

    def __str__(self) -> str:
        return "losing"


async def test_overheard() -> None:
    """The backend comes first; its outcome is the outcome, and what it loses is heard."""
    order: list[str] = []
    losing = Losing(order)
    backend = OverheardBackend(losing, lambda event: order.append(f"heard {event.audit_id}"))
    some = events(2)
    assert backend.process_events(some) is False
    first, second = (event.audit_id for event in some)
    assert order == [f"lost {first}", f"lost {second}", f"heard {first}", f"heard {second}"]
    await backend.shutdown(3.0)
    assert (losing.grace, str(backend)) == (3.0, "losing")
