"""Metrics: kube-apiserver's names with its labels and meanings, and our own accounting.

    auditproxy_audit_events_generated_total
        = auditproxy_audit_events_written_total{plugin}
          + auditproxy_audit_events_dropped_total{plugin,reason}
          + auditproxy_audit_buffer_events{plugin}
          + auditproxy_audit_events_due{state="decoding"}

holds for each backend, ``log`` and ``webhook``, at every moment at which no
event is being handed over. So that a scrape shows one moment, these are in ``few``, which is
written down at once; what has many series, one for each kind of request, is in ``requests``.
"""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)

from auditproxy.apis.audit import LEVEL_WORDS, Level
from auditproxy.metrics.captures import CaptureMetrics
from auditproxy.metrics.due import DueMetrics
from auditproxy.metrics.issuers import IssuerMetrics
from auditproxy.metrics.reloads import ReloadMetrics
from auditproxy.metrics.requests import RequestSeries
from auditproxy.metrics.tokencache import TokenCacheMetrics
from auditproxy.metrics.upstream import UpstreamMetrics


class Metrics:
    """Every metric of one proxy; ``registry`` has them all."""

    def __init__(self) -> None:
        # kube-apiserver has no *_created series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.few = registry = CollectorRegistry()
        self.requests = RequestSeries()
        self.request = self.requests.request
        self.long_running = self.requests.long_running
        self.registry = CollectorRegistry()
        for part in (self.few, self.requests.registry):
            self.registry.register(part)
        self._events = Counter(
            "apiserver_audit_event",
            "[ALPHA] Counter of audit events generated and sent to the audit backend.",
            registry=registry,
        )
        self._errors = Counter(
            "apiserver_audit_error",
            "[ALPHA] Counter of audit events that failed to be audited properly. "
            "Plugin identifies the plugin affected by the error.",
            ("plugin",),
            registry=registry,
        )
        levels = Counter(
            "apiserver_audit_level",
            "[ALPHA] Counter of policy levels for audit events (1 per request).",
            ("level",),
            registry=registry,
        )
        self._levels = {level: levels.labels(word) for level, word in LEVEL_WORDS.items()}
        self._rejected = Counter(
            "apiserver_audit_requests_rejected",
            "[ALPHA] Counter of apiserver requests rejected due to an error in audit "
            "logging backend.",
            registry=registry,
        )
        self._handshake_errors = Counter(
            "apiserver_tls_handshake_errors",
            "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
            registry=registry,
        )
        self._generated = Counter(
            "auditproxy_audit_events_generated",
            "Audit events handed to the audit backend, or due once their bodies are decoded.",
            registry=registry,
        )
        self._written = Counter(
            "auditproxy_audit_events_written",
            "Audit events written whole, or taken by the receiver, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._dropped = Counter(
            "auditproxy_audit_events_dropped",
            "Audit events that were not delivered, by backend and reason.",
            ("plugin", "reason"),
            registry=registry,
        )
        self._buffer_events = Gauge(
            "auditproxy_audit_buffer_events",
            "Audit events that are neither delivered nor dropped yet, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._buffer_capacity = Gauge(
            "auditproxy_audit_buffer_capacity",
            "Audit events that a backend's buffer can hold, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._sink_healthy = Gauge(
            "auditproxy_audit_sink_healthy",
            "Whether a backend's receiver took the last event and lets none wait, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._sink_stalled = Gauge(
            "auditproxy_audit_sink_stalled_seconds",
            "How long the write under way has taken, by backend; 0 without one.",
            ("plugin",),
            registry=registry,
        )
        self._unparsed = Counter(
            "auditproxy_requests_unparsed",
            "Bytes of clients that were no request and left no event, by the code answered.",
            ("code",),
            registry=registry,
        )
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
            "Connections of trusted proxies that were closed for want of a PROXY header.",
            registry=registry,
        )
        self._operator_lines = Counter(
            "auditproxy_operator_lines_dropped",
            "Lines for operators that were left out because nobody read standard error.",
            registry=registry,
        )
        self._log_reopened = Counter(
            "auditproxy_audit_log_reopened",
            "How often the log file was opened again, by reason.",
            ("reason",),
            registry=registry,
        )
        self.due = DueMetrics(registry)
        self.reloads = ReloadMetrics(registry)
        self.issuers = IssuerMetrics(registry)
        self.captures = CaptureMetrics(registry)
        self.token_cache = TokenCacheMetrics(registry)
        self.upstream = UpstreamMetrics(registry)
        # Memory, CPU, descriptors and the start of the process, as every Go program exposes them.
        ProcessCollector(registry=registry)
        self._build = Gauge(
            "auditproxy_build_info",
            "Always 1; the labels are the versions of the proxy and of its Python.",
            ("version", "python"),
            registry=registry,
        )

    def build_info(self, version: str, python: str) -> None:
        """What is running."""
        self._build.labels(version, python).set(1)

    # --- audit -----------------------------------------------------------------

    def level(self, level: Level) -> None:
        """The policy was asked about a request."""
        self._levels[level].inc()

    def event_due(self) -> None:
        """An event will go to the backend once its bodies are decoded."""
        self._generated.inc()
        self.due.decoding += 1

    def event(self, *, was_due: bool = False) -> None:
        """An event goes to the backend; ``was_due`` where ``event_due`` told so."""
        self._events.inc()
        if was_due:
            self.due.decoding -= 1
        else:
            self._generated.inc()

    def rejected(self) -> None:
        """A request was refused because its event could not be stored."""
        self._rejected.inc()

    def written(self, backend: str, count: int = 1) -> None:
        """Events were written whole by a backend, ``log`` or ``webhook``."""
        self._written.labels(backend).inc(count)

    def dropped(self, reason: str, backend: str, plugin: str, count: int = 1) -> None:
        """Events were not delivered; ``reason`` is one of a few fixed words.

        ``plugin`` is what lost them on the way to the backend: ``buffered``,
        ``truncate``, or the backend itself.
        """
        self._dropped.labels(backend, reason).inc(count)
        self._errors.labels(plugin).inc(count)

    def buffer(self, backend: str, capacity: int, waiting: Callable[[], int]) -> None:
        """A backend has a buffer; ``waiting`` is asked how many events are in it or under way."""
        self._buffer_capacity.labels(backend).set(capacity)
        self._buffer_events.labels(backend).set_function(waiting)

    def sink(self, backend: str, is_well: Callable[[], bool], stalled: Callable[[], float]) -> None:
        """A backend's receiver; both are asked whenever somebody wants to know, on any thread."""
        self._sink_healthy.labels(backend).set_function(is_well)
        self._sink_stalled.labels(backend).set_function(stalled)

    def undelivered(self) -> dict[tuple[str, str], int]:
        """How many events were dropped, by backend and reason."""
        return {
            (sample.labels["plugin"], sample.labels["reason"]): int(sample.value)
            for family in self._dropped.collect()
            for sample in family.samples
            if sample.value
        }

    def log_reopened(self, reason: str) -> None:
        """The log file was opened again."""
        self._log_reopened.labels(reason).inc()

    # --- what went wrong -------------------------------------------------------

    def upstream_error(self, reason: str) -> None:
        """The upstream gave no whole answer; ``reason`` is one of a few fixed words."""
        self.upstream.error(reason)

    def tls_handshake_error(self) -> None:
        """A client's TLS handshake failed."""
        self._handshake_errors.inc()

    def rejected_unparsed(self, code: int) -> None:
        """Bytes that were no request were answered with ``code``."""
        self._unparsed.labels(str(code)).inc()

    def operator_line_dropped(self) -> None:
        """A line for operators was left out; any thread may say so."""
        self._operator_lines.inc()

    def connections(self, count: Callable[[], int]) -> None:
        """Have the open connections counted by ``count`` whenever somebody asks."""
        self._connections.set_function(count)

    def connection_refused(self, limit: str) -> None:
        """A connection was closed at once; ``limit`` is ``total``, ``address`` or ``health``."""
        self._refused_connections.labels(limit).inc()

    def accept_error(self, port: str, reason: str) -> None:
        """Accepting on a port, ``secure`` or ``health``, pauses; ``reason`` is an errno's name."""
        self._accept_errors.labels(port, reason).inc()

    def proxy_protocol_error(self) -> None:
        """A trusted proxy's connection did not begin with a PROXY header."""
        self._proxy_protocol_errors.inc()
