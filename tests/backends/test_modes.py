"""Modes of a backend: who hears of its errors."""

from auditproxy.apis.audit import Event
from auditproxy.backends.modes import with_mode


class Failing:
    """A backend that loses everything."""

    def __init__(self) -> None:
        self.shut = False

    def process_events(self, events: tuple[Event, ...]) -> bool:
        """Lose the events."""
        return False

    async def shutdown(self) -> None:
        """Remember it."""
        self.shut = True

    def __str__(self) -> str:
        return "log"


async def test_blocking() -> None:
    """blocking: the request never hears of a failure; named as kube-apiserver names it."""
    inner = Failing()
    backend = with_mode(inner, "blocking")
    assert backend.process_events(()) is True
    assert str(backend) == "ignoreErrors<log>"
    await backend.shutdown()
    assert inner.shut


def test_blocking_strict() -> None:
    """blocking-strict: the backend's own answer."""
    backend = with_mode(Failing(), "blocking-strict")
    assert backend.process_events(()) is False
    assert str(backend) == "log"
