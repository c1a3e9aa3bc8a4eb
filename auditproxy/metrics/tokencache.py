"""kube-apiserver's metrics of its token caches (apiserver authentication/token/cache/stats.go)."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from auditproxy.metrics.plain import Counts, Durations

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Go's default buckets, in seconds."""


class TokenCacheMetrics:
    """Hits, misses and look-ups, summed over all token caches as in kube-apiserver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        requests = Counts(
            "authentication_token_cache_request",
            "[ALPHA] Tokens looked for in a token cache, by status (hit or miss).",
            ("status",),
            registry=registry,
        )
        durations = Durations(
            "authentication_token_cache_request_duration_seconds",
            "[ALPHA] Time until a token cache had its answer, in seconds by status (hit or miss).",
            ("status",),
            bounds=BUCKETS,
            registry=registry,
        )
        self._requests = {
            hit: (requests.labels(word), durations.labels(word))
            for hit, word in ((True, "hit"), (False, "miss"))
        }
        self._hits, self._hit_durations = self._requests[True]
        fetches = Counter(
            "authentication_token_cache_fetch",
            "[ALPHA] Look-ups that token caches started, by status (ok, or error: the "
            "user could not be determined).",
            ("status",),
            registry=registry,
        )
        self._fetches = {True: fetches.labels("ok"), False: fetches.labels("error")}
        active = Gauge(
            "authentication_token_cache_active_fetch_count",
            "[ALPHA] Look-ups under way (in_flight) and requests that wait for one (blocked).",
            ("status",),
            registry=registry,
        )
        self.in_flight = active.labels("in_flight")
        """Incremented during a look-up."""
        self.blocked = active.labels("blocked")
        """Incremented while a request waits for a look-up."""

    def requested(self, hit: bool, seconds: float) -> None:
        """Record a request for a token."""
        count, duration = self._requests[hit]
        count.value += 1
        duration.observe(seconds)

    def hit_at_once(self) -> None:
        """Record a request for a token that took no time."""
        self._hits.value += 1
        self._hit_durations.counts[0] += 1

    def fetched(self, ok: bool) -> None:
        """Count a finished look-up; ``ok`` even if it found no user."""
        self._fetches[ok].inc()
