"""Metrics of the audit backends: asked whenever somebody scrapes."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.sinks import SinkMetrics


def test_they_follow_what_they_are_told_to_ask() -> None:
    """Gauges have the value of the moment, by backend."""
    registry = CollectorRegistry()
    metrics = SinkMetrics(registry)
    waiting, stalled, well = [0], [0.0], [True]
    metrics.buffer("log", 100, lambda: waiting[0])
    metrics.sink("log", lambda: well[0], lambda: stalled[0])
    waiting[0], stalled[0], well[0] = 7, 2.5, False

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"plugin": "log"})

    assert value("auditproxy_audit_buffer_capacity") == 100
    assert value("auditproxy_audit_buffer_events") == 7
    assert value("auditproxy_audit_sink_healthy") == 0
    assert value("auditproxy_audit_sink_stalled_seconds") == 2.5


def test_reopening() -> None:
    """How often the log file was reopened, by reason."""
    registry = CollectorRegistry()
    SinkMetrics(registry).log_reopened("deleted")
    labels = {"reason": "deleted"}
    assert registry.get_sample_value("auditproxy_audit_log_reopened_total", labels) == 1


def test_commits() -> None:
    """How long commits took, in buckets; there from the start."""
    registry = CollectorRegistry()
    metrics = SinkMetrics(registry)
    name = "auditproxy_audit_log_commit_duration_seconds"
    assert registry.get_sample_value(f"{name}_count") == 0
    metrics.committed(0.002)
    metrics.committed(0.3)
    assert registry.get_sample_value(f"{name}_bucket", {"le": "0.0025"}) == 1
    assert registry.get_sample_value(f"{name}_bucket", {"le": "0.25"}) == 1
    assert registry.get_sample_value(f"{name}_count") == 2
    assert registry.get_sample_value(f"{name}_sum") == 0.302
