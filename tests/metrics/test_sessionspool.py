"""Metrics of the session webhook's spool."""

from auditproxy.metrics.registry import Metrics


def test_series() -> None:
    """Each is there from the start, and 0 without a spool."""
    metrics = Metrics()
    names = {
        "lines": 3,
        "bytes": 500,
        "capacity_bytes": 1000,
        "oldest_line_age_seconds": 1.5,
        "resumed_lines_total": 3,
        "dead_letters_total": 1,
    }
    sample = metrics.registry.get_sample_value
    assert [sample(f"auditproxy_session_spool_{name}") for name in names] == [0] * len(names)
    spool = metrics.sessions.spool
    spool.spool(1000, lines=lambda: 3, size=lambda: 500, age=lambda: 1.5)
    spool.resumed(3)
    spool.dead_letter()
    assert {name: sample(f"auditproxy_session_spool_{name}") for name in names} == names
