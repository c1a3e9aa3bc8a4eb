"""Metrics of files that are read again while the proxy runs."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReloadMetrics:
    """Counts and times of reloads by file; a file is named by the flag that names it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reloads = Counter(
            "auditproxy_config_reloads",
            "Attempts to activate a changed file, by the flag that names the file and by result "
            "(success, or error: the old version stays in use).",
            ("file", "result"),
            registry=registry,
        )
        self._generation = Gauge(
            "auditproxy_config_generation",
            "Number of versions of a file that have been in use since the start.",
            ("file",),
            registry=registry,
        )
        self._since = Gauge(
            "auditproxy_config_in_use_since_timestamp_seconds",
            "When the version of a file that is in use was activated.",
            ("file",),
            registry=registry,
        )

        self._expiry = Gauge(
            "auditproxy_serving_certificate_expiry_timestamp_seconds",
            "When the serving certificate that is in use expires.",
            ("file",),
            registry=registry,
        )

    def certificate_ends(self, file: str, when: float) -> None:
        """The serving certificate that is in use ends at ``when``, seconds since the epoch."""
        self._expiry.labels(file).set(when)

    def in_use(self, file: str, generation: int, since: float) -> None:
        """A version of a file is in use since ``since``, seconds since the epoch."""
        if generation > 1:
            self._reloads.labels(file, "success").inc()
        else:
            # Both series exist from the start, so that a rate of them does.
            self._reloads.labels(file, "success").inc(0)
            self._reloads.labels(file, "error").inc(0)
        self._generation.labels(file).set(generation)
        self._since.labels(file).set(since)

    def failed(self, file: str) -> None:
        """A changed file could not be activated."""
        self._reloads.labels(file, "error").inc()
