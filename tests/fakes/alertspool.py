"""Spools of alerts for tests; as a program, one that stores alerts for a dead receiver and waits.

    python -m tests.fakes.alertspool FOLDER COUNT

It is killed once all is on the disk (killedspool.py).
"""

import asyncio
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry

from auditproxy.alerts.alert import Alert
from auditproxy.alerts.messages import default_body
from auditproxy.backends.spool.backend import SpoolClocks
from auditproxy.clients.alertwebhook import AlertWebhookClient
from auditproxy.clients.webhook import WebhookTarget
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.alertspools import AlertSpoolConfig, AlertSpools, SpooledNotifier
from tests.fakes.alertrules import alert
from tests.fakes.killedspool import say_stored
from tests.fakes.waiting import turns, until
from tests.fakes.webhook import NoCredential


def numbered(number: int, **members: object) -> Alert:
    """An alert that can be told from others."""
    annotations = {"summary": f"alert {number}", "audit_id": f"id{number:05}"}
    return alert(annotations=annotations, **members)


class SpooledAlerts:
    """The spools of a folder, what they said, and what was counted; waits between attempts are
    over at once.
    """

    def __init__(
        self, folder: Path, *, maximum_bytes: int = 2**20, full: str = "drop-oldest"
    ) -> None:
        self.registry = CollectorRegistry()
        self.said: list[str] = []
        self.spools = AlertSpools(
            AlertSpoolConfig(folder=folder, maximum_bytes=maximum_bytes, full=full),
            AlertMetrics(self.registry),
            self.said.append,
            SpoolClocks(sleep=self._sleep, random=lambda: 0.5),
        )

    async def _sleep(self, seconds: float) -> None:
        await turns()

    def notifier(
        self,
        url: str,
        name: str = "pager",
        *,
        resolved: bool = False,
        minimum_severity: str = "info",
        labels: dict[str, str] | None = None,
    ) -> SpooledNotifier:
        """That of a webhook."""
        target = WebhookTarget(url, NoCredential())
        client = AlertWebhookClient(target, default_body, clock=lambda: 0.0, sleep=self._sleep)
        return self.spools.notifier(
            name,
            client,
            resolved=resolved,
            minimum_severity=minimum_severity,
            labels=labels or {},
        )

    def sample(self, name: str, **labels: str) -> float:
        """The value of a series of the destination ``pager``."""
        labels = {"destination": "pager", **labels}
        return self.registry.get_sample_value(f"auditproxy_alerts_{name}", labels) or 0.0

    @property
    def waiting(self) -> float:
        """Alerts on the disk."""
        return self.sample("spool_alerts")

    @property
    def sent(self) -> float:
        """Alerts that were acknowledged."""
        return self.sample("sent_total")


async def _store(folder: Path, count: int) -> None:
    made = SpooledAlerts(folder)
    # Nothing listens on port 1.
    notifier = made.notifier("http://127.0.0.1:1")
    for number in range(count):
        notifier.put(numbered(number))
    await until(lambda: made.waiting == count, "the disk has all alerts")
    await say_stored()


if __name__ == "__main__":
    asyncio.run(_store(Path(sys.argv[1]), int(sys.argv[2])))
