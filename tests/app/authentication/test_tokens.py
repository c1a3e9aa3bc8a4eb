"""The token authenticators together: their order, what they share, and what ends with them."""

import asyncio
import json
import time
from typing import Any

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.app.authentication.tokens import TokenAuthentication, TokenSources
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.keysource import StaticKeys
from auditproxy.authentication.tokens.tokenfile import parse_token_file
from auditproxy.clients.apiserver import ReviewError
from auditproxy.clients.webhook import WebhookTarget, request_url
from auditproxy.kubeconfig.credentials import NoCredential
from auditproxy.metrics.registry import Metrics
from auditproxy.options import AuthenticationOptions
from tests.fakes.tokens import ISSUER, account_claims, public, rsa_key, signed
from tests.fakes.waiting import turns
from tests.fakes.webhook import Receiver, answer


class Reviews:
    """A reviewer with a table of users, or errors, and counts."""

    def __init__(self, **known: Any) -> None:
        self.known: dict[str, Any] = known
        self.asked: list[str] = []

    async def review(self, token: str) -> UserInfo | None:
        self.asked.append(token)
        found = self.known.get(token)
        if isinstance(found, Exception):
            raise found
        return UserInfo(username=found) if found else None


def made(sources: TokenSources, **options: Any) -> TokenAuthentication:
    """The authenticators of these sources."""
    return TokenAuthentication(
        AuthenticationOptions(**options),
        sources,
        metrics=Metrics().token_cache,
        report=lambda text: None,
    )


async def name_of(authentication: TokenAuthentication, token: str) -> str | None:
    """The name of a token's user."""
    (authenticator,) = authentication.authenticators
    known = await authenticator.authenticate_token(token)
    return known.user.username if known else None


def webhook_of(receiver: Receiver) -> WebhookTarget:
    """The target of a receiver."""
    return WebhookTarget(url=request_url(receiver.url), credential=NoCredential())


def says(username: str = "", **status: Any) -> bytes:
    """A webhook's answer."""
    if username:
        status = {"authenticated": True, "user": {"username": username}, **status}
    return answer(200, body=json.dumps({"status": status}).encode())


async def test_order() -> None:
    """Static tokens first, then the webhook, then the upstream; the first who knows wins."""
    table = parse_token_file(b"one,file,1\n", "tokens", b"k" * 32)
    reviewer = Reviews(one="review", two="review", three="review")
    async with Receiver(says("webhook"), says(), says()) as receiver:
        authentication = made(
            TokenSources(token_file=table, webhook=webhook_of(receiver), reviewer=reviewer)
        )
        assert await name_of(authentication, "one") == "file"
        assert (receiver.received, reviewer.asked) == ([], [])
        assert await name_of(authentication, "two") == "webhook"
        assert reviewer.asked == []
        assert await name_of(authentication, "three") == "review"
        assert await name_of(authentication, "four") is None
        assert len(receiver.received) == 3
        await authentication.close()


async def test_nobody() -> None:
    """Without any source no token is looked at."""
    assert made(TokenSources()).authenticators == ()


async def test_what_is_remembered() -> None:
    """T072, T077: a good token once, whoever knew it; refusals by their own time; errors never."""
    reviewer = Reviews(good="review", broken=ReviewError("away"))
    async with Receiver(says("w"), says(), says(error="no"), answer(404), answer(404)) as receiver:
        authentication = made(TokenSources(webhook=webhook_of(receiver), reviewer=reviewer))
        for _ in range(3):
            assert await name_of(authentication, "theirs") == "w"
            assert await name_of(authentication, "good") == "review"
        assert len(receiver.received) == 2
        assert reviewer.asked == ["good"]
        for count in (3, 4, 5):
            # The upstream's refusal is remembered, the webhook's error is not.
            with pytest.raises(AuthenticationError):
                await name_of(authentication, "bad")
            assert len(receiver.received) == count
        assert reviewer.asked == ["good", "bad"]
        await authentication.close()


