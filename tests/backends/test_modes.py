"""Modes of a backend: who waits for a delivery and who hears of its failure."""

import asyncio

from auditproxy.apis.audit import Event
from auditproxy.audit.backend import Delivery
from auditproxy.backends.modes import Awaited, IgnoreErrors
from auditproxy.backends.weight import MAXIMUM_BYTES
from tests.fakes.backends import Recorder, Told, dropped, event, events
from tests.fakes.waiting import turns


class Failing:
    """A backend that loses everything, at once or later."""

    def __init__(self, outcome: Delivery = False) -> None:
        self.outcome = outcome
        self.grace = -1.0

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Lose the events."""
        return self.outcome

    async def shutdown(self, grace: float) -> None:
        """Remember it."""
        self.grace = grace

    def __str__(self) -> str:
        return "log"


async def test_ignore_errors() -> None:
    """blocking: the request never hears of a failure; named as kube-apiserver names it."""
    inner = Failing()
    backend = IgnoreErrors(inner)
    assert backend.process_events(()) is True
    assert str(backend) == "ignoreErrors<log>"
    await backend.shutdown(3.0)
    assert inner.grace == 3.0


async def test_ignore_errors_waits() -> None:
    """A failure that is known later is awaited, and then ignored too."""
    later: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    outcome = IgnoreErrors(Failing(later)).process_events(())
    assert not isinstance(outcome, bool)
    later.set_result(False)
    assert await outcome is True


async def test_awaited() -> None:
    """A delivery begins at once and its outcome is the deliverer's."""
    told, recorder = Told("webhook"), Recorder()
    backend = Awaited(recorder, told.losses)
    outcome = backend.process_events((event("a"),))
    assert not isinstance(outcome, bool)
    assert backend.waiting == 1
    assert await outcome is True
    recorder.result = False
    second = backend.process_events((event("b"),))
    assert not isinstance(second, bool)
    assert await second is False
    assert recorder.batches == [("a",), ("b",)]
    assert (backend.waiting, str(backend)) == (0, "webhook")
    await backend.shutdown(1.0)
    assert recorder.is_shut


async def test_request_that_gives_up_does_not_end_the_delivery() -> None:
    """A client that leaves cannot cancel its event."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    told, recorder = Told("webhook"), Recorder()
    recorder.gate.clear()
    backend = Awaited(recorder, told.losses)
    outcome = backend.process_events((event("a"),))

    async def request() -> None:
        assert not isinstance(outcome, bool)
        await outcome

    waiting = asyncio.create_task(request())
    await turns()
    waiting.cancel()
    await asyncio.wait({waiting})
    recorder.gate.set()
    await recorder.until(1)
    await backend.shutdown(1.0)
    assert (recorder.batches, faults) == ([("a",)], [])


async def test_no_more_than_so_many_deliveries() -> None:
    """Clients that do not wait cannot start deliveries without end; the rest is counted."""
    told, recorder = Told("webhook"), Recorder()
    recorder.gate.clear()
    backend = Awaited(recorder, told.losses, maximum=2)
    outcomes = [backend.process_events((one,)) for one in events(3)]
    assert outcomes[2] is False
    assert dropped(told.metrics, "buffer-full", "webhook") == 1
    recorder.gate.set()
    await backend.shutdown(5.0)
    assert len(recorder.batches) == 2


async def test_crash_and_shutdown() -> None:
    """A crash is a loss with its reason; so is an event that comes after the end."""
    told, recorder = Told("webhook"), Recorder()
    recorder.crash = ValueError("canary")
    backend = Awaited(recorder, told.losses)
    outcome = backend.process_events(events(2))
    assert not isinstance(outcome, bool)
    assert await outcome is False
    assert dropped(told.metrics, "crash", "webhook") == 2
    await backend.shutdown(1.0)
    assert backend.process_events(events(1)) is False
    assert dropped(told.metrics, "shutdown", "webhook") == 1
    assert not any("canary" in line for line in told.lines)


async def test_late_deliveries_are_cancelled() -> None:
    """T264: a shutdown is bounded; what is cancelled is over for the backend."""
    told, recorder = Told("webhook"), Recorder()
    recorder.gate.clear()
    backend = Awaited(recorder, told.losses)
    outcome = backend.process_events(events(1))
    await turns()
    await backend.shutdown(0.0)
    assert not isinstance(outcome, bool)
    assert await outcome is False
    assert recorder.under_way == 0


async def test_bytes_that_wait_are_bounded() -> None:
    """B3: events with large bodies that nobody takes are refused before they fill the memory."""
    told, recorder = Told("webhook"), Recorder()
    recorder.gate.clear()
    backend = Awaited(recorder, told.losses)
    body = b"1" * (MAXIMUM_BYTES // 4)
    taken = [backend.process_events((event(body=body),)) for _ in range(5)]
    assert [isinstance(outcome, bool) for outcome in taken] == [False] * 3 + [True] * 2
    assert taken[-1] is False
    assert backend.waiting == 3
    assert not backend.has_room((event(body=body),))
    recorder.gate.set()
    await recorder.until(3)
    await turns()
    assert backend.has_room((event(body=body),))
    assert not isinstance(backend.process_events((event(body=body),)), bool)
    await backend.shutdown(5.0)
    assert told.lines[-1].startswith("lost 1 audit event"), "what was not told yet"
    assert len(told.lines) == 2
    assert dropped(told.metrics, "buffer-full", "webhook") == 2
    recorder.gate.set()
    await backend.shutdown(5.0)
    assert backend.waiting == 0
