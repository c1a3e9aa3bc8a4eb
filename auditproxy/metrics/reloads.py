"""Metrics of files that are reloaded while the proxy runs."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReloadMetrics:
    """Counts and times of reloads per file; the label is the flag that names the file."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reloads = Counter(
            "auditproxy_config_reloads",
            "Attempts to activate a changed file, by the flag that names the file and by result "
            "(success, or error: the old version stays active).",
            ("file", "result"),
            registry=registry,
        )
        self._generation = Gauge(
            "auditproxy_config_generation",
            "Number of versions of a file that have been active since the start.",
            ("file",),
            registry=registry,
        )
        self._since = Gauge(
            "auditproxy_config_in_use_since_timestamp_seconds",
            "When the active version of a file was activated.",
            ("file",),
            registry=registry,
        )

        self._expiry = Gauge(
            "auditproxy_serving_certificate_expiry_timestamp_seconds",
            "When the active serving certificate expires.",
            ("file",),
            registry=registry,
        )

    def certificate_ends(self, file: str, when: float) -> None:
        """Record that the active serving certificate ends at ``when``, seconds since the epoch."""
        self._expiry.labels(file).set(when)

    def in_use(self, file: str, generation: int, since: float) -> None:
        """Record that a version of a file is active since ``since``, seconds since the epoch."""
        if generation > 1:
            self._reloads.labels(file, "success").inc()
        else:
            # Create both series at the start, so that both have a rate.
            self._reloads.labels(file, "success").inc(0)
            self._reloads.labels(file, "error").inc(0)
        self._generation.labels(file).set(generation)
        self._since.labels(file).set(since)

    def failed(self, file: str) -> None:
        """Count a changed file that could not be activated."""
        self._reloads.labels(file, "error").inc()
