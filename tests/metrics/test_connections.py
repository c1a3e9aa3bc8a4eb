"""Metrics of clients' connections."""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.connections import ConnectionMetrics


def test_series() -> None:
    """Each way in which a connection fails has a counter of its own."""
    registry = CollectorRegistry()
    metrics = ConnectionMetrics(registry)
    value = registry.get_sample_value
    opened = [3]
    metrics.counting(lambda: opened[0])
    metrics.refused("total")
    metrics.accept_error("secure", "EMFILE")
    metrics.proxy_protocol_error()
    metrics.tls_handshake_error()
    metrics.rejected_unparsed(431)
    opened[0] = 5
    assert value("auditproxy_connections") == 5
    assert value("auditproxy_connections_refused_total", {"limit": "total"}) == 1
    labels = {"port": "secure", "reason": "EMFILE"}
    assert value("auditproxy_accept_errors_total", labels) == 1
    assert value("auditproxy_proxy_protocol_errors_total") == 1
    assert value("apiserver_tls_handshake_errors_total") == 1
    assert value("auditproxy_requests_unparsed_total", {"code": "431"}) == 1
