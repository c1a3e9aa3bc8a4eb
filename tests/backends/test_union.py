"""Union: every event to every backend (apiserver audit/union_test.go)."""

import asyncio

import pytest

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.backends.union import union
from tests.fakes.backends import events
from tests.fakes.waiting import turns


class Backend:
    """A backend that keeps ids."""

    def __init__(self, name: str, outcome: Delivery = True) -> None:
        self.name = name
        self.outcome = outcome
        self.ids: list[str] = []
        self.shut = asyncio.Event()

    def process_events(self, batch: tuple[Event, ...]) -> Delivery:
        """Keep ids."""
        self.ids += [one.audit_id for one in batch]
        return self.outcome

    async def shutdown(self, grace: float) -> None:
        """Remember it."""
        self.shut.set()

    def __str__(self) -> str:
        return self.name


async def test_all_events_to_all() -> None:
    """In order, whatever an earlier backend says."""
    backends = (Backend("a", False), Backend("b"), Backend("c"))
    both = union(backends)
    assert both.process_events(events(20)) is False
    assert both.process_events(events(1)) is False
    expected = [*map(str, range(20)), "0"]
    assert all(backend.ids == expected for backend in backends)
    assert str(both) == "union[a,b,c]"
    await both.shutdown(1.0)
    assert all(backend.shut.is_set() for backend in backends)


def test_one_is_itself() -> None:
    """There is no union of one."""
    one = Backend("log")
    assert union((one,)) is one


async def test_an_end_that_fails() -> None:
    """It takes nothing of the others' time, and is raised once they have ended."""

    class Failing(Backend):
        async def shutdown(self, grace: float) -> None:
            """Fail."""
            raise OSError("closing")

    class Slow(Backend):
        async def shutdown(self, grace: float) -> None:
            """End a few turns later."""
            await turns(5)
            await super().shutdown(grace)

    slow = Slow("slow")
    with pytest.raises(OSError, match="closing"):
        await union((Failing("failing"), slow)).shutdown(1.0)
    assert slow.shut.is_set()
