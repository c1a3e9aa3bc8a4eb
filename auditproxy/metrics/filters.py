"""kube-apiserver's metric of its filters (apiserver endpoints/metrics, endpoints/filterlatency).

A filter's time is from its first statement to that of what follows it. What it measures of a
request is what the latency annotations say of the same request.
"""

from prometheus_client import CollectorRegistry

from auditproxy.metrics.plain import Durations

BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30)
"""kube-apiserver's buckets, in seconds."""

AT_ONCE = 100_000
"""Nanoseconds of the first bucket."""


class FilterMetrics:
    """The durations of the chain's filters, each one a series from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        durations = Durations(
            "apiserver_request_filter_duration_seconds",
            "[ALPHA] Request filter latency distribution in seconds, for each filter type",
            ("filter",),
            bounds=BUCKETS,
            registry=registry,
        )
        self.authentication = durations.labels("authentication")
        self.audit = durations.labels("audit")
        self.impersonation = durations.labels("impersonation")
        self.authorization = durations.labels("authorization")

    def passed(self, authentication: int, audit: int) -> None:
        """Record a request that has passed all filters without impersonation; nanoseconds."""
        first, second = self.authentication, self.audit
        if authentication <= AT_ONCE and audit <= AT_ONCE:
            # One call a request is what the short way has to spare.
            first.counts[0] += 1
            first.sum += authentication / 1e9
            second.counts[0] += 1
            second.sum += audit / 1e9
        else:
            first.observe(authentication / 1e9)
            second.observe(audit / 1e9)
        self.impersonation.counts[0] += 1
