"""Metrics of the audit backends: buffers, state of the receivers, the log file."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from auditproxy.metrics.plain import Durations

COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds: from a fast disk to one that is given up."""


class SinkMetrics:
    """State of each backend, ``log`` or ``webhook``, evaluated at every scrape."""

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
            "Whether a backend's receiver accepted the last event and none is waiting, by backend.",
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
            "How often the log file was reopened, or was found truncated, by reason.",
            ("reason",),
            registry=registry,
        )
        self._checkpoints = Counter(
            "auditproxy_audit_log_checkpoints",
            "Checkpoints of the audit log's hash chain, by result: ok or error.",
            ("result",),
            registry=registry,
        )

        self._chain_breaks = Counter(
            "auditproxy_audit_log_chain_breaks",
            "Starts at which the audit log did not end where its hash chain or its last checkpoint "
            "says.",
            registry=registry,
        )

        self._commits = Durations(
            "auditproxy_audit_log_commit_duration_seconds",
            "How long writing and syncing a group of events took in mode durable, in seconds.",
            bounds=COMMIT_BUCKETS,
            registry=registry,
        ).labels()

    def buffer(self, backend: str, capacity: int, waiting: Callable[[], int]) -> None:
        """Register a backend's buffer; ``waiting`` returns the events in it or in transit."""
        self._buffer_capacity.labels(backend).set(capacity)
        self._buffer_events.labels(backend).set_function(waiting)

    def sink(self, backend: str, is_well: Callable[[], bool], stalled: Callable[[], float]) -> None:
        """Register a backend's receiver; scrapes call both callbacks, on any thread."""
        self._sink_healthy.labels(backend).set_function(is_well)
        self._sink_stalled.labels(backend).set_function(stalled)

    def log_reopened(self, reason: str) -> None:
        """Count a reopening of the log file."""
        self._log_reopened.labels(reason).inc()

    def committed(self, seconds: float) -> None:
        """Count a commit of mode durable, successful or not; on the event loop."""
        self._commits.observe(seconds)

    def checkpoint(self, result: str) -> None:
        """Count a checkpoint that was written, or could not be."""
        self._checkpoints.labels(result).inc()

    def chain_broke(self) -> None:
        """Count a chain that was expected and could not be continued."""
        self._chain_breaks.inc()
