"""Metrics of the session webhook's spool: what waits on the disk for its receiver."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class SessionSpoolMetrics:
    """State of the spool, evaluated at every scrape; all are 0 without one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lines = Gauge(
            "auditproxy_session_spool_lines",
            "Lines of the session log on the disk that the webhook has not acknowledged.",
            registry=registry,
        )
        self._bytes = Gauge(
            "auditproxy_session_spool_bytes",
            "Size of the files in the session webhook's spool.",
            registry=registry,
        )
        self._capacity = Gauge(
            "auditproxy_session_spool_capacity_bytes",
            "Size that the files in the session webhook's spool may have.",
            registry=registry,
        )
        self._age = Gauge(
            "auditproxy_session_spool_oldest_line_age_seconds",
            "How long ago the oldest line that is being sent from the session webhook's spool was "
            "made; 0 without one.",
            registry=registry,
        )
        self._resumed = Counter(
            "auditproxy_session_spool_resumed_lines",
            "Lines of the session log that were in the spool when the process started.",
            registry=registry,
        )
        self._dead_letters = Counter(
            "auditproxy_session_spool_dead_letters",
            "Lines of the session log that the webhook refused by themselves and that were set "
            "aside.",
            registry=registry,
        )

    def spool(
        self,
        capacity: int,
        *,
        lines: Callable[[], int],
        size: Callable[[], int],
        age: Callable[[], float],
    ) -> None:
        """Register the spool; scrapes call the functions, on any thread."""
        self._capacity.set(capacity)
        self._lines.set_function(lines)
        self._bytes.set_function(size)
        self._age.set_function(age)

    def resumed(self, lines: int) -> None:
        """Count lines that were there at the start."""
        self._resumed.inc(lines)

    def dead_letter(self) -> None:
        """Count a line that was set aside."""
        self._dead_letters.inc()
