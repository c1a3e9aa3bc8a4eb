"""Metrics of issuers whose keys are fetched."""

from prometheus_client import CollectorRegistry, generate_latest

from auditproxy.metrics.issuers import IssuerMetrics, issuer_hash


def test_life_of_an_issuer() -> None:
    """Loaded, failed, and gone with the configuration."""
    registry = CollectorRegistry()
    metrics = IssuerMetrics(registry)
    metrics.loaded("https://i", 100.0, keys=2, ignored=1)
    metrics.failed("https://i", 200.0)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("auditproxy_issuer_keys", issuer="https://i", state="in-use") == 2
    assert value("auditproxy_issuer_keys", issuer="https://i", state="ignored") == 1
    for result, at in (("success", 100), ("failure", 200)):
        fetches = "auditproxy_issuer_key_fetches_total"
        assert value(fetches, issuer="https://i", result=result) == 1
        last = "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds"
        labels = {"jwt_issuer_hash": issuer_hash("https://i"), "apiserver_id_hash": ""}
        assert value(last, result=result, **labels) == at
    metrics.forget("https://i")
    metrics.forget("https://never")
    assert b"https://i" not in generate_latest(registry)
