"""AlertSpools: alerts for webhooks, on the disk until each has acknowledged them.

    SpooledNotifier.put --> spool (backends/spool) --in order, at least once--> one POST an alert

A destination has a folder of its own in one for all, by its name. Its spool outlives a reload of
the file of destinations: the next notifier of that name takes it over, with another client.
Alertmanagers have none: they get what fires again and again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditproxy.alerts.alert import SEVERITIES, Alert, AlertState
from auditproxy.backends.sending import SendError
from auditproxy.backends.spool.backend import SpoolClocks, SpoolConfig
from auditproxy.backends.spool.drain import Batching
from auditproxy.backends.spool.entries import LineEntry
from auditproxy.backends.spool.lines import LineCounts, LineSpool
from auditproxy.backends.webhook import REFUSED
from auditproxy.clients.webhook import WebhookError
from auditproxy.metrics.alerts import SPOOL_LOSSES, AlertMetrics
from auditproxy.notifiers.outbox import FIRST_PAUSE, MAXIMUM_ALERTS, Client
from auditproxy.notifiers.spooledalerts import (
    alert_as_line,
    alert_form,
    alert_of_line,
    identity_of,
    time_of,
)

MAXIMUM_WAITING = 32 * 1024 * 1024
"""Bytes of alerts in memory that wait for the disk of one spool."""

_REASONS = {"buffer-full": "queue-full", "dead-letter": "refused"}
"""Words of spools that the metric of alerts has others for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSpoolConfig:
    """Where the spools are; the bound is for each of them. ``full`` is ``block`` or
    ``drop-oldest``.
    """

    folder: Path
    maximum_bytes: int
    full: str


class AlertSender:
    """The receiver of a spool; the client can be another one after a reload."""

    def __init__(self, name: str, client: Client, metrics: AlertMetrics) -> None:
        self.name = f"alerts-{name}"
        self.client = client
        self._destination = name
        self._metrics = metrics

    async def send(self, events: Sequence[bytes]) -> None:
        """As in Sender."""
        try:
            await self.client.send([alert_of_line(line) for line in events])
        except WebhookError as error:
            self._metrics.attempt_failed(self._destination, error.reason)
            refused = error.status in REFUSED
            raise SendError(error.reason, is_poison=refused, text=str(error)) from None

    async def close(self) -> None:
        """The notifier closes the client."""


class AlertSpool(LineSpool):
    """The spool of one destination; ``owner`` is the notifier that uses it now, and ``labels`` are
    those of all alerts.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        config: AlertSpoolConfig,
        *,
        labels: dict[str, str],
        metrics: AlertMetrics,
        report: Callable[[str], None],
        clocks: SpoolClocks | None,
    ) -> None:
        self.owner: SpooledNotifier | None = None
        self.labels = labels
        self.sender = AlertSender(name, client, metrics)
        self.is_ending = False
        title = f"alerts to {name}"
        super().__init__(
            self.sender,
            SpoolConfig(
                folder=config.folder / name,
                maximum_bytes=config.maximum_bytes,
                full=config.full,
                mode="batch",
                # What a client of alerts takes at once.
                batching=Batching(max_size=client.batch, initial_backoff=FIRST_PAUSE),
                maximum_events=MAXIMUM_ALERTS,
                waiting_bytes=MAXIMUM_WAITING,
            ),
            title=title,
            counts=LineCounts(
                title,
                "alerts",
                written=lambda count: metrics.sent(name, count),
                dropped=lambda count, why: metrics.failed(name, _REASONS.get(why, why), count),
            ),
            series=metrics.spools.of(name),
            form=alert_form(title, lambda: self.labels),
            report=report,
            clocks=clocks,
        )


class SpooledNotifier:
    """A Notifier that puts what begins, and with ``resolved`` what ends, into a spool."""

    def __init__(
        self,
        spools: "AlertSpools",
        spool: AlertSpool,
        client: Client,
        *,
        resolved: bool,
        minimum_severity: str,
    ) -> None:
        self._spools = spools
        self.spool = spool
        self._client = client
        self._states = {AlertState.FIRING, *([AlertState.RESOLVED] if resolved else [])}
        self._severities = SEVERITIES[SEVERITIES.index(minimum_severity) :]

    def put(self, alert: Alert) -> None:
        """Take an alert."""
        if alert.state in self._states and alert.severity in self._severities:
            entry = LineEntry(identity_of(alert), time_of(alert), alert_as_line(alert))
            self.spool.put(entry)

    async def shutdown(self, grace: float) -> None:
        """Close the client, and the spool unless another notifier has taken it over."""
        try:
            await self._spools.leave(self, grace)
        finally:
            await self._client.close()


class AlertSpools:
    """The spools in use, by the name of their destination; used within one event loop."""

    def __init__(
        self,
        config: AlertSpoolConfig,
        metrics: AlertMetrics,
        report: Callable[[str], None],
        clocks: SpoolClocks | None = None,
    ) -> None:
        self.config = config
        self._metrics = metrics
        self._report = report
        self._clocks = clocks
        self._spools: dict[str, AlertSpool] = {}
        self._is_started = False

    def notifier(
        self,
        name: str,
        client: Client,
        *,
        resolved: bool,
        minimum_severity: str,
        labels: dict[str, str],
    ) -> SpooledNotifier:
        """That of a destination; raises OSError where its folder cannot be used."""
        spool = self._spools.get(name)
        if spool is None or spool.is_ending:
            spool = AlertSpool(
                name,
                client,
                self.config,
                labels=labels,
                metrics=self._metrics,
                report=self._report,
                clocks=self._clocks,
            )
            spool.open()
            self._spools[name] = spool
            self._metrics.destination(name, SPOOL_LOSSES)
        spool.sender.client = client
        spool.labels = labels
        spool.owner = SpooledNotifier(
            self, spool, client, resolved=resolved, minimum_severity=minimum_severity
        )
        if self._is_started:
            spool.start()
        return spool.owner

    def start(self) -> None:
        """Send what earlier processes have left, and what comes."""
        self._is_started = True
        for spool in self._spools.values():
            spool.start()

    async def leave(self, notifier: SpooledNotifier, grace: float) -> None:
        """A notifier is not used any more: end its spool, if it has not another one."""
        spool = notifier.spool
        if spool.owner is notifier:
            spool.is_ending = True
            await spool.shutdown(grace)

    def describe(self) -> tuple[str, ...]:
        """The lines of /readyz?verbose."""
        return tuple(
            line
            for spool in self._spools.values()
            if not spool.is_ending
            for line in spool.describe()
        )
