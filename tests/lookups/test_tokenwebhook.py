"""The token webhook on real sockets: what is asked again, and what no answer does."""

import asyncio
import gzip
import json
import time

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.tokenreview import Version, webhook_review
from auditproxy.clients.webhook import WebhookClient, WebhookTarget, request_url
from auditproxy.kubeconfig.credentials import NoCredential
from auditproxy.lookups.tokenwebhook import WebhookTokenAuthenticator
from tests.fakes.webhook import DRIP, HANG, HUGE, OK, RESET, Receiver, Step, answer

ALICE = {"username": "alice", "groups": ["dev"]}
GOOD = json.dumps({"status": {"authenticated": True, "user": ALICE}}).encode()
YES = answer(200, "Content-Type: application/json", body=GOOD)
KNOWN = TokenUser(UserInfo(username="alice", groups=("dev",)))


class Webhook:
    """The authenticator of a receiver, whose pauses pass at once."""

    def __init__(
        self,
        receiver: Receiver,
        *,
        version: Version = "v1beta1",
        audiences: tuple[str, ...] = (),
        timeout: float = 30.0,
        jitter: float = 0.0,
    ) -> None:
        self.pauses: list[float] = []
        self.jitter = jitter
        target = WebhookTarget(
            url=request_url(f"{receiver.url}/authenticate"), credential=NoCredential()
        )
        client = WebhookClient(target, clock=time.monotonic, sleep=self.sleep, timeout=timeout)
        self.authenticator = WebhookTokenAuthenticator(
            client,
            version=version,
            audiences=audiences,
            sleep=self.sleep,
            random=lambda: self.jitter,
        )

    async def sleep(self, seconds: float) -> None:
        """Note the pause, and take none."""
        self.pauses.append(seconds)

    async def ask(self, token: str = "t") -> TokenUser | None:
        """What the webhook says of a token."""
        try:
            return await self.authenticator.authenticate_token(token)
        finally:
            await self.authenticator.close()


async def test_what_is_sent() -> None:
    """The exact path of the kubeconfig's server, and the review in the wanted version."""
    async with Receiver(YES) as receiver:
        webhook = Webhook(receiver, version="v1", audiences=("api",))
        assert await webhook.ask("secret") == KNOWN
        (received,) = receiver.received
        assert received.line == "POST /authenticate?timeout=30s HTTP/1.1"
        assert received.headers["content-type"] == "application/json"
        assert "authorization" not in received.headers
        assert received.body == webhook_review("secret", "v1", ("api",))


async def test_packed_answer() -> None:
    """An answer may be gzip, as for Go's client; one that only says so is an error."""
    packed = answer(200, "Content-Encoding: gzip", body=gzip.compress(GOOD))
    broken = answer(200, "Content-Encoding: gzip", body=GOOD)
    bomb = answer(200, "Content-Encoding: gzip", body=gzip.compress(b" " * 2**24))
    async with Receiver(packed, broken, bomb) as receiver:
        assert await Webhook(receiver).ask() == KNOWN
        for _ in range(2):
            with pytest.raises(AuthenticationError, match="cannot be read completely"):
                await Webhook(receiver).ask()


@pytest.mark.parametrize(
    "step",
    [
        answer(500),
        answer(504),
        answer(429),
        RESET,
    ],
)
async def test_asked_again(step: Step) -> None:
    """What passes is asked again, five times in all, after longer and longer pauses."""
    async with Receiver(step, step, step, step, YES) as receiver:
        webhook = Webhook(receiver)
        assert await webhook.ask() == KNOWN
        assert webhook.pauses == [0.5, 0.75, 1.125, 1.6875]
    async with Receiver(*[step] * 6) as receiver:
        webhook = Webhook(receiver, jitter=1.0)
        with pytest.raises(AuthenticationError):
            await webhook.ask()
        assert len(receiver.received) == 5
        assert webhook.pauses == pytest.approx([0.6, 0.9, 1.35, 2.025])


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (answer(404), "answered 404"),
        (answer(401), "answered 401"),
        (answer(403), "answered 403"),
        (answer(502), "answered 502"),
        (answer(503), "answered 503"),
        (answer(302, "Location: http://127.0.0.1:1/"), "answered 302"),
        (answer(200, body=b"<html>"), "not a TokenReview"),
        (answer(204), "not a TokenReview"),
        (HUGE, "cannot be read completely"),
        (b"HTP/1.1 nonsense\r\n\r\n", "not a complete HTTP answer"),
    ],
)
async def test_not_asked_again(step: Step, text: str) -> None:
    """T072: other answers are errors at once; redirects are not followed, floods not read."""
    async with Receiver(step, YES) as receiver:
        webhook = Webhook(receiver)
        with pytest.raises(AuthenticationError, match=text):
            await webhook.ask("canary")
        assert len(receiver.received) == 1
        assert webhook.pauses == []


async def test_retry_after() -> None:
    """Whoever says when to come again is asked again then, whatever the refusal."""
    async with Receiver(answer(503, "Retry-After: 2"), YES) as receiver:
        webhook = Webhook(receiver)
        assert await webhook.ask() == KNOWN
        assert webhook.pauses == [2.0]
    async with Receiver(answer(404, "Retry-After: 2"), YES) as receiver:
        webhook = Webhook(receiver)
        assert await webhook.ask() == KNOWN
        assert webhook.pauses == [0.5]


@pytest.mark.parametrize("step", [HANG, DRIP])
async def test_timeout(step: Step) -> None:
    """T072: a webhook that never ends its answer costs one attempt's time."""
    async with Receiver(step) as receiver:
        with pytest.raises(AuthenticationError, match="did not answer within"):
            await Webhook(receiver, timeout=0.05).ask()


async def test_unreachable() -> None:
    """T072: a webhook that is not there is an error that shows no token."""
    async with Receiver(OK) as receiver:
        webhook = Webhook(receiver)
    with pytest.raises(AuthenticationError) as caught:
        await webhook.ask("canary")
    assert "connection refused" in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_not_unicode() -> None:
    """A token that JSON cannot hold is nobody's; nobody is asked."""
    async with Receiver(YES) as receiver:
        assert await Webhook(receiver).ask("a\udcff") is None
        assert receiver.received == []


async def test_many_at_once() -> None:
    """Many tokens are asked about at the same time over kept connections."""
    async with Receiver(*[YES] * 20) as receiver:
        webhook = Webhook(receiver)
        asked = (webhook.authenticator.authenticate_token(f"t{n}") for n in range(20))
        assert await asyncio.gather(*asked) == [KNOWN] * 20
        await webhook.authenticator.close()