async def test_nothing_is_remembered() -> None:
    """Times of zero ask every time, and ask once for all who want to know at once."""
    reviewer = Reviews(good="review")
    authentication = made(
        TokenSources(reviewer=reviewer),
        token_review_cache_success_ttl=0,
        token_review_cache_failure_ttl=0,
    )
    for token in ("good", "good", "bad", "bad"):
        await name_of(authentication, token)
    assert reviewer.asked == ["good", "good", "bad", "bad"]
    await asyncio.gather(*(name_of(authentication, "good") for _ in range(5)))
    assert len(reviewer.asked) == 5


async def test_audiences_of_the_webhook() -> None:
    """T071, T073: the webhook is asked for our audiences, and a token for others is nobody's."""
    async with Receiver(says("w", audiences=["other"]), says("w", audiences=["us"])) as receiver:
        for expected in (None, "w"):
            authentication = made(
                TokenSources(webhook=webhook_of(receiver)), api_audiences=("us", "we")
            )
            assert await name_of(authentication, "t") == expected
            await authentication.close()
        assert json.loads(receiver.received[0].body)["spec"]["audiences"] == ["us", "we"]


def account(**changes: Any) -> str:
    """A service account's token that is good now."""
    now = int(time.time())
    return signed(account_claims(iat=now, nbf=now, exp=now + 600, **changes))


CART = "system:serviceaccount:shop:cart"


@pytest.mark.parametrize(
    ("confirmed", "text"),
    [
        (UserInfo(username=CART, uid="u1", groups=("more",)), ""),
        (None, "has been invalidated"),
        (UserInfo(username=CART, uid="u2"), "another user's"),
        (UserInfo(username="system:serviceaccount:shop:till", uid="u1"), "another user's"),
        (ReviewError("away"), "away"),
    ],
)
async def test_lookup(confirmed: Any, text: str) -> None:
    """T077: a token that is good by its key is confirmed by the upstream, as the same user."""

    class Lookup:
        """A reviewer with this answer."""

        asked = 0

        async def review(self, token: str) -> UserInfo | None:
            self.asked += 1
            if isinstance(confirmed, Exception):
                raise confirmed
            return confirmed  # type: ignore[no-any-return]

    lookup = Lookup()
    authentication = made(
        TokenSources(
            service_account_keys=StaticKeys((public(rsa_key()),)),
            lookup=lookup,
        ),
        service_account_issuer=(ISSUER,),
    )
    (authenticator,) = authentication.authenticators
    token = account()
    for _ in range(2):
        if text:
            with pytest.raises(AuthenticationError, match=text):
                await authenticator.authenticate_token(token)
            continue
        known = await authenticator.authenticate_token(token)
        assert isinstance(known, TokenUser)
        # The user is the token's own; groups of the upstream do not come in.
        assert known.user.groups == ("system:serviceaccounts", "system:serviceaccounts:shop")
        assert known.expires is not None
    remembered = not isinstance(confirmed, Exception) and (confirmed is None or not text)
    assert lookup.asked == (1 if remembered else 2)


async def test_lookup_of_bad_tokens() -> None:
    """The upstream is not asked to confirm what is not good by its key."""
    lookup = Reviews()
    authentication = made(
        TokenSources(
            service_account_keys=StaticKeys((public(rsa_key(1)),)),
            lookup=lookup,
        ),
        service_account_issuer=(ISSUER,),
    )
    with pytest.raises(AuthenticationError):
        await name_of(authentication, account())
    assert lookup.asked == []


async def test_retire() -> None:
    """T081: what is under way when the sources change ends as it began; then all is closed."""
    async with Receiver(says("w")) as receiver:
        receiver.gate = asyncio.Event()
        authentication = made(TokenSources(webhook=webhook_of(receiver)))
        asking = asyncio.create_task(name_of(authentication, "t"))
        async with asyncio.timeout(10):
            await receiver.until_received(1)
        retiring = asyncio.create_task(authentication.retire())
        await turns()
        receiver.gate.set()
        assert await asking == "w"
        await retiring
