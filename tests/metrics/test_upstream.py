"""Metrics of the upstream: each cause from the start, ready until a check says otherwise."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.upstream import CAUSES, UpstreamMetrics


def test_from_the_start() -> None:
    """C2: each cause has a series, so that its first failure is a rate."""
    registry = CollectorRegistry()
    metrics = UpstreamMetrics(registry)
    for cause in CAUSES:
        assert (
            registry.get_sample_value("auditproxy_upstream_failures_total", {"cause": cause}) == 0
        )
    assert registry.get_sample_value("auditproxy_upstream_ready") == 1
    metrics.failure("dns")
    metrics.ready(ready=False)
    metrics.error("tls")
    assert registry.get_sample_value("auditproxy_upstream_failures_total", {"cause": "dns"}) == 1
    assert registry.get_sample_value("auditproxy_upstream_ready") == 0
    assert registry.get_sample_value("auditproxy_upstream_errors_total", {"reason": "tls"}) == 1
