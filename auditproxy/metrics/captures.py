"""Metrics of the copies of bodies that wait for their events."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

REASONS = ("too-large", "no-room", "file-error")
"""Why there is no copy, from the start, so that a rate of each exists."""
UNDECODED = ("nodes", "time", "queue-full", "shutdown")
"""Why a body that was there is not in its event."""


class CaptureMetrics:
    """What copies hold, and how many were dropped: their events have an annotation instead."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._dropped = Counter(
            "auditproxy_captures_dropped",
            "Copies of bodies that were dropped, by reason; the events are written without them.",
            ("reason",),
            registry=registry,
        )
        self._bytes = Gauge(
            "auditproxy_capture_bytes",
            "Size of the copies of bodies that wait for their events, in memory and in files.",
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
        """A copy was dropped; ``reason`` is one of REASONS."""
        self._dropped.labels(reason).inc()

    def undecoded(self, reason: str) -> None:
        """A body was not decoded; ``reason`` is one of UNDECODED."""
        self._undecoded.labels(reason).inc()

    def holding(self, memory: Callable[[], int], files: Callable[[], int]) -> None:
        """Register the callbacks that return the bytes at each scrape."""
        self._bytes.labels("memory").set_function(memory)
        self._bytes.labels("file").set_function(files)
