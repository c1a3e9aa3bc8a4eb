"""Spans on their way: a collector that is away, full or refuses holds up nothing, and all is counted."""

import asyncio
import threading
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from prometheus_client import CollectorRegistry

from auditproxy.metrics.tracing import TracingMetrics
from auditproxy.request.traceparent import TraceParent
from auditproxy.tracing.exporting import (
    LONGEST_TEXT,
    MAXIMUM_SPANS,
    SpanExport,
    SpanExporter,
    otlp_exporter,
    readable,
    size,
)
from auditproxy.tracing.requests import RequestSpans, RequestTrace, WebhookSpan
from tests.fakes.collector import Collector
from tests.fakes.waiting import until

RESOURCE = Resource({"service.name": "auditproxy"})


def traced(name: str = "GET", **more: Any) -> RequestSpans:
    """A request with two filters, which was sent."""
    trace = RequestTrace(1, 2**64 - 1, True, **more)
    trace.passed("authentication", 20, 5)
    trace.passed("audit", 30, 5)
    trace.sent, trace.sent_span_id = 40, 9
    return RequestSpans(trace, name, "GET", "/x", "id", "agent", "::1", 200, 10, 50)


class Held:
    """An exporter that waits for its gate."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.gate = threading.Event()
        self.result = result
        self.exported: list[int] = []
        self.is_shut = False

    def export(self, spans: list[ReadableSpan]) -> SpanExportResult:
        """Wait, and count."""
        self.gate.wait(20)
        self.exported.append(len(spans))
        return self.result

    def shutdown(self) -> None:
        """Give up."""
        self.is_shut = True
        self.gate.set()


class Exporting:
    """A SpanExport, and what it counts and says."""

    def __init__(self, exporter: SpanExporter, pause: float = 0.0) -> None:
        self.registry = CollectorRegistry()
        self.said: list[str] = []
        self.export = SpanExport(
            exporter,
            RESOURCE,
            TracingMetrics(self.registry),
            self.said.append,
            place="there",
            pause=pause,
        )

    def value(self, name: str, **labels: str) -> float:
        """A metric."""
        return self.registry.get_sample_value(f"auditproxy_trace_{name}", labels) or 0.0


async def test_full_queue() -> None:
    """A collector that does not answer: what is new is dropped at once, and counted exactly."""
    held = Held()
    of = Exporting(held)
    of.export.start()
    of.export.add(traced())
    await until(lambda: of.value("requests_waiting") == 0, "the thread has it")
    for _ in range(MAXIMUM_SPANS + 3):
        of.export.add(traced())
    assert of.value("requests_waiting") == MAXIMUM_SPANS
    assert of.value("spans_dropped_total", reason="queue-full") == 3 * 4
    held.gate.set()
    await until(
        lambda: of.value("spans_exported_total") == 4 * (MAXIMUM_SPANS + 1), "all are exported"
    )
    assert max(held.exported) == 4 * 512
    await of.export.close(10)
    of.export.add(traced())
    assert of.value("spans_dropped_total", reason="shutdown") == 4
    assert of.said == []


async def test_stop_with_a_collector_that_hangs() -> None:
    """The end is not held up either: what waits is dropped, and so is what is under way."""
    held = Held(SpanExportResult.FAILURE)
    of = Exporting(held)
    of.export.start()
    of.export.add(traced())
    await until(lambda: of.value("requests_waiting") == 0, "the thread has it")
    of.export.add(traced())
    await of.export.close(0.05)
    assert held.is_shut
    await until(lambda: of.value("spans_dropped_total", reason="shutdown") == 8, "all are counted")


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED])
async def test_refused(code: Any) -> None:
    """A collector that refuses: dropped and counted, and its text is not shown."""
    async with Collector(refuse=code) as collector:
        of = Exporting(otlp_exporter(f"127.0.0.1:{collector.port}"))
        of.export.start()
        of.export.add(traced())
        await until(
            lambda: of.value("spans_dropped_total", reason="collector") == 4, "it is counted"
        )
        await of.export.close(10)
    assert of.said == [
        "the collector at there did not take the spans of requests (OTLP over gRPC); they are "
        "dropped and counted"
    ]


async def test_nobody_listens() -> None:
    """A collector that is away: the end comes as soon as it is wanted."""
    async with Collector() as collector:
        port = collector.port
    of = Exporting(otlp_exporter(f"127.0.0.1:{port}"))
    of.export.start()
    of.export.add(traced())
    await until(lambda: of.value("requests_waiting") == 0, "the thread has it")
    async with asyncio.timeout(10):
        await of.export.close(0.05)
    await until(
        lambda: (
            sum(of.value("spans_dropped_total", reason=r) for r in ("collector", "shutdown")) == 4
        ),
        "they are counted",
    )


async def test_unix_socket(tmp_path: Any) -> None:
    """The other kind of endpoint that kube-apiserver takes."""
    place = f"unix://{tmp_path}/s"
    async with Collector(address=place) as collector:
        of = Exporting(otlp_exporter(place))
        of.export.start()
        of.export.add(traced())
        await collector.until_spans(4)
        await of.export.close(10)


async def test_crash() -> None:
    """A fault of an exporter ends no thread."""

    class Crashing(Held):
        def export(self, spans: list[ReadableSpan]) -> SpanExportResult:
            raise ZeroDivisionError

    of = Exporting(Crashing())
    of.export.start()
    for number in (1, 2):
        of.export.add(traced())
        await until(
            lambda n=number: of.value("spans_dropped_total", reason="collector") == 4 * n,  # type: ignore[misc]
            "it is counted",
        )
    await of.export.close(10)
    assert of.said[0] == "spans could not be exported to there: ZeroDivisionError"


def test_readable() -> None:
    """Names, times and parents; ids are apart even at the end of their range."""
    spans = readable(traced("GET \udc80" + "x" * 9999, parent=TraceParent(1, 7, True)), RESOURCE)
    assert [span.name[:5] for span in spans] == ["GET �", "authe", "audit", "HTTP "]
    assert len(spans[0].name) <= LONGEST_TEXT
    assert len(spans) == size(traced())
    ids = [span.context.span_id for span in spans]
    assert len(set(ids)) == 4
    assert all(ids)
    assert [(span.start_time, span.end_time) for span in spans] == [
        (10, 50), (15, 20), (25, 30), (40, 50),
    ]  # fmt: skip
    assert spans[0].parent is not None
    assert spans[0].parent.span_id == 7
    (call,) = readable(WebhookSpan(1, 2, 3, 4, 5, failed=True), RESOURCE)
    assert call.name == "Call Audit Events webhook"
    assert not call.status.is_ok
