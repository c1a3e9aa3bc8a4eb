"""Metrics of the parent of several workers: how many there are, and how they end."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)

ENDS = ("exited", "killed", "restarted")
"""How a worker ended: by itself, by a signal, or by a rolling restart."""


class WorkerMetrics:
    """Counts workers, in a registry of the parent's own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._configured = Gauge(
            "auditproxy_workers",
            "Worker processes that are to serve clients.",
            registry=self.registry,
        )
        self._serving = Gauge(
            "auditproxy_workers_serving",
            "Worker processes that serve clients.",
            registry=self.registry,
        )
        self._ends = Counter(
            "auditproxy_worker_ends",
            "Worker processes that ended and were replaced, by how they ended.",
            ("reason",),
            registry=self.registry,
        )
        for reason in ENDS:
            self._ends.labels(reason)
        ProcessCollector(registry=self.registry)

    def configured(self, count: int) -> None:
        """Set how many workers there are to be."""
        self._configured.set(count)

    def serving(self, count: int) -> None:
        """Set how many workers serve."""
        self._serving.set(count)

    def ended(self, reason: str) -> None:
        """Count a worker that ended; ``reason`` is one of ENDS."""
        self._ends.labels(reason).inc()
