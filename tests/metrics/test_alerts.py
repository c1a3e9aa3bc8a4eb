"""Metrics of alerts."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.alerts import ALERT_LOSSES, EVENT_LOSSES, AlertMetrics


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """The value of a series."""
    return registry.get_sample_value(f"auditproxy_alerts_{name}", labels)


def test_series_exist_from_the_start() -> None:
    """A rate over a series that appears with its first value would miss that value."""
    registry = CollectorRegistry()
    metrics = AlertMetrics(registry)
    metrics.rule("R", "high")
    metrics.destination("d")
    assert value(registry, "fired_total", rule="R", severity="high") == 0
    assert value(registry, "condition_errors_total", rule="R") == 0
    assert value(registry, "sent_total", destination="d") == 0
    for reason in EVENT_LOSSES:
        assert value(registry, "events_dropped_total", reason=reason) == 0
    for reason in ALERT_LOSSES:
        assert value(registry, "failed_total", destination="d", reason=reason) == 0


def test_counts() -> None:
    """Each method counts its own series."""
    registry = CollectorRegistry()
    metrics = AlertMetrics(registry)
    metrics.fired("R", "high")
    metrics.firing(3)
    metrics.dropped("queue-full", 2)
    metrics.condition_failed("R", 4)
    metrics.folded("R", 5)
    metrics.sent("d", 6)
    metrics.failed("d", "refused", 7)
    metrics.attempt_failed("d", "timeout")
    assert value(registry, "fired_total", rule="R", severity="high") == 1
    assert value(registry, "firing") == 3
    assert value(registry, "events_dropped_total", reason="queue-full") == 2
    assert value(registry, "condition_errors_total", rule="R") == 4
    assert value(registry, "folded_total", rule="R") == 5
    assert value(registry, "sent_total", destination="d") == 6
    assert value(registry, "failed_total", destination="d", reason="refused") == 7
    assert value(registry, "attempts_failed_total", destination="d", reason="timeout") == 1
