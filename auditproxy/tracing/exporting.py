"""Spans on their way to a collector: OTLP over gRPC, on a thread of their own.

    add -> queue -> thread: spans, OTLP -> the collector has them, or they are dropped and counted

A collector that is away, slow or full holds up no request: beyond MAXIMUM_SPANS what is new is
dropped. The exporter is OpenTelemetry's, and so are its retries within a batch's time.
"""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from auditproxy.backends.webhookcalls import NAME as WEBHOOK_CALL
from auditproxy.metrics.tracing import TracingMetrics
from auditproxy.request.traceparent import TraceParent
from auditproxy.sockets.handover import hand_over
from auditproxy.tracing.requests import RequestSpans, WebhookSpan

MAXIMUM_SPANS = 2048
"""Requests and calls whose spans wait, as many as in OpenTelemetry's own queue."""
MOST = 512
"""Of them in one batch."""
LONGEST_TEXT = 2048
"""Characters of an attribute."""
EXPORT_TIMEOUT = 10.0
"""Seconds of a batch, its retries among them."""
PAUSE = 1.0
"""Seconds for which spans wait for others."""

Spans = RequestSpans | WebhookSpan


class SpanExporter(Protocol):
    """The part of OpenTelemetry's exporters that is used."""

    def export(self, spans: list[ReadableSpan]) -> SpanExportResult:
        """Send spans, on the calling thread."""

    def shutdown(self) -> None:
        """Give up what is under way."""


def otlp_exporter(endpoint: str) -> SpanExporter:
    """OpenTelemetry's exporter to a gRPC endpoint, in clear text as kube-apiserver's."""
    # They would say in several lines what is counted, and reported once.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    # gRPC's C core would write lines of its own to standard error.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    # A proxy of the environment is not asked, as for all of our own connections.
    options = (("grpc.enable_http_proxy", 0),)
    return OTLPSpanExporter(
        endpoint=endpoint,
        insecure=True,
        timeout=EXPORT_TIMEOUT,
        channel_options=options,  # type: ignore[arg-type]
    )


class SpanExport:
    """Exports spans from ``start`` on; ``add`` is called on one thread, and never waits."""

    def __init__(
        self,
        exporter: SpanExporter,
        resource: Resource,
        metrics: TracingMetrics,
        report: Callable[[str], None],
        *,
        place: str,
        pause: float = PAUSE,
    ) -> None:
        self._exporter = exporter
        self._resource = resource
        self._metrics = metrics
        self._report = report
        self._place = place
        self._pause = pause
        self._queue: deque[Spans] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        metrics.waiting(lambda: len(self._queue))

    def start(self) -> None:
        """Begin to export."""
        self._thread = threading.Thread(target=self._run, name="export-spans", daemon=True)
        self._thread.start()

    def add(self, spans: Spans) -> None:
        """Take spans, or drop them where too many wait."""
        with self._changed:
            if len(self._queue) >= MAXIMUM_SPANS or self._is_closing:
                reason = "shutdown" if self._is_closing else "queue-full"
                self._metrics.dropped(reason, size(spans))
                return
            self._queue.append(spans)
            if len(self._queue) in (1, MOST):
                self._changed.notify()

    async def close(self, seconds: float) -> None:
        """Export what waits, no longer than ``seconds``; the rest is dropped."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread is not None:
            loop, ended = asyncio.get_running_loop(), asyncio.Event()

            def wait() -> None:
                self._done.wait(seconds)
                hand_over(loop, ended.set)

            threading.Thread(target=wait, name="end-spans", daemon=True).start()
            await ended.wait()
        self._exporter.shutdown()
        with self._changed:
            left, self._queue = tuple(self._queue), deque()
        for spans in left:
            self._metrics.dropped("shutdown", size(spans))

    def _run(self) -> None:
        while batch := self._batch():
            self._export(batch)
        self._done.set()

    def _batch(self) -> list[Spans]:
        """Wait for spans, and for others to come; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing)
            self._changed.wait_for(
                lambda: len(self._queue) >= MOST or self._is_closing, timeout=self._pause
            )
            return [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]

    def _export(self, batch: list[Spans]) -> None:
        count = sum(map(size, batch))
        spans: list[ReadableSpan] = []
        try:
            for each in batch:
                spans += readable(each, self._resource)
            result = self._exporter.export(spans)
        except Exception as error:
            # Whatever it is: the next batch is another one.
            self._report(f"spans could not be exported to {self._place}: {type(error).__name__}")
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self._metrics.exported(count)
            return
        self._metrics.dropped("shutdown" if self._is_closing else "collector", count)
        self._report(
            f"the collector at {self._place} did not take the spans of requests (OTLP over gRPC); "
            "they are dropped and counted"
        )


