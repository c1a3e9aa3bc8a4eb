"""Metrics of events that are still due."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.due import DueMetrics


def test_states() -> None:
    """B1: both states are there from the start and follow what they count."""
    registry = CollectorRegistry()
    due = DueMetrics(registry)

    def value(state: str) -> float | None:
        return registry.get_sample_value("auditproxy_audit_events_due", {"state": state})

    assert (value("decoding"), value("in-flight")) == (0, 0)
    due.decoding += 3
    due.counting(lambda: 7)
    assert (value("decoding"), value("in-flight")) == (3, 7)
