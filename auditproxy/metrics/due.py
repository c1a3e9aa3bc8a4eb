"""Metrics of events that are still due: they show what a killed proxy has lost."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


class DueMetrics:
    """Last events that no backend has been given yet.

    ``decoding``: the request is over and the event counted as generated, but its bodies are
    not decoded. ``in-flight``: the request is under way, and its last event will come.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decoding = 0
        self._gauge = Gauge(
            "auditproxy_audit_events_due",
            "Final events of requests that are not written yet, by what they wait for.",
            ("state",),
            registry=registry,
        )
        self._gauge.labels("decoding").set_function(lambda: self.decoding)
        self._gauge.labels("in-flight")

    def counting(self, in_flight: Callable[[], int]) -> None:
        """Register the callback that returns the number of running requests at each scrape."""
        self._gauge.labels("in-flight").set_function(in_flight)
