"""Metrics of a spool."""

from auditproxy.metrics.registry import Metrics
from tests.fakes.backends import value


def test_series() -> None:
    """Each has the backend as its label, and is there from the start."""
    metrics = Metrics()
    spools = metrics.audit.spools
    spools.spool("webhook", 1000, events=lambda: 3, size=lambda: 500, age=lambda: 1.5)
    spools.resumed("webhook", 3)
    assert (
        metrics.registry.get_sample_value(
            "auditproxy_audit_spool_dead_letters_total", {"plugin": "webhook"}
        )
        == 0
    )
    spools.dead_letter("webhook")
    names = {
        "events": 3,
        "bytes": 500,
        "capacity_bytes": 1000,
        "oldest_event_age_seconds": 1.5,
        "resumed_events_total": 3,
        "dead_letters_total": 1,
    }
    for name, wanted in names.items():
        assert value(metrics, f"auditproxy_audit_spool_{name}", plugin="webhook") == wanted
