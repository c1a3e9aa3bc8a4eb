"""AlertmanagerClient: alerts to one Alertmanager, over its API v2.

    POST {url}/api/v2/alerts --200--> sent
      |--400--> one by one: the valid ones were stored, which of them is not said
      |--anything else, no answer within TIMEOUT--> WebhookError

Alertmanagers of a cluster share nothing but notifications, so each gets every alert
(alertmanager docs/high_availability.md). Redirects are not followed.
"""

from collections.abc import Awaitable, Callable, Sequence

from auditproxy.alerts.alert import Alert
from auditproxy.alerts.messages import alertmanager_body
from auditproxy.clients.webhook import WebhookClient, WebhookError, WebhookTarget

BATCH = 64
"""Alerts in one request."""

TIMEOUT = 10.0
"""Seconds of one request."""

CONNECTIONS = 2


class AlertmanagerClient:
    """Sends to one Alertmanager; ``target.url`` is that of its /api/v2/alerts."""

    batch = BATCH

    def __init__(
        self,
        target: WebhookTarget,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        timeout: float = TIMEOUT,
    ) -> None:
        self._client = WebhookClient(
            target, clock=clock, sleep=sleep, timeout=timeout, connections=CONNECTIONS
        )

    async def send(self, alerts: Sequence[Alert]) -> int:
        """Send alerts; return how many were refused. Raises WebhookError for what may pass."""
        try:
            await self._client.post(alertmanager_body(alerts))
        except WebhookError as error:
            if error.status != 400:
                raise
            if len(alerts) == 1:
                return 1
        else:
            return 0
        refused = 0
        for alert in alerts:
            refused += await self.send((alert,))
        return refused

    def is_final(self, error: WebhookError) -> bool:
        """Whether sending again is pointless; nothing is, as it is the configuration then."""
        return False

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def alerts_url(url: str) -> str:
    """The URL to post to, for an Alertmanager's URL with its path prefix."""
    return f"{url.rstrip('/')}/api/v2/alerts"
