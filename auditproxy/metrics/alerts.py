"""Metrics of alerts: what fired, what was sent, and what was lost on the way.

Labels are names of rules and destinations, which files of the owner give.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

from auditproxy.metrics.spool import ALERTS, SpoolMetrics

EVENT_LOSSES = ("queue-full", "shutdown", "crash")
"""Why no rule has seen an event."""
ALERT_LOSSES = ("queue-full", "refused", "expired", "shutdown")
"""Why a destination did not get an alert."""
SPOOL_LOSSES = ("spool-full", "damaged")
"""Why one with a spool did not, beside these."""


class AlertMetrics:
    """Counts alerts from the event to their destinations."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fired = Counter(
            "auditproxy_alerts_fired",
            "Alerts that began to fire, by rule and severity.",
            ("rule", "severity"),
            registry=registry,
        )
        self._firing = Gauge(
            "auditproxy_alerts_firing", "Alerts that are firing.", registry=registry
        )
        self._dropped = Counter(
            "auditproxy_alerts_events_dropped",
            "Events that no alert rule has seen, because too many waited or at shutdown.",
            ("reason",),
            registry=registry,
        )
        self._unseen = Counter(
            "auditproxy_alerts_rule_events_dropped",
            "Events dropped because too many waited that an alert rule selects, by rule.",
            ("rule",),
            registry=registry,
        )
        self._errors = Counter(
            "auditproxy_alerts_condition_errors",
            "Evaluations of an alert rule's condition that failed: the rule did not fire.",
            ("rule",),
            registry=registry,
        )
        self._folded = Counter(
            "auditproxy_alerts_folded",
            "Events of a rule with too many alerts at once, which became one alert of all others.",
            ("rule",),
            registry=registry,
        )
        self._sent = Counter(
            "auditproxy_alerts_sent",
            "Alerts accepted by a destination, repetitions included.",
            ("destination",),
            registry=registry,
        )
        self._failed = Counter(
            "auditproxy_alerts_failed",
            "Alerts that a destination did not get, by reason.",
            ("destination", "reason"),
            registry=registry,
        )
        self._attempts = Counter(
            "auditproxy_alerts_attempts_failed",
            "Attempts to send alerts that failed; they are repeated.",
            ("destination", "reason"),
            registry=registry,
        )
        self.spools = SpoolMetrics(registry, ALERTS)

        # A rate over a series that appears with its first value would miss that value.
        for reason in EVENT_LOSSES:
            self._dropped.labels(reason)

    def rule(self, rule: str, severity: str) -> None:
        """Show a rule's series from the start, at 0."""
        self._fired.labels(rule, severity)
        self._errors.labels(rule)
        self._unseen.labels(rule)

    def destination(self, destination: str, reasons: tuple[str, ...] = ()) -> None:
        """Show a destination's series from the start, at 0; ``reasons`` are beside the usual."""
        self._sent.labels(destination)
        for reason in (*ALERT_LOSSES, *reasons):
            self._failed.labels(destination, reason)

    def fired(self, rule: str, severity: str) -> None:
        """Count an alert that begins."""
        self._fired.labels(rule, severity).inc()

    def firing(self, count: int) -> None:
        """Set the number of alerts that are firing."""
        self._firing.set(count)

    def dropped(self, reason: str, count: int = 1) -> None:
        """Count events that no rule has seen; ``reason`` is one of EVENT_LOSSES."""
        self._dropped.labels(reason).inc(count)

    def unseen(self, rule: str, count: int) -> None:
        """Count dropped events that a rule selects."""
        self._unseen.labels(rule).inc(count)

    def condition_failed(self, rule: str, count: int) -> None:
        """Count failed evaluations."""
        self._errors.labels(rule).inc(count)

    def folded(self, rule: str, count: int) -> None:
        """Count events that became part of the alert of all others."""
        self._folded.labels(rule).inc(count)

    def sent(self, destination: str, count: int) -> None:
        """Count alerts that were accepted."""
        self._sent.labels(destination).inc(count)

    def failed(self, destination: str, reason: str, count: int) -> None:
        """Count alerts that are lost for a destination; ``reason`` is one of ALERT_LOSSES, or a
        spool's.
        """
        self._failed.labels(destination, reason).inc(count)

    def attempt_failed(self, destination: str, reason: str) -> None:
        """Count an attempt that will be repeated."""
        self._attempts.labels(destination, reason).inc()
