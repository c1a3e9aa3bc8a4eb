"""Metrics of spans on their way to a collector."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

REASONS = ("queue-full", "collector", "shutdown")
"""Why spans are dropped; all exist from the start, so that each has a rate."""


class TracingMetrics:
    """Spans that a collector has, that it will never have, and that wait; thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exported = Counter(
            "auditproxy_trace_spans_exported",
            "Spans that the collector has taken.",
            registry=registry,
        )
        self._dropped = Counter(
            "auditproxy_trace_spans_dropped",
            "Spans that were dropped, by reason.",
            ("reason",),
            registry=registry,
        )
        self._waiting = Gauge(
            "auditproxy_trace_requests_waiting",
            "Requests and webhook calls whose spans wait for the collector.",
            registry=registry,
        )
        for reason in REASONS:
            self._dropped.labels(reason)

    def exported(self, count: int) -> None:
        """Count spans that the collector has."""
        self._exported.inc(count)

    def dropped(self, reason: str, count: int) -> None:
        """Count spans that it will not have; ``reason`` is one of REASONS."""
        self._dropped.labels(reason).inc(count)

    def waiting(self, count: Callable[[], int]) -> None:
        """Register the callback that returns how many requests and calls wait."""
        self._waiting.set_function(count)
