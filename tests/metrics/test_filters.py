"""The metric of the filters: kube-apiserver's name, labels and buckets."""

import pytest
from prometheus_client import CollectorRegistry

from auditproxy.metrics.filters import AT_ONCE, BUCKETS, FilterMetrics

NAME = "apiserver_request_filter_duration_seconds"


def value(registry: CollectorRegistry, what: str, **labels: str) -> float | None:
    """A sample of the metric."""
    return registry.get_sample_value(f"{NAME}_{what}", labels)


def test_series() -> None:
    """Every filter is there from the start, so that a rate of it is."""
    registry = CollectorRegistry()
    metrics = FilterMetrics(registry)
    for name in ("authentication", "audit", "impersonation", "authorization"):
        assert value(registry, "count", filter=name) == 0
        getattr(metrics, name).observe(0.5)
        assert value(registry, "sum", filter=name) == 0.5
        assert value(registry, "bucket", filter=name, le="0.3") == 0
        assert value(registry, "bucket", filter=name, le="1.0") == 1
    assert BUCKETS[0] == AT_ONCE / 1e9


@pytest.mark.parametrize("authentication", [0, AT_ONCE, AT_ONCE + 1, 40 * 10**9])
@pytest.mark.parametrize("audit", [0, AT_ONCE, AT_ONCE + 1, 40 * 10**9])
def test_passed(authentication: int, audit: int) -> None:
    """What is recorded of a request at once is what observing each filter would record."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    metrics = FilterMetrics(theirs)
    FilterMetrics(ours).passed(authentication, audit)
    metrics.authentication.observe(authentication / 1e9)
    metrics.audit.observe(audit / 1e9)
    metrics.impersonation.observe(0.0)
    (found,), (expected,) = ours.collect(), theirs.collect()
    assert found.samples == expected.samples
