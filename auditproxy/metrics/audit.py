"""Metrics of audit events: kube-apiserver's own, and the accounting of every event.

    auditproxy_audit_events_generated_total
        = auditproxy_audit_events_written_total{plugin}
          + auditproxy_audit_events_dropped_total{plugin,reason}
          + auditproxy_audit_buffer_events{plugin}
          + auditproxy_audit_events_due{state="decoding"}

holds for each backend, ``log`` and ``webhook``, at every moment at which no
event is being passed to it. With a spool in front of it,
auditproxy_audit_spool_resumed_events_total{plugin} belongs to the left side and
auditproxy_audit_spool_events{plugin} to the right one.
"""

from prometheus_client import CollectorRegistry, Counter

from auditproxy.apis.audit import LEVEL_WORDS
from auditproxy.metrics.due import DueMetrics
from auditproxy.metrics.plain import Count, Counts
from auditproxy.metrics.sinks import SinkMetrics
from auditproxy.metrics.spool import AUDIT_EVENTS, SpoolMetrics


class AuditMetrics:
    """Counts events from the policy to their delivery; names and labels are kube-apiserver's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counts(
            "apiserver_audit_event",
            "[ALPHA] Counter of audit events generated and sent to the audit backend.",
            registry=registry,
        ).labels()
        self._errors = Counter(
            "apiserver_audit_error",
            "[ALPHA] Counter of audit events that failed to be audited properly. "
            "Plugin identifies the plugin affected by the error.",
            ("plugin",),
            registry=registry,
        )
        levels = Counts(
            "apiserver_audit_level",
            "[ALPHA] Counter of policy levels for audit events (1 per request).",
            ("level",),
            registry=registry,
        )
        self.levels = {level: levels.labels(word) for level, word in LEVEL_WORDS.items()}
        """Requests by the level that the policy decided."""
        self._rejected = Counter(
            "apiserver_audit_requests_rejected",
            "[ALPHA] Counter of apiserver requests rejected due to an error in audit "
            "logging backend.",
            registry=registry,
        )
        self.generated = Counts(
            "auditproxy_audit_events_generated",
            "Audit events handed to the audit backend, or due once their bodies are decoded.",
            registry=registry,
        ).labels()
        self._written = Counts(
            "auditproxy_audit_events_written",
            "Audit events written completely, or accepted by the receiver, by backend.",
            ("plugin",),
            registry=registry,
        )
        self._dropped = Counter(
            "auditproxy_audit_events_dropped",
            "Audit events that were not delivered, by backend and reason.",
            ("plugin", "reason"),
            registry=registry,
        )
        self.due = DueMetrics(registry)
        self.sinks = SinkMetrics(registry)
        self.spools = SpoolMetrics(registry, AUDIT_EVENTS)

    def event_due(self) -> None:
        """Count an event that goes to the backend once its bodies are decoded."""
        self.generated.value += 1
        self.due.decoding += 1

    def event(self, *, was_due: bool = False) -> None:
        """Count an event passed to the backend; ``was_due`` if ``event_due`` counted it before."""
        self.events.value += 1
        if was_due:
            self.due.decoding -= 1
        else:
            self.generated.value += 1

    def rejected(self) -> None:
        """Count a request refused because its event could not be stored."""
        self._rejected.inc()

    def written_by(self, backend: str) -> Count:
        """Return the number of events written completely by a backend, ``log`` or ``webhook``.

        One thread changes it at a time.
        """
        return self._written.labels(backend)

    def dropped(self, reason: str, backend: str, plugin: str, count: int = 1) -> None:
        """Count events that were not delivered; ``reason`` is one of a few fixed words.

        ``plugin`` is the stage that lost them: ``buffered``, ``truncate``, or the backend
        itself.
        """
        self._dropped.labels(backend, reason).inc(count)
        self._errors.labels(plugin).inc(count)

    def undelivered(self) -> dict[tuple[str, str], int]:
        """Return the number of dropped events, by backend and reason."""
        return {
            (sample.labels["plugin"], sample.labels["reason"]): int(sample.value)
            for family in self._dropped.collect()
            for sample in family.samples
            if sample.name.endswith("_total") and sample.value
        }
