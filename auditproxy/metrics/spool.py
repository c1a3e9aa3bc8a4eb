"""Metrics of spools: what waits on the disk for a remote receiver."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class SpoolMetrics:
    """State of the spool of each backend that has one, evaluated at every scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting: list[Callable[[], int]] = []
        self._events = Gauge(
            "auditproxy_audit_spool_events",
            "Audit events on the disk that the receiver has not acknowledged, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._bytes = Gauge(
            "auditproxy_audit_spool_bytes",
            "Size of the files in the spool, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._capacity = Gauge(
            "auditproxy_audit_spool_capacity_bytes",
            "Size that the files in the spool may have, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._age = Gauge(
            "auditproxy_audit_spool_oldest_event_age_seconds",
            "How long ago the oldest event that is being sent from the spool happened, by backend; "
            "0 without one.",
            ("plugin",),
            registry=registry,
        )
        self._resumed = Counter(
            "auditproxy_audit_spool_resumed_events",
            "Audit events that were in the spool when the process started, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._dead_letters = Counter(
            "auditproxy_audit_spool_dead_letters",
            "Audit events that the receiver refused by themselves and that were set aside, by "
            "backend.",
            ("plugin",),
            registry=registry,
        )

    def spool(
        self,
        backend: str,
        capacity: int,
        *,
        events: Callable[[], int],
        size: Callable[[], int],
        age: Callable[[], float],
    ) -> None:
        """Register the spool of a backend; scrapes call the functions, on any thread."""
        self._waiting.append(events)
        self._capacity.labels(backend).set(capacity)
        self._events.labels(backend).set_function(events)
        self._bytes.labels(backend).set_function(size)
        self._age.labels(backend).set_function(age)
        self._dead_letters.labels(backend)

    @property
    def waiting(self) -> int:
        """Events in all spools."""
        return sum(count() for count in self._waiting)

    def resumed(self, backend: str, events: int) -> None:
        """Count events that were there at the start."""
        self._resumed.labels(backend).inc(events)

    def dead_letter(self, backend: str) -> None:
        """Count an event that was set aside."""
        self._dead_letters.labels(backend).inc()
