"""Metrics of the copies of bodies kept for audit events."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

REASONS = ("too-large", "no-room", "file-error")
"""Reasons for a missing copy; all exist from the start, so that each has a rate."""
UNDECODED = ("nodes", "time", "queue-full", "shutdown", "process")
"""Reasons why a copied body is not in its event."""


class CaptureMetrics:
    """Size of the copies, and number of dropped ones, whose events get an annotation."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._dropped = Counter(
            "auditproxy_captures_dropped",
            "Copies of bodies that were dropped, by reason; their events are written without them.",
            ("reason",),
            registry=registry,
        )
        self._bytes = Gauge(
            "auditproxy_capture_bytes",
            "Bytes held by copies of bodies for pending events, in memory and in files.",
            ("where",),
            registry=registry,
        )
        self._undecoded = Counter(
            "auditproxy_bodies_undecoded",
            "Bodies that would have cost too much to read, by reason; the events are written "
            "without them.",
            ("reason",),
            registry=registry,
        )
        for reason in REASONS:
            self._dropped.labels(reason)
        for reason in UNDECODED:
            self._undecoded.labels(reason)

    def dropped(self, reason: str) -> None:
        """Count a dropped copy; ``reason`` is one of REASONS."""
        self._dropped.labels(reason).inc()

    def undecoded(self, reason: str) -> None:
        """Count a body that was not decoded; ``reason`` is one of UNDECODED."""
        self._undecoded.labels(reason).inc()

    def holding(self, memory: Callable[[], int], files: Callable[[], int]) -> None:
        """Register the callbacks that return the bytes held in memory and in files."""
        self._bytes.labels("memory").set_function(memory)
        self._bytes.labels("file").set_function(files)
