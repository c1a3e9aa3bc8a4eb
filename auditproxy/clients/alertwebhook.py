"""AlertWebhookClient: one alert a request, to Slack or any other webhook.

429 is waited for as its Retry-After says, within the time of the attempt; other answers 4xx mean
that the receiver will not take it, however often it comes. The URL is a secret: errors name
scheme, host and port alone.
"""

from collections.abc import Awaitable, Callable, Sequence

from auditproxy.alerts.alert import Alert
from auditproxy.clients.webhook import WebhookClient, WebhookError, WebhookTarget

TIMEOUT = 10.0
"""Seconds of one request, with its waits."""


class AlertWebhookClient:
    """Sends to one URL; ``body`` makes the body of an alert."""

    batch = 1

    def __init__(
        self,
        target: WebhookTarget,
        body: Callable[[Alert], bytes],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        timeout: float = TIMEOUT,
    ) -> None:
        self._body = body
        self._client = WebhookClient(
            target, clock=clock, sleep=sleep, timeout=timeout, connections=1
        )

    async def send(self, alerts: Sequence[Alert]) -> int:
        """Send alerts one by one; none is refused in part. Raises WebhookError."""
        for alert in alerts:
            await self._client.post(self._body(alert))
        return 0

    def is_final(self, error: WebhookError) -> bool:
        """Whether sending again is pointless."""
        return 400 <= error.status < 500 and error.status not in (408, 429)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
