"""The emitter: what goes to the sink, what is counted, and waiting for deliveries."""

import asyncio
import time

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Event, Level, RequestAuditConfig, Stage
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import AuditContext
from auditproxy.metrics.registry import Metrics
from auditproxy.server.emitter import Emitter
from auditproxy.server.services import Shared


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


def emitter(sink: Sink, config: RequestAuditConfig) -> tuple[Emitter, AuditContext]:
    """The emitter of a request that the policy judged so."""
    shared = Shared(sink, Metrics(), time.time_ns, time.perf_counter_ns, lambda: "id", print)
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
    waiting = asyncio.create_task(events.delivered(5))
    assert (await asyncio.wait({waiting}, timeout=0.05))[1] == {waiting}
    soon.set_result(True)
    await asyncio.wait_for(waiting, 5)
    events, _ = emitter(Sink(never), RequestAuditConfig(Level.METADATA))
    events.emit(Stage.REQUEST_RECEIVED, 0)
    await asyncio.wait_for(events.delivered(0.05), 5)


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
