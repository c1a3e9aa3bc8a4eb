"""Metrics of the copies of bodies."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.captures import REASONS, CaptureMetrics


def test_reasons_exist_from_the_start() -> None:
    """A rate over a series that appears only with its first value would miss that value."""
    registry = CollectorRegistry()
    metrics = CaptureMetrics(registry)
    name = "auditproxy_captures_dropped_total"
    assert [registry.get_sample_value(name, {"reason": reason}) for reason in REASONS] == [0, 0, 0]
    metrics.dropped("no-room")
    assert registry.get_sample_value(name, {"reason": "no-room"}) == 1


def test_bytes_are_those_of_now() -> None:
    """What is held is asked for when somebody looks."""
    registry = CollectorRegistry()
    held = [1, 2]
    CaptureMetrics(registry).holding(lambda: held[0], lambda: held[1])
    held[:] = [30, 40]
    for where, expected in (("memory", 30), ("file", 40)):
        labels = {"where": where}
        assert registry.get_sample_value("auditproxy_capture_bytes", labels) == expected
