"""What backends stand on, for tests: events, a metrics reader, deliverers that wait or fail."""

import asyncio

import msgspec

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.user import UserInfo
from auditproxy.backends.losses import Losses
from auditproxy.metrics.registry import Metrics


def event(
    audit_id: str = "a",
    *,
    level: str = "Metadata",
    body: bytes | None = None,
    annotations: dict[str, str] | None = None,
) -> Event:
    """A small event; ``body`` is its requestObject."""
    return Event(
        kind="Event",
        api_version=API_VERSION,
        level=level,
        audit_id=audit_id,
        stage="ResponseComplete",
        request_uri="/",
        verb="get",
        user=UserInfo(username="u"),
        request_object=None if body is None else msgspec.Raw(body),
        request_received_timestamp="2026-11-23T13:06:31.814986Z",
        stage_timestamp="2026-11-23T13:06:31.814986Z",
        annotations=annotations or {},
    )


def events(count: int) -> tuple[Event, ...]:
    """Events whose ids are "0", "1", ..."""
    return tuple(event(str(number)) for number in range(count))


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """A metric's value, 0 when it has none yet."""
    return metrics.registry.get_sample_value(name, labels) or 0.0


def dropped(metrics: Metrics, reason: str, plugin: str = "log") -> float:
    """Events that were dropped for a reason."""
    return value(metrics, "auditproxy_audit_events_dropped_total", plugin=plugin, reason=reason)


class Told:
    """Losses with their metrics and the lines that were told; ``now`` is the clock."""

    def __init__(self, backend: str = "log") -> None:
        self.metrics = Metrics()
        self.lines: list[str] = []
        self.now = 0.0
        self.losses = Losses(backend, self.metrics, self.lines.append, lambda: self.now)


class Recorder:
    """A deliverer that keeps batches; while ``gate`` is clear, deliveries wait."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, ...]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self.under_way = 0
        self.most_under_way = 0
        self.is_shut = False
        self.result = True
        self.crash: Exception | None = None

    async def deliver(self, batch: tuple[Event, ...]) -> bool:
        """Keep a batch's ids."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        self.batches.append(tuple(one.audit_id for one in batch))
        self.arrived.set()
        if self.crash is not None:
            raise self.crash
        return self.result

    async def until(self, count: int) -> None:
        """Wait until so many batches were delivered."""
        async with asyncio.timeout(10):
            while len(self.batches) < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def shutdown(self) -> None:
        """Remember it."""
        self.is_shut = True

    def __str__(self) -> str:
        return "webhook"
