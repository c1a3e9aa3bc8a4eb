"""Metrics of client connections: open, refused and failed ones."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class ConnectionMetrics:
    """Counts connections, and input on them that was not a request."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._connections = Gauge(
            "auditproxy_connections",
            "Open client connections, including those in their TLS handshake.",
            registry=registry,
        )
        self._refused_connections = Counter(
            "auditproxy_connections_refused",
            "Connections of clients that were closed at once, by the limit that was reached.",
            ("limit",),
            registry=registry,
        )
        self._accept_errors = Counter(
            "auditproxy_accept_errors",
            "How often accepting connections paused, by port and cause.",
            ("port", "reason"),
            registry=registry,
        )
        self._proxy_protocol_errors = Counter(
            "auditproxy_proxy_protocol_errors",
            "Connections of trusted proxies that were closed for lack of a PROXY header.",
            registry=registry,
        )
        self._handshake_errors = Counter(
            "apiserver_tls_handshake_errors",
            "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
            registry=registry,
        )
        self._unparsed = Counter(
            "auditproxy_requests_unparsed",
            "Client input that was not a request and has no event, by the code answered.",
            ("code",),
            registry=registry,
        )

    def counting(self, count: Callable[[], int]) -> None:
        """Register ``count`` as the callback of auditproxy_connections."""
        self._connections.set_function(count)

    def refused(self, limit: str) -> None:
        """Count a connection closed at once; ``limit`` is ``total``, ``address`` or ``health``."""
        self._refused_connections.labels(limit).inc()

    def accept_error(self, port: str, reason: str) -> None:
        """Count a pause in accepting on ``secure`` or ``health``; ``reason`` is an errno's name."""
        self._accept_errors.labels(port, reason).inc()

    def proxy_protocol_error(self) -> None:
        """Count a trusted proxy's connection that did not start with a PROXY header."""
        self._proxy_protocol_errors.inc()

    def tls_handshake_error(self) -> None:
        """Count a failed TLS handshake of a client."""
        self._handshake_errors.inc()

    def rejected_unparsed(self, code: int) -> None:
        """Count input that was not a request and was answered with ``code``."""
        self._unparsed.labels(str(code)).inc()
