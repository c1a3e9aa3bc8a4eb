"""Metrics of clients' connections: how many there are, and those that were refused or failed."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class ConnectionMetrics:
    """Counts connections, and what came over them that was no request."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._connections = Gauge(
            "auditproxy_connections",
            "Open connections of clients, those within their handshake among them.",
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
            "Connections of trusted proxies that were closed because they sent no valid PROXY "
            "header.",
            registry=registry,
        )
        self._handshake_errors = Counter(
            "apiserver_tls_handshake_errors",
            "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
            registry=registry,
        )
        self._unparsed = Counter(
            "auditproxy_requests_unparsed",
            "Times that client input could not be parsed as a request and left no event, by "
            "response code.",
            ("code",),
            registry=registry,
        )

    def counting(self, count: Callable[[], int]) -> None:
        """Register ``count`` as the callback of auditproxy_connections."""
        self._connections.set_function(count)

    def refused(self, limit: str) -> None:
        """A connection was closed at once; ``limit`` is ``total``, ``address`` or ``health``."""
        self._refused_connections.labels(limit).inc()

    def accept_error(self, port: str, reason: str) -> None:
        """Accepting on a port, ``secure`` or ``health``, pauses; ``reason`` is an errno's name."""
        self._accept_errors.labels(port, reason).inc()

    def proxy_protocol_error(self) -> None:
        """A trusted proxy's connection did not begin with a PROXY header."""
        self._proxy_protocol_errors.inc()

    def tls_handshake_error(self) -> None:
        """A client's TLS handshake failed."""
        self._handshake_errors.inc()

    def rejected_unparsed(self, code: int) -> None:
        """Bytes that were no request were answered with ``code``."""
        self._unparsed.labels(str(code)).inc()
