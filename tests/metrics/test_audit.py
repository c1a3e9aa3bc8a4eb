"""Metrics of audit events: every count where it belongs, and nothing counted twice."""

from prometheus_client import CollectorRegistry

from auditproxy.apis.audit import Level
from auditproxy.metrics.audit import AuditMetrics


def test_audit_counters() -> None:
    """Every count goes where it belongs, and generated is written plus dropped."""
    registry = CollectorRegistry()
    metrics = AuditMetrics(registry)
    value = registry.get_sample_value
    for _ in range(3):
        metrics.event()
    metrics.written_by("log").value += 1
    metrics.written_by("log").value += 1
    metrics.dropped("disk-full", "log", "log")
    metrics.levels[Level.METADATA].value += 1
    metrics.rejected()
    assert value("apiserver_audit_event_total") == 3
    assert value("auditproxy_audit_events_generated_total") == 3
    assert value("auditproxy_audit_events_written_total", {"plugin": "log"}) == 2
    assert (
        value("auditproxy_audit_events_dropped_total", {"plugin": "log", "reason": "disk-full"})
        == 1
    )
    assert value("apiserver_audit_error_total", {"plugin": "log"}) == 1
    assert value("apiserver_audit_level_total", {"level": "Metadata"}) == 1
    assert value("apiserver_audit_requests_rejected_total") == 1
    assert metrics.undelivered() == {("log", "disk-full"): 1}


def test_a_due_event_is_generated_once() -> None:
    """An event whose bodies are decoded first counts as generated from then on, and as due."""
    registry = CollectorRegistry()
    metrics = AuditMetrics(registry)
    value = registry.get_sample_value
    metrics.event_due()
    assert value("auditproxy_audit_events_generated_total") == 1
    assert value("auditproxy_audit_events_due", {"state": "decoding"}) == 1
    assert value("apiserver_audit_event_total") == 0
    metrics.event(was_due=True)
    assert value("auditproxy_audit_events_generated_total") == 1
    assert value("auditproxy_audit_events_due", {"state": "decoding"}) == 0
    assert value("apiserver_audit_event_total") == 1
