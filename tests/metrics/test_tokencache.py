"""The token caches' metrics: names and labels of kube-apiserver."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.tokencache import TokenCacheMetrics


def test_series() -> None:
    """Every series is there from the start, so that a rate of it is."""
    registry = CollectorRegistry()
    metrics = TokenCacheMetrics(registry)
    metrics.requested(True, 0.02)
    metrics.fetched(False)
    metrics.blocked.inc()
    for name, status, value in (
        ("request_total", "hit", 1),
        ("request_total", "miss", 0),
        ("request_duration_seconds_sum", "hit", 0.02),
        ("fetch_total", "ok", 0),
        ("fetch_total", "error", 1),
        ("active_fetch_count", "in_flight", 0),
        ("active_fetch_count", "blocked", 1),
    ):
        found = registry.get_sample_value(f"authentication_token_cache_{name}", {"status": status})
        assert found == value, name
