"""Metrics of the upstream as a whole: whether it can serve, and why it did not."""

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
"""Why the upstream did not serve us, each from the start, so that a rate of it exists."""


class UpstreamMetrics:
    """Counts failures by cause, those of requests and of our own questions alike."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._failures = Counter(
            "auditproxy_upstream_failures",
            "Requests and checks that the upstream failed, by cause that operators can fix.",
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
            "Requests whose upstream gave no complete answer, by reason.",
            ("reason",),
            registry=registry,
        )
        for cause in CAUSES:
            self._failures.labels(cause)
        self.ready(ready=True)

    def failure(self, cause: str) -> None:
        """The upstream failed a request or a check; ``cause`` is one of CAUSES."""
        self._failures.labels(cause).inc()

    def ready(self, *, ready: bool) -> None:
        """A check has ended."""
        self._ready.set(ready)

    def error(self, reason: str) -> None:
        """A request had no whole answer; ``reason`` is one of a few fixed words."""
        self._errors.labels(reason).inc()
