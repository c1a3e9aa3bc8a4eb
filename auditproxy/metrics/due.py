"""Metrics of events still due: they show what is lost if the proxy is killed."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


class DueMetrics:
    """Final events that have not been passed to a backend yet.

    ``decoding``: the request has ended and the event is counted as generated, but its bodies
    are not decoded yet. ``in-flight``: the request is in progress and will have a final event.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decoding = 0
        self._gauge = Gauge(
            "auditproxy_audit_events_due",
            "Final events of requests that are still due, by what they wait for.",
            ("state",),
            registry=registry,
        )
        self._gauge.labels("decoding").set_function(lambda: self.decoding)
        self._gauge.labels("in-flight")

    def counting(self, in_flight: Callable[[], int]) -> None:
        """Register the callback that returns the number of requests in progress."""
        self._gauge.labels("in-flight").set_function(in_flight)
