"""Metrics of the upstream as a whole: whether it can serve, and why it failed."""

from prometheus_client import CollectorRegistry, Counter, Gauge

CAUSES = (
    "connection-refused",
    "dns",
    "unreachable",
    "timeout",
    "certificate-authority",
    "certificate-name",
    "certificate-expired",
    "tls",
    "closed-early",
    "protocol-error",
    "credential-missing",
    "credential-refused",
    "impersonation-refused",
    "unexpected-answer",
)
"""Causes of upstream failures; all exist from the start, so that each has a rate."""


class UpstreamMetrics:
    """Counts failures by cause, of client requests and of the proxy's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._failures = Counter(
            "auditproxy_upstream_failures",
            "Requests and checks that failed because of the upstream, by cause.",
            ("cause",),
            registry=registry,
        )
        self._ready = Gauge(
            "auditproxy_upstream_ready",
            "Whether the upstream can serve requests (1) or not (0), by the last check.",
            registry=registry,
        )
        self._errors = Counter(
            "auditproxy_upstream_errors",
            "Requests without a complete answer of the upstream, by reason.",
            ("reason",),
            registry=registry,
        )
        for cause in CAUSES:
            self._failures.labels(cause)
        self.ready(ready=True)

    def failure(self, cause: str) -> None:
        """Count a failed request or check; ``cause`` is one of CAUSES."""
        self._failures.labels(cause).inc()

    def ready(self, *, ready: bool) -> None:
        """Record the result of a check."""
        self._ready.set(ready)

    def error(self, reason: str) -> None:
        """Count a request without a complete answer; ``reason`` is one of a few fixed words."""
        self._errors.labels(reason).inc()
