"""Alerts to an Alertmanager, over a real socket."""

import json
import time

import pytest

from auditproxy.clients.alertmanager import AlertmanagerClient, alerts_url
from auditproxy.clients.webhook import WebhookError, WebhookTarget
from tests.fakes.alertrules import alert
from tests.fakes.waiting import pause
from tests.fakes.webhook import HANG, OK, Receiver, answer


class NoCredential:
    """Logs in nowhere."""

    async def authorization(self) -> bytes | None:
        """No header."""
        return None

    def invalidate(self) -> None:
        """Nothing is kept."""


def client(receiver: Receiver, timeout: float = 5.0) -> AlertmanagerClient:
    """A client of a receiver."""
    target = WebhookTarget(url=alerts_url(f"{receiver.url}/am/"), credential=NoCredential())
    return AlertmanagerClient(target, clock=time.monotonic, sleep=pause, timeout=timeout)


async def test_sent() -> None:
    """One request for a batch, below the path prefix."""
    async with Receiver() as receiver:
        sender = client(receiver)
        assert await sender.send([alert(), alert(labels={"alertname": "B"})]) == 0
        await sender.close()
    (request,) = receiver.received
    assert request.line == "POST /am/api/v2/alerts HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert [entry["labels"]["alertname"] for entry in json.loads(request.body)] == ["Exec", "B"]


async def test_400_is_sent_one_by_one() -> None:
    """The valid ones of a batch are stored all the same; which, only single requests show."""
    async with Receiver(answer(400), OK, answer(400), OK) as receiver:
        sender = client(receiver)
        assert await sender.send([alert(), alert(), alert()]) == 1
        await sender.close()
    assert [len(json.loads(request.body)) for request in receiver.received] == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (answer(500), "status-5xx"),
        (answer(401), "status-4xx"),
        (answer(302, "Location: http://127.0.0.1:1/"), "status-3xx"),
        (HANG, "timeout"),
    ],
)
async def test_failures(step: bytes | str, reason: str) -> None:
    """They are to be sent again, whatever they are; a redirect is not followed."""
    async with Receiver(step) as receiver:
        sender = client(receiver, timeout=0.3)
        with pytest.raises(WebhookError) as caught:
            await sender.send([alert()])
        assert caught.value.reason == reason
        assert not sender.is_final(caught.value)
        await sender.close()
    assert len(receiver.received) == 1
