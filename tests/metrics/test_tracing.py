"""Metrics of spans: each reason has a series from the start."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.tracing import REASONS, TracingMetrics


def test_series() -> None:
    """What is exported, dropped and waits."""
    registry = CollectorRegistry()
    metrics = TracingMetrics(registry)
    metrics.exported(3)
    metrics.dropped("collector", 2)
    metrics.waiting(lambda: 7)
    value = registry.get_sample_value
    assert value("auditproxy_trace_spans_exported_total") == 3
    assert value("auditproxy_trace_requests_waiting") == 7
    for reason in REASONS:
        found = value("auditproxy_trace_spans_dropped_total", {"reason": reason})
        assert found == (2 if reason == "collector" else 0)