def size(spans: Spans) -> int:
    """How many spans there will be."""
    if isinstance(spans, WebhookSpan):
        return 1
    return 1 + len(spans.trace.filters) + bool(spans.trace.sent)


def readable(spans: Spans, resource: Resource) -> list[ReadableSpan]:
    """OpenTelemetry's spans: kube-apiserver's names, and children for filters and the upstream."""
    if isinstance(spans, WebhookSpan):
        status = Status(StatusCode.ERROR) if spans.failed else Status()
        own = context(spans.trace_id, spans.span_id)
        named: dict[str, str | int] = {"name": "webhook", "event-count": spans.count}
        times = (spans.began, spans.ended)
        return [_span(resource, WEBHOOK_CALL, own, times, named, status=status)]
    trace = spans.trace
    own = context(trace.trace_id, trace.span_id)
    failed = spans.code >= 500
    request = _span(
        resource,
        plain(spans.name),
        own,
        (spans.began, spans.ended),
        {
            "http.request.method": plain(spans.method),
            "http.target": plain(spans.request_uri),
            "http.response.status_code": spans.code,
            "user_agent.original": plain(spans.user_agent),
            "client.address": plain(spans.client),
            "audit-id": plain(spans.audit_id)[:64],
        },
        parent=None if trace.parent is None else remote(trace.parent),
        links=() if trace.link is None else (Link(remote(trace.link)),),
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR) if failed else Status(),
    )
    found = [request]
    # The ids of filters need not be known before.
    for number, passed in enumerate(trace.filters, 1):
        child = context(trace.trace_id, trace.span_id ^ (number << 32) or number)
        found.append(_span(resource, passed.name, child, (passed.began, passed.ended), parent=own))
    if trace.sent:
        child = context(trace.trace_id, trace.sent_span_id)
        found.append(
            _span(
                resource,
                plain(f"HTTP {spans.method}"),
                child,
                (trace.sent, spans.ended),
                {"http.request.method": plain(spans.method)},
                parent=own,
                kind=SpanKind.CLIENT,
            )
        )
    return found


def context(trace_id: int, span_id: int, *, is_remote: bool = False) -> SpanContext:
    """The context of a sampled span."""
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))


def remote(parent: TraceParent) -> SpanContext:
    """The context of a client's span."""
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    return SpanContext(parent.trace_id, parent.span_id, True, flags)


def plain(text: str) -> str:
    """A text that can be UTF-8, and is not too long."""
    text = text[:LONGEST_TEXT]
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_SCOPE = InstrumentationScope("auditproxy")


def _span(
    resource: Resource,
    name: str,
    own: SpanContext,
    times: tuple[int, int],
    attributes: dict[str, str | int] | None = None,
    *,
    parent: SpanContext | None = None,
    links: tuple[Link, ...] = (),
    kind: SpanKind = SpanKind.INTERNAL,
    status: Status | None = None,
) -> ReadableSpan:
    began, ended = times
    return ReadableSpan(
        name,
        own,
        parent,
        resource,
        attributes,
        (),
        links,
        kind,
        None,
        status or Status(),
        began,
        ended,
        _SCOPE,
    )
