"""Alerts to webhooks, over a real socket."""

import json
import time

import pytest

from auditproxy.alerts.messages import default_body, slack_body
from auditproxy.clients.alertwebhook import AlertWebhookClient
from auditproxy.clients.webhook import WebhookError, WebhookTarget
from tests.fakes.alertrules import alert
from tests.fakes.waiting import pause
from tests.fakes.webhook import HANG, RESET, Receiver, answer


class Token:
    """A bearer token."""

    async def authorization(self) -> bytes | None:
        """The header."""
        return b"Bearer t"

    def invalidate(self) -> None:
        """Nothing is kept."""


def client(receiver: Receiver, timeout: float = 5.0) -> AlertWebhookClient:
    """A client of a receiver whose path is a secret."""
    target = WebhookTarget(url=f"{receiver.url}/services/SECRET", credential=Token())
    return AlertWebhookClient(
        target, slack_body, clock=time.monotonic, sleep=pause, timeout=timeout
    )


async def test_sent() -> None:
    """One request an alert."""
    async with Receiver() as receiver:
        sender = client(receiver)
        assert sender.batch == 1
        await sender.send([alert()])
        await sender.close()
    (request,) = receiver.received
    assert request.line == "POST /services/SECRET HTTP/1.1"
    assert request.headers["authorization"] == "Bearer t"
    assert json.loads(request.body)["text"] == "[high] alice in n/box"
    assert default_body(alert()) != request.body


async def test_429_waits_as_told() -> None:
    """Retry-After is kept to."""
    async with Receiver(answer(429, "Retry-After: 0")) as receiver:
        sender = client(receiver)
        await sender.send([alert()])
        await sender.close()
    assert len(receiver.received) == 2


@pytest.mark.parametrize(
    ("step", "final"),
    [
        (answer(400), True),
        (answer(403), True),
        (answer(404), True),
        (answer(410), True),
        (answer(429), False),
        (answer(500), False),
        (HANG, False),
        (RESET, False),
    ],
)
async def test_failures(step: bytes | str, final: bool) -> None:
    """A refusal is final, anything else is sent again; no text has the secret."""
    async with Receiver(step) as receiver:
        sender = client(receiver, timeout=0.3)
        with pytest.raises(WebhookError) as caught:
            await sender.send([alert()])
        await sender.close()
    assert sender.is_final(caught.value) is final
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(sender)
