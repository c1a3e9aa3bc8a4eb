"""Metrics of exec, attach and port-forward sessions and of their recordings."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from auditproxy.metrics.spool import SESSION_LINES, SpoolMetrics

STATES = ("Complete", "Cut", "Failed")
FAILURES = ("open", "stopped", "cut", "failed", "crash", "unfollowed")
REFUSALS = ("recording", "unreadable")
REMOVALS = ("age", "total")
DESTINATIONS = ("log", "webhook")
OUTCOMES = ("written", "dropped")


class SessionMetrics:
    """Counts sessions by kind, and what went wrong with recordings by reason."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sessions = Counter(
            "auditproxy_sessions",
            "Exec, attach, port-forward and other tunnels, by kind and whether recorded.",
            ("kind", "recorded"),
            registry=registry,
        )
        self._open = Gauge(
            "auditproxy_sessions_open",
            "Sessions in progress, by kind.",
            ("kind",),
            registry=registry,
        )
        self._recordings = Counter(
            "auditproxy_session_recordings",
            "Finished recordings, by state: Complete, Cut or Failed.",
            ("state",),
            registry=registry,
        )
        self._failures = Counter(
            "auditproxy_session_recording_failures",
            "Recordings that could not be opened or written to their end, by reason.",
            ("reason",),
            registry=registry,
        )
        self._refused = Counter(
            "auditproxy_sessions_refused",
            "Sessions refused because they would not have been recorded, by reason.",
            ("reason",),
            registry=registry,
        )
        self._gap = Counter(
            "auditproxy_session_recording_gap_bytes",
            "Bytes of sessions that were passed on and not recorded for lack of time.",
            registry=registry,
        )
        self._missing = Counter(
            "auditproxy_session_recording_missing_bytes",
            "Bytes of ended sessions that were passed on and are not in their recordings.",
            registry=registry,
        )
        self._log_lines = Counter(
            "auditproxy_session_log_lines",
            "Lines of the session log, by destination and outcome: written or dropped.",
            ("destination", "outcome"),
            registry=registry,
        )
        self._log_reopened = Counter(
            "auditproxy_session_log_reopened",
            "How often the session log was reopened, or was found truncated, by reason.",
            ("reason",),
            registry=registry,
        )
        self._recorded = Counter(
            "auditproxy_session_recording_bytes",
            "Bytes of recordings that were written.",
            registry=registry,
        )
        self._uploads = Counter(
            "auditproxy_session_recording_uploads",
            "Attempts to upload finished recordings, by outcome: confirmed or failed.",
            ("outcome",),
            registry=registry,
        )
        self._removed = Counter(
            "auditproxy_session_recordings_removed",
            "Recordings that were removed, by reason: age or total.",
            ("reason",),
            registry=registry,
        )
        self._stalled = Gauge(
            "auditproxy_session_recorder_stalled_seconds",
            "How long the recorder's work in progress has taken; 0 without any.",
            registry=registry,
        )
        self.spool = SpoolMetrics(registry, SESSION_LINES).of()
        self._show_from_the_start()

    def _show_from_the_start(self) -> None:
        """Create what operators alert on: an increase over a series that begins at 1 misses it."""
        for counter, words in (
            (self._recordings, STATES),
            (self._failures, FAILURES),
            (self._refused, REFUSALS),
            (self._removed, REMOVALS),
        ):
            for word in words:
                counter.labels(word)
        for destination in DESTINATIONS:
            for outcome in OUTCOMES:
                self._log_lines.labels(destination, outcome)

    def started(self, kind: str, *, recorded: bool) -> None:
        """Count a session that began."""
        self._sessions.labels(kind, "true" if recorded else "false").inc()
        self._open.labels(kind).inc()

    def ended(self, kind: str, state: str) -> None:
        """Count a session that ended; ``state`` is that of its recording, "" without one."""
        self._open.labels(kind).dec()
        if state:
            self._recordings.labels(state).inc()

    def failed(self, reason: str) -> None:
        """Count a recording that could not be opened or stopped early; any thread."""
        self._failures.labels(reason).inc()

    def refused(self, reason: str) -> None:
        """Count a session that was refused."""
        self._refused.labels(reason).inc()

    def gap(self, size: int) -> None:
        """Count bytes that were not recorded for lack of time."""
        self._gap.inc(size)

    def missing(self, size: int) -> None:
        """Count bytes that a finished recording lacks, for whatever reason; any thread."""
        self._missing.inc(size)

    def line(self, destination: str, outcome: str, count: int = 1) -> None:
        """Count lines of the session log; any thread."""
        self._log_lines.labels(destination, outcome).inc(count)

    def log_reopened(self, reason: str) -> None:
        """Count a reopening of the session log."""
        self._log_reopened.labels(reason).inc()

    def stalled(self, seconds: Callable[[], float]) -> None:
        """Register the recorder's thread; scrapes call ``seconds``, on any thread."""
        self._stalled.set_function(seconds)

    # --- recordings.upload.UploadObserver --------------------------------------------

    def uploaded(self, size: int) -> None:
        """Count a recording that was uploaded and confirmed."""
        self._uploads.labels("confirmed").inc()

    def upload_failed(self) -> None:
        """Count an attempt that failed; another follows."""
        self._uploads.labels("failed").inc()

    # --- recordings.usage.RecordingObserver ------------------------------------------

    def wrote(self, size: int) -> None:
        """Count bytes of recordings."""
        self._recorded.inc(size)

    def stopped(self, state: str, reason: str) -> None:
        """Count a recording that ended before its session."""
        self._failures.labels(state.lower()).inc()

    def removed(self, reason: str, size: int) -> None:
        """Count a recording that was removed."""
        self._removed.labels(reason).inc()
