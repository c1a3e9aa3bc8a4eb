"""Bearer tokens in both places: bearertoken_test.go, protocol_test.go and our own cases."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.authentication import EXTRA_SPACE
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    AuthenticationRequest,
    TokenUser,
)
from auditproxy.authentication.tokens.bearer import (
    MAXIMUM_TOKEN_LENGTH,
    PROTOCOL_PREFIX,
    BearerAuthenticator,
    WebSocketAuthenticator,
    bearer_token,
    forwarded_protocols,
)
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target


class Tokens:
    """Knows the token ``token`` and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def authenticate_token(self, token: str) -> TokenUser | None:
        self.asked.append(token)
        return TokenUser(UserInfo(username="alice"), expires=7) if token == "token" else None


def request(*headers: tuple[str, str]) -> AuthenticationRequest:
    """A request with these headers."""
    raw = tuple((name.encode(), value.encode()) for name, value in headers)
    return AuthenticationRequest(ClientHeaders(raw), parse_target("GET", b"/"), None, 0)


@pytest.mark.parametrize(
    ("authorization", "token", "warned"),
    [
        ("", "", False),
        ("Bearer", "", False),
        ("Bearer ", "", False),
        ("bear token", "", False),
        ("Bearer: token", "", False),
        ("Basic 123", "", False),
        ("Bearer\ttoken", "", False),
        ("Bearer token", "token", False),
        ("bearer token", "token", False),
        ("BEARER token", "token", False),
        ("  Bearer token  ", "token", False),
        ("Bearer token a", "token", False),
        ("Bearer token   a b", "token", False),
        ("Bearer  token", "", True),
        ("Bearer   token", "", True),
    ],
)
async def test_authorization(authorization: str, token: str, warned: bool) -> None:
    """T026, T027: how an Authorization line is split; without a token nobody is asked."""
    assert bearer_token(authorization) == (token, warned)
    tokens = Tokens()
    asked = request(("Authorization", authorization)) if authorization else request()
    identity = await BearerAuthenticator(tokens).authenticate(asked)
    assert tokens.asked == ([token] if token else [])
    assert (identity is not None) is bool(token)
    if identity is not None:
        assert (identity.user.username, identity.token) == ("alice", "token")
        assert identity.method == "bearer"
    assert asked.warnings == ([EXTRA_SPACE] if warned else [])


async def test_unknown_token_is_an_error() -> None:
    """T043: a token that nobody knows is not the same as no token."""
    with pytest.raises(AuthenticationError) as caught:
        await BearerAuthenticator(Tokens()).authenticate(request(("Authorization", "Bearer no")))
    assert str(caught.value) == "invalid bearer token"


async def test_huge_token_is_not_looked_at() -> None:
    """T065: a token above the limit is refused before anybody handles it."""
    tokens = Tokens()
    huge = "x" * (MAXIMUM_TOKEN_LENGTH + 1)
    with pytest.raises(AuthenticationError):
        await BearerAuthenticator(tokens).authenticate(request(("Authorization", f"Bearer {huge}")))
    assert tokens.asked == []


UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))
TOKEN = PROTOCOL_PREFIX + "dG9rZW4"


def offer(*lines: str) -> tuple[tuple[str, str], ...]:
    """Lines of Sec-WebSocket-Protocol."""
    return tuple(("Sec-WebSocket-Protocol", line) for line in lines)


@pytest.mark.parametrize(
    ("headers", "forwarded"),
    [
        ((*UPGRADE, *offer(TOKEN, "dummy, dummy2")), "dummy,dummy2"),
        ((*UPGRADE, *offer(f"v5.channel.k8s.io, {TOKEN}")), "v5.channel.k8s.io"),
        ((*UPGRADE, *offer(f" {TOKEN} ,a")), "a"),
        (
            (
                ("Upgrade", "WebSocket"),
                ("Connection", "not"),
                ("Connection", "keep-alive, Upgrade"),
                *offer(TOKEN, "dummy"),
            ),
            "dummy",
        ),
    ],
)
async def test_websocket_token(headers: tuple[tuple[str, str], ...], forwarded: str) -> None:
    """T030: the token is found, and its item does not go upstream."""
    tokens = Tokens()
    asked = request(*headers)
    identity = await WebSocketAuthenticator(tokens).authenticate(asked)
    assert identity is not None
    assert (identity.user.username, identity.token, identity.method) == (
        "alice",
        "token",
        "websocket",
    )
    assert forwarded_protocols(asked.headers) == forwarded


@pytest.mark.parametrize(
    "lines",
    [
        (TOKEN,),
        (f"{TOKEN},{TOKEN}", "dummy"),
        (TOKEN, TOKEN, "dummy"),
        (PROTOCOL_PREFIX + "dG9rZW4=", "dummy"),
        (PROTOCOL_PREFIX + "dG9+/W4", "dummy"),
        (PROTOCOL_PREFIX + "dG9rZ", "dummy"),
        (PROTOCOL_PREFIX + "gICAgA", "dummy"),
        (PROTOCOL_PREFIX + "bm8", "dummy"),
    ],
)
async def test_bad_websocket_token(lines: tuple[str, ...]) -> None:
    """T031: alone, twice, padded, another alphabet, cut, not UTF-8, unknown: an error each."""
    asked = request(*UPGRADE, *offer(*lines))
    with pytest.raises(AuthenticationError) as caught:
        await WebSocketAuthenticator(Tokens()).authenticate(asked)
    for line in lines:
        assert line.removeprefix(PROTOCOL_PREFIX) not in str(caught.value)
    protocols = forwarded_protocols(asked.headers)
    assert protocols is not None
    assert PROTOCOL_PREFIX not in protocols


@pytest.mark.parametrize(
    "headers",
    [
        offer(TOKEN, "dummy"),
        (("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), *offer(TOKEN, "dummy")),
        (("Upgrade", "websocket"), ("Connection", "keep-alive"), *offer(TOKEN, "dummy")),
        (*UPGRADE, *offer("dummy")),
        (*UPGRADE, *offer(PROTOCOL_PREFIX, "dummy")),
        UPGRADE,
    ],
)
async def test_no_websocket_token(headers: tuple[tuple[str, str], ...]) -> None:
    """T032: without a WebSocket request, or with an empty token, there is no opinion."""
    tokens = Tokens()
    assert await WebSocketAuthenticator(tokens).authenticate(request(*headers)) is None
    assert tokens.asked == []


def test_nothing_to_forward_differently() -> None:
    """Protocols without a token go upstream as the client sent them."""
    assert forwarded_protocols(request(*offer("a, b")).headers) is None
    assert forwarded_protocols(request().headers) is None


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
async def test_any_token_in_a_protocol(token: str) -> None:
    """What a browser encodes is what is asked about."""
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    tokens = Tokens()
    asked = request(*UPGRADE, *offer(PROTOCOL_PREFIX + encoded, "dummy"))
    try:
        await WebSocketAuthenticator(tokens).authenticate(asked)
    except AuthenticationError:
        assert token != "token"
    assert tokens.asked == [token]


@given(
    st.text(st.characters(codec="utf-8", categories=None, exclude_categories=["Cc"]), max_size=40)
)
def test_any_authorization(value: str) -> None:
    """Splitting never fails, and a token never holds a space."""
    token, warned = bearer_token(value)
    assert " " not in token
    assert not (token and warned)
