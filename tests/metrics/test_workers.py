"""Metrics of the parent of several workers."""

from auditproxy.metrics.workers import ENDS, WorkerMetrics


def test_they_are_counted() -> None:
    """How many are to be there, how many are, and how they ended: every reason from the start."""
    metrics = WorkerMetrics()
    metrics.configured(4)
    metrics.serving(3)
    metrics.ended("killed")
    value = metrics.registry.get_sample_value
    assert value("auditproxy_workers") == 4
    assert value("auditproxy_workers_serving") == 3
    ends = {reason: value("auditproxy_worker_ends_total", {"reason": reason}) for reason in ENDS}
    assert ends == {"exited": 0, "killed": 1, "restarted": 0}
