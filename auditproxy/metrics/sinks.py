"""Metrics of the audit backends: their buffers, how their receivers fare, the log file."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class SinkMetrics:
    """Values read from each backend, ``log`` or ``webhook``, at each scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
            "Whether a backend's receiver accepted the last event and no event waits, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._sink_stalled = Gauge(
            "auditproxy_audit_sink_stalled_seconds",
            "How long the write in progress has taken, by backend; 0 without one.",
            ("plugin",),
            registry=registry,
        )
        self._log_reopened = Counter(
            "auditproxy_audit_log_reopened",
            "How often the log file was reopened, by reason.",
            ("reason",),
            registry=registry,
        )

    def buffer(self, backend: str, capacity: int, waiting: Callable[[], int]) -> None:
        """A backend has a buffer; ``waiting`` is asked how many events are in it or under way."""
        self._buffer_capacity.labels(backend).set(capacity)
        self._buffer_events.labels(backend).set_function(waiting)

    def sink(self, backend: str, is_well: Callable[[], bool], stalled: Callable[[], float]) -> None:
        """A backend's receiver; both callbacks run at each scrape or check, on any thread."""
        self._sink_healthy.labels(backend).set_function(is_well)
        self._sink_stalled.labels(backend).set_function(stalled)

    def log_reopened(self, reason: str) -> None:
        """The log file was opened again."""
        self._log_reopened.labels(reason).inc()
