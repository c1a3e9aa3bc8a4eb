"""The emitter: what goes to the sink, what is counted, and waiting for deliveries."""

import asyncio
import time

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Event, Level, RequestAuditConfig, Stage
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import AuditContext
from auditproxy.metrics.registry import Metrics
from auditproxy.server.emitter import Emitter, after, going_on, is_settled
from auditproxy.server.services import Shared
from tests.fakes.waiting import turns


class Sink:
    """A backend whose outcomes are known later where ``deliveries`` has some."""

    def __init__(self, *deliveries: "asyncio.Future[bool]") -> None:
        self.events: list[Event] = []
        self._deliveries = list(deliveries)

    def process_events(self, events: tuple[Event, ...]) -> Delivery:
        """Take the events."""
        self.events += events
        return self._deliveries.pop(0) if self._deliveries else True

    async def shutdown(self, grace: float) -> None:
        """Nothing is buffered."""


class Connection:
    """What a connection has of the requests before."""

    def __init__(self, unsettled: Delivery = True) -> None:
        self.unsettled = unsettled


EVERYTHING = RequestAuditConfig(Level.METADATA)


def emitter(
    sink: Sink,
    config: RequestAuditConfig = EVERYTHING,
    *,
    is_durable: bool = False,
    awaits_decoded: bool = False,
) -> tuple[Emitter, AuditContext]:
    """The emitter of a request that the policy judged so."""
    shared = Shared(sink, Metrics(), time.time_ns, time.perf_counter_ns, lambda: "id", print)
    shared.is_durable = is_durable
    shared.awaits_decoded = awaits_decoded
    context = AuditContext("id", 0)
    context.begin(
        config,
        info=RequestInfo(is_resource_request=False, path="/x", verb="get"),
        request_uri="/x",
        user=None,
        source_ips=(),
        user_agent="",
    )
    return Emitter(shared, context), context


@pytest.mark.parametrize(
    ("omitted", "stages"),
    [
        ((), ["RequestReceived", "ResponseComplete"]),
        ((Stage.REQUEST_RECEIVED,), ["ResponseComplete"]),
        ((Stage.RESPONSE_COMPLETE,), ["RequestReceived"]),
    ],
)
async def test_only_what_is_wanted(omitted: tuple[Stage, ...], stages: list[str]) -> None:
    """Stages that the policy omits reach no sink; each is delivered all the same."""
    sink = Sink()
    events, _ = emitter(sink, RequestAuditConfig(Level.METADATA, frozenset(omitted)))
    assert events.emit(Stage.REQUEST_RECEIVED, 0) is True
    assert events.emit(Stage.RESPONSE_COMPLETE, 1, last=True) is True
    assert [event.stage for event in sink.events] == stages


async def test_nothing_follows_the_end() -> None:
    """A context that is finished has no other event."""
    sink = Sink()
    events, context = emitter(sink, RequestAuditConfig(Level.METADATA))
    context.finished = True
    assert events.emit(Stage.RESPONSE_COMPLETE, 1, last=True) is True
    assert sink.events == []


async def test_deliveries_are_waited_for() -> None:
    """A request ends with its events delivered, or after its time."""
    loop = asyncio.get_running_loop()
    soon, never = loop.create_future(), loop.create_future()
    events, _ = emitter(Sink(soon), RequestAuditConfig(Level.METADATA))
    events.emit(Stage.REQUEST_RECEIVED, 0)
    waiting = asyncio.create_task(events.delivered(Connection(), 5))
    assert (await asyncio.wait({waiting}, timeout=0.05))[1] == {waiting}
    soon.set_result(True)
    await asyncio.wait_for(waiting, 5)
    events, _ = emitter(Sink(never), RequestAuditConfig(Level.METADATA))
    events.emit(Stage.REQUEST_RECEIVED, 0)
    await asyncio.wait_for(events.delivered(Connection(), 0.05), 5)


async def test_an_owed_event_is_counted_once() -> None:
    """What was counted as due while it was decoded is not counted again when it comes."""
    sink = Sink()
    metrics = Metrics()
    shared = Shared(sink, metrics, time.time_ns, time.perf_counter_ns, lambda: "id", print)
    _, context = emitter(sink, RequestAuditConfig(Level.METADATA))
    events = Emitter(shared, context)

    def total() -> float:
        return metrics.registry.get_sample_value("auditproxy_audit_events_generated_total") or 0.0

    events.owe()
    assert metrics.audit.due.decoding == 1
    counted = total()
    events.emit(Stage.RESPONSE_COMPLETE, 1, last=True)
    assert metrics.audit.due.decoding == 0
    assert total() == counted


def later() -> "asyncio.Future[bool]":
    """An outcome that is not known yet."""
    return asyncio.get_running_loop().create_future()


