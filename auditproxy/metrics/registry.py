"""Metrics: every series of one proxy, in the registries that a scrape reads.

``few`` is rendered at once, so that a scrape shows a consistent accounting of events. ``requests``
has the many series that exist once per kind of request.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)

from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.metrics.audit import AuditMetrics
from auditproxy.metrics.captures import CaptureMetrics
from auditproxy.metrics.connections import ConnectionMetrics
from auditproxy.metrics.filters import FilterMetrics
from auditproxy.metrics.issuers import IssuerMetrics
from auditproxy.metrics.reloads import ReloadMetrics
from auditproxy.metrics.requests import RequestSeries
from auditproxy.metrics.sessions import SessionMetrics
from auditproxy.metrics.tokencache import TokenCacheMetrics
from auditproxy.metrics.tracing import TracingMetrics
from auditproxy.metrics.upstream import UpstreamMetrics


class Metrics:
    """All metrics of one proxy; ``registry`` contains every one."""

    def __init__(self) -> None:
        # kube-apiserver has no *_created series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.few = registry = CollectorRegistry()
        self.requests = RequestSeries()
        self.request = self.requests.request
        self.long_running = self.requests.long_running
        self.filters = FilterMetrics(self.requests.registry)
        self.registry = CollectorRegistry()
        for part in (self.few, self.requests.registry):
            self.registry.register(part)
        self.audit = AuditMetrics(registry)
        self.alerts = AlertMetrics(registry)
        self.connections = ConnectionMetrics(registry)
        self.reloads = ReloadMetrics(registry)
        self.issuers = IssuerMetrics(registry)
        self.captures = CaptureMetrics(registry)
        self.sessions = SessionMetrics(registry)
        self.token_cache = TokenCacheMetrics(registry)
        self.upstream = UpstreamMetrics(registry)
        self.tracing = TracingMetrics(registry)
        self._operator_lines = Counter(
            "auditproxy_operator_lines_dropped",
            "Operator log lines dropped because standard error was not read.",
            registry=registry,
        )
        # Memory, CPU, descriptors and start time of the process, as every Go program exposes them.
        ProcessCollector(registry=registry)
        self._build = Gauge(
            "auditproxy_build_info",
            "Always 1; the labels are the versions of the proxy and of its Python.",
            ("version", "python"),
            registry=registry,
        )

    def build_info(self, version: str, python: str) -> None:
        """Set the running versions."""
        self._build.labels(version, python).set(1)

    def operator_line_dropped(self) -> None:
        """Count a dropped operator log line; thread-safe."""
        self._operator_lines.inc()
