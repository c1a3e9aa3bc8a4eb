"""Metrics: kube-apiserver's names with its labels and meanings, and our own accounting.

    auditproxy_audit_events_generated_total
        = auditproxy_audit_events_written_total{plugin}
          + auditproxy_audit_events_dropped_total{plugin,reason}
          + auditproxy_audit_buffer_events{plugin}
          + auditproxy_audit_events_due{state="decoding"}

holds for each backend, ``log`` and ``webhook``, at every moment at which no
event is being handed over. Labels that a client
could choose are bounded: group, version, resource and subresource of a request
count once the upstream has answered for them as only one that knows them does
(``is_served``: not 401, 403, 404, 429, nor a 5xx, which anybody can have for
an invented path). Before that, and past ``MAXIMUM_RESOURCES``, they are ``other``.
"""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import LEVEL_WORDS, Level
from auditproxy.audit.capture_metrics import CaptureMetrics
from auditproxy.audit.due_metrics import DueMetrics
from auditproxy.audit.issuer_metrics import IssuerMetrics
from auditproxy.audit.reload_metrics import ReloadMetrics
from auditproxy.audit.request_metrics import (
    OTHER,
    clean_code,
    clean_dry_run,
    clean_scope,
    clean_verb,
    is_served,
)
from auditproxy.audit.token_cache_metrics import TokenCacheMetrics
from auditproxy.audit.upstream_metrics import UpstreamMetrics

DURATION_BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5,
    2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
)  # fmt: skip
"""kube-apiserver's buckets of apiserver_request_duration_seconds, in seconds."""

MAXIMUM_RESOURCES = 1024
"""Combinations of group, version, resource and subresource that get labels of their own."""

MAXIMUM_LABEL = 253
"""Characters of a group, version, resource or subresource that is a label: those of a DNS name."""

_REQUEST_LABELS = (
    "verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component",
)  # fmt: skip
_LONG_RUNNING_LABELS = (
    "verb", "group", "version", "resource", "subresource", "scope", "component",
)  # fmt: skip


class Metrics:
    """Every metric of one proxy, in a registry of its own."""

    def __init__(self) -> None:
        # kube-apiserver has no *_created series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        registry = self.registry
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
        self._requests = Counter(
            "apiserver_request",
            "[STABLE] Counter of apiserver requests broken out for each verb, dry run value, "
            "group, version, resource, scope, component, and HTTP response code.",
            (*_REQUEST_LABELS, "code"),
            registry=registry,
        )
        self._durations = Histogram(
            "apiserver_request_duration_seconds",
            "[STABLE] Response latency distribution in seconds for each verb, dry run value, "
            "group, version, resource, subresource, scope and component.",
            _REQUEST_LABELS,
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self._long_running = Gauge(
            "apiserver_longrunning_requests",
            "[STABLE] Gauge of all active long-running apiserver requests broken out by verb, "
            "group, version, resource, scope and component. "
            "Not all requests are tracked this way.",
            _LONG_RUNNING_LABELS,
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
        self._known: dict[tuple[str, ...], tuple[Counter, Histogram]] = {}
        self._resources: set[tuple[str, str, str, str]] = set()

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

    # --- requests --------------------------------------------------------------

    def request(
        self,
        info: RequestInfo,
        method: str,
        *,
        code: int,
        seconds: float,
        content_type: str = "",
        dry_run: tuple[str, ...] = (),
        watch: tuple[str, ...] = (),
    ) -> None:
        """A request has ended; ``dry_run`` and ``watch`` are the values of dryRun= and watch=."""
        verb = clean_verb(info, method, content_type, watch)
        labels = self._labels(info, verb, code, clean_dry_run(dry_run))
        key = (*labels, clean_code(code))
        known = self._known.get(key)
        if known is None:
            known = (self._requests.labels(*key), self._durations.labels(*labels))
            self._known[key] = known
        known[0].inc()
        known[1].observe(seconds)

    def long_running(self, info: RequestInfo, method: str, code: int) -> Gauge:
        """The gauge of open requests of one kind, to be raised and lowered by the caller."""
        verb, _, *rest = self._labels(info, clean_verb(info, method), code, "")
        return self._long_running.labels(verb, *rest)

    def _labels(self, info: RequestInfo, verb: str, code: int, dry_run: str) -> tuple[str, ...]:
        """The labels of a request but for its code, bounded in number."""
        resource = (info.api_group, info.api_version, info.resource, info.subresource)
        if not info.is_resource_request:
            resource = ("", "", "", "")
        elif resource not in self._resources:
            if (
                is_served(code)
                and len(self._resources) < MAXIMUM_RESOURCES
                # As names are in Kubernetes; a server may say 200 to whatever it is asked.
                and all(len(word) <= MAXIMUM_LABEL and word.isascii() for word in resource)
            ):
                self._resources.add(resource)
            else:
                resource = (OTHER, OTHER, OTHER, OTHER)
        return (verb, dry_run, *resource, clean_scope(info), "apiserver")

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
