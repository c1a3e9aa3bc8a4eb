"""The webhook backend: what a batch looks like, when it is tried again, and what is counted."""

import asyncio
import json

import pytest

from auditproxy.apis.audit import API_VERSION, Event
from auditproxy.apis.user import UserInfo
from auditproxy.audit.encode import Encoder, json_line
from auditproxy.backends.losses import Losses
from auditproxy.backends.webhook import WebhookBackend, event_list
from auditproxy.clients.webhook import WebhookClient, WebhookTarget, request_url
from tests.fakes.webhook import HANG, RESET, NoCredential, Receiver, answer


def event(audit_id: str = "a") -> Event:
    """A small event."""
    return Event(
        kind="Event",
        api_version=API_VERSION,
        level="Metadata",
        audit_id=audit_id,
        stage="ResponseComplete",
        request_uri="/?<a>",
        verb="get",
        user=UserInfo(username="u"),
        request_received_timestamp="2026-11-23T13:06:31.814986Z",
        stage_timestamp="2026-11-23T13:06:31.814986Z",
    )


class Account(Losses):
    """Keeps losses and sleeps."""

    def __init__(self) -> None:
        self.losses: list[tuple[int, str, str, str]] = []
        self.slept: list[float] = []
        self.written = 0
        self.failures: list[str] = []

    def delivered(self, count: int = 1) -> None:
        """Keep how many were taken."""
        self.written += count

    def failing(self, public: str, text: str = "") -> None:
        """Keep why an attempt failed."""
        self.failures.append(public)

    def lost(self, count: int, *, plugin: str, reason: str, text: str, public: str = "") -> None:
        """Keep a loss."""
        self.losses.append((count, plugin, reason, text))

    async def sleep(self, seconds: float) -> None:
        """Keep a wait, over at once."""
        self.slept.append(seconds)


def backend(
    receiver: Receiver, account: Account, *, timeout: float = 30.0, encode: Encoder = json_line
) -> WebhookBackend:
    """A backend that posts to a receiver and does not really wait."""
    target = WebhookTarget(request_url(receiver.url), NoCredential())
    client = WebhookClient(target, clock=lambda: 0.0, sleep=account.sleep, timeout=timeout)
    return WebhookBackend(
        client,
        initial_backoff=10.0,
        losses=account,
        sleep=account.sleep,
        random=lambda: 0.5,
        encode=encode,
    )


def test_event_list() -> None:
    """The body is Go's EventList: items are the log's lines without kind and apiVersion."""
    body = event_list([json_line(event("a")), json_line(event("b"))])
    assert body.startswith(
        b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":'
        b'[{"level":"Metadata","auditID":"a",'
    )
    assert body.endswith(b"}]}\n")
    assert b"/?\\u003ca\\u003e" in body
    for item, audit_id in zip(json.loads(body)["items"], "ab", strict=True):
        line = json.loads(json_line(event(audit_id)))
        assert {"kind": "Event", "apiVersion": API_VERSION, **item} == line


async def test_delivers() -> None:
    """A batch is one POST; its events are written."""
    account = Account()
    async with Receiver() as receiver:
        webhook = backend(receiver, account)
        assert await webhook.deliver((event("a"), event("b"))) is True
        assert await webhook.deliver(()) is True
        await webhook.shutdown()
    (received,) = receiver.received
    assert received.body == event_list([json_line(event("a")), json_line(event("b"))])
    assert (account.written, account.losses, str(webhook)) == (2, [], "webhook")


async def test_gives_up() -> None:
    """T245: five attempts with growing waits; then all events are dropped and told once."""
    account = Account()
    async with Receiver(*[answer(500)] * 9) as receiver:
        webhook = backend(receiver, account)
        assert await webhook.deliver((event(), event())) is False
        await webhook.shutdown()
    assert len(receiver.received) == 5
    assert account.slept == pytest.approx([11, 16.5, 24.75, 37.125])
    assert account.losses == [(2, "webhook", "status-5xx", f"{receiver.url}: answered 500")]
    assert account.written == 0


async def test_recovers() -> None:
    """T245: every kind of failure is tried again, the fifth attempt can still succeed."""
    account = Account()
    async with Receiver(answer(413), answer(302), HANG, b"garbage\r\n\r\n") as receiver:
        webhook = backend(receiver, account, timeout=0.5)
        assert await webhook.deliver((event(),)) is True
        await webhook.shutdown()
    assert (len(receiver.received), account.written, account.losses) == (5, 1, [])


async def test_sent_again() -> None:
    """T247: a receiver that took the batch and died before its answer gets the same bytes again."""
    account = Account()
    async with Receiver(RESET) as receiver:
        webhook = backend(receiver, account)
        assert await webhook.deliver((event("x"),)) is True
        await webhook.shutdown()
    first, second = receiver.received
    assert first.body == second.body
    item = json.loads(first.body)["items"][0]
    assert (item["auditID"], item["stage"]) == ("x", "ResponseComplete")
    assert account.written == 1


async def test_large_batch() -> None:
    """A batch of megabytes goes out whole."""
    account = Account()
    async with Receiver() as receiver:
        webhook = backend(receiver, account)
        assert await webhook.deliver(tuple(event("x" * 128) for _ in range(8000))) is True
        await webhook.shutdown()
    assert len(receiver.received[0].body) > 2 * 1024 * 1024
    assert len(json.loads(receiver.received[0].body)["items"]) == 8000


async def test_encoding_fault_takes_one_event() -> None:
    """An event that cannot be encoded is lost alone."""

    def encode(one: Event) -> bytes:
        if one.audit_id == "bad":
            raise ValueError("s3cret")
        return json_line(one)

    account = Account()
    async with Receiver() as receiver:
        webhook = backend(receiver, account, encode=encode)
        assert await webhook.deliver((event("bad"), event("good"))) is False
        await webhook.shutdown()
    assert len(receiver.received) == 1
    assert (account.written, account.losses) == (
        1,
        [(1, "webhook", "encode-error", "encoding failed")],
    )


async def test_cut_off() -> None:
    """A delivery that is cancelled counts its events as dropped."""
    account = Account()
    async with Receiver(HANG) as receiver:
        webhook = backend(receiver, account)
        delivery = asyncio.create_task(webhook.deliver((event(), event())))
        await receiver.until_received(1)
        delivery.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivery
        await webhook.shutdown()
    assert account.losses == [(2, "webhook", "shutdown", "the delivery was cut off")]
