"""Metrics of reloads: both series from the start, and what each attempt does to them."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.reloads import ReloadMetrics


def test_series() -> None:
    """The first version is no reload; later ones and failures are counted."""
    registry = CollectorRegistry()
    metrics = ReloadMetrics(registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"file": "kubeconfig", **labels})

    reloads = "auditproxy_config_reloads_total"
    assert value(reloads, result="success") is None
    metrics.in_use("kubeconfig", 1, 10.0)
    assert (value(reloads, result="success"), value(reloads, result="error")) == (0, 0)
    metrics.failed("kubeconfig")
    metrics.in_use("kubeconfig", 2, 20.0)
    assert (value(reloads, result="success"), value(reloads, result="error")) == (1, 1)
    assert value("auditproxy_config_generation") == 2
    assert value("auditproxy_config_in_use_since_timestamp_seconds") == 20.0


def test_end_of_the_certificate() -> None:
    """C11: no series without a certificate, for 0 would be one that ended long ago."""
    registry = CollectorRegistry()
    metrics = ReloadMetrics(registry)
    name = "auditproxy_serving_certificate_expiry_timestamp_seconds"
    assert registry.get_sample_value(name, {"file": "tls-cert-file"}) is None
    metrics.certificate_ends("tls-cert-file", 12.0)
    assert registry.get_sample_value(name, {"file": "tls-cert-file"}) == 12.0