async def test_durable_events_are_left_with_the_connection() -> None:
    """Nobody waits for the last event; RequestReceived was waited for before."""
    received, last = later(), later()
    events, _ = emitter(Sink(received, last), is_durable=True)
    connection = Connection()
    assert events.emit(Stage.REQUEST_RECEIVED, 0) is received
    events.emit(Stage.RESPONSE_COMPLETE, 1, last=True)
    assert await events.delivered(connection, 5) is True
    assert connection.unsettled is last
    assert not is_settled(connection.unsettled)
    assert after(connection.unsettled, True) is not True
    last.set_result(True)
    assert is_settled(connection.unsettled)
    assert after(connection.unsettled, False) is False


async def test_durable_waits_for_the_request_before() -> None:
    """A request that was refused unsent ends after the events of the one before it."""
    before = later()
    connection = Connection(before)
    events, _ = emitter(Sink(), is_durable=True)
    events.emit(Stage.RESPONSE_STARTED, 0)
    waiting = asyncio.create_task(events.delivered(connection, 5))
    assert (await asyncio.wait({waiting}, timeout=0.05))[1] == {waiting}
    before.set_result(True)
    assert await asyncio.wait_for(waiting, 5) is True
    assert connection.unsettled is True


@pytest.mark.parametrize("how", ["lost", "late", "cancelled", "lost before"])
async def test_durable_connection_does_not_go_on(how: str) -> None:
    """Where an event is lost, or not stored in time, nothing more is served."""
    before = later()
    if how == "lost":
        before.set_result(False)
    elif how == "cancelled":
        before.cancel()
    connection = Connection(False if how == "lost before" else before)
    events, _ = emitter(Sink(), is_durable=True)
    assert await asyncio.wait_for(events.delivered(connection, 0.05), 5) is False


async def test_durable_event_that_was_dropped_at_once() -> None:
    """The connection ends after the request whose last event is lost."""

    class Full(Sink):
        def process_events(self, events: tuple[Event, ...]) -> Delivery:
            return False

    events, _ = emitter(Full(), is_durable=True)
    events.emit(Stage.RESPONSE_COMPLETE, 1, last=True)
    assert events.unsettled is False
    assert await events.delivered(Connection(), 5) is False


@pytest.mark.parametrize("outcome", [True, False])
@pytest.mark.parametrize("is_later", [False, True])
async def test_durable_event_that_is_owed(is_later: bool, outcome: bool) -> None:
    """An event that comes once bodies are decoded is not settled before it is stored."""
    stored = later()
    if not is_later:
        stored.set_result(outcome)
    events, _ = emitter(Sink(stored), is_durable=True)
    connection = Connection()
    events.owe()
    assert await events.delivered(connection, 5) is True
    unsettled = connection.unsettled
    assert not isinstance(unsettled, bool)
    events.emit(Stage.RESPONSE_COMPLETE, 1, last=True)
    if is_later:
        stored.set_result(outcome)
    assert await asyncio.wait_for(unsettled, 5) is outcome


@pytest.mark.parametrize("awaits", [True, False])
async def test_event_that_is_owed_to_a_spool(awaits: bool) -> None:
    """It is waited for where a spool stores it, as others are; elsewhere it comes when it comes."""
    stored = later()
    events, _ = emitter(Sink(stored), awaits_decoded=awaits)
    events.owe()
    waiting = asyncio.create_task(events.delivered(Connection(), 5))
    await turns(3)
    assert waiting.done() is not awaits
    events.emit(Stage.RESPONSE_COMPLETE, 1, last=True)
    await turns(3)
    assert waiting.done() is not awaits
    stored.set_result(True)
    assert await asyncio.wait_for(waiting, 5) is True


async def test_event_that_a_spool_does_not_get_in_time() -> None:
    """The connection goes on: the event is not lost, and comes later."""
    events, _ = emitter(Sink(), awaits_decoded=True)
    events.owe()
    assert await asyncio.wait_for(events.delivered(Connection(), 0.05), 5) is True
    assert events.emit(Stage.RESPONSE_COMPLETE, 1, last=True) is True


async def test_durable_event_that_was_not_wanted_after_all() -> None:
    """Nothing waits for an event that does not come."""
    events, context = emitter(Sink(), is_durable=True)
    events.owe()
    context.finished = True
    events.emit(Stage.RESPONSE_COMPLETE, 1, last=True)
    assert is_settled(events.unsettled)


async def test_going_on() -> None:
    """A connection goes on when the delivery ends; never when an event is lost already."""
    assert (await going_on(False, 5)).keep_alive is False
    assert (await going_on(later(), 0.01)).keep_alive is True
