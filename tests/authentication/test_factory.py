"""The composition: kube-apiserver's table of what wins over what."""

import pytest

from auditproxy.apis.authentication import EXTRA_SPACE
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.anonymous import AnonymousAuthenticator
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    AuthenticationRequest,
    TokenUser,
)
from auditproxy.authentication.factory import new_authenticator
from auditproxy.authentication.requestheader import (
    RequestHeaderAuthenticator,
    RequestHeaderConfig,
)
from auditproxy.authentication.tokens.bearer import PROTOCOL_PREFIX, forwarded_protocols
from auditproxy.authentication.x509.authenticator import Verdict, X509Authenticator
from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import parse_target

GOOD = PeerCertificate(
    der=b"",
    fingerprint="ab",
    common_name="carol",
    organizations=("dev",),
)
EXPIRED = PeerCertificate(der=b"expired", fingerprint="ab", common_name="carol")
NAMELESS = PeerCertificate(der=b"", fingerprint="ab")
BOB = PROTOCOL_PREFIX + "Ym9i"


class Trusting:
    """Authorities that vouch for all but the expired."""

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """Nothing, or that it has expired."""
        return Verdict("it has expired" if peer is EXPIRED else "", 0, now)


class Table:
    """A token is its own user's name; ``broken`` cannot be checked."""

    async def authenticate_token(self, token: str) -> TokenUser | None:
        if token == "broken":
            raise AuthenticationError("the reviewer is away")
        return TokenUser(UserInfo(username=token)) if token in ("alice", "bob") else None


def request(headers: dict[str, str], peer: PeerCertificate | None = None) -> AuthenticationRequest:
    """A request at time 5."""
    raw = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return AuthenticationRequest(ClientHeaders(raw), parse_target("GET", b"/"), peer, 5)


def upgrade(protocols: str) -> dict[str, str]:
    """Headers of a WebSocket request."""
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Protocol": protocols,
    }


@pytest.mark.parametrize(
    ("headers", "peer", "username"),
    [
        ({}, None, "system:anonymous"),
        ({"Authorization": "Basic dTpw"}, None, "system:anonymous"),
        ({"Authorization": "Bearer"}, None, "system:anonymous"),
        ({"Authorization": "Bearer  alice"}, None, "system:anonymous"),
        ({"Authorization": "Bearer alice"}, None, "alice"),
        ({"Authorization": "Bearer wrong"}, None, None),
        ({"Authorization": "Bearer broken"}, None, None),
        ({}, GOOD, "carol"),
        ({"Authorization": "Bearer wrong"}, GOOD, "carol"),
        ({"Authorization": "Bearer bob"}, GOOD, "carol"),
        ({}, EXPIRED, None),
        ({"Authorization": "Bearer alice"}, EXPIRED, "alice"),
        ({}, NAMELESS, "system:anonymous"),
        ({"Authorization": "Bearer alice"}, NAMELESS, "alice"),
        (upgrade(f"x,{BOB}"), None, "bob"),
        ({"Authorization": "Bearer alice", **upgrade(f"x,{BOB}")}, None, "alice"),
        ({"Authorization": "Bearer wrong", **upgrade(f"x,{BOB}")}, None, "bob"),
        (upgrade(BOB), None, None),
    ],
)
async def test_who_wins(
    headers: dict[str, str], peer: PeerCertificate | None, username: str | None
) -> None:
    """T022, T024, T043, T044: certificate, header, protocol; anonymous only without an error."""
    authenticator = new_authenticator(
        x509=X509Authenticator(Trusting()), tokens=(Table(),), anonymous=AnonymousAuthenticator()
    )
    if username is None:
        with pytest.raises(AuthenticationError):
            await authenticator.authenticate(request(headers, peer))
        return
    identity = await authenticator.authenticate(request(headers, peer))
    assert identity is not None
    assert identity.user.username == username
    last = "system:unauthenticated" if username == "system:anonymous" else "system:authenticated"
    assert identity.user.groups[-1] == last
    assert identity.user.groups.count(last) == 1


async def test_without_anonymous() -> None:
    """T042: nobody shown and anonymous off is None, which is a 401."""
    authenticator = new_authenticator(x509=None, tokens=(Table(),), anonymous=None)
    assert await authenticator.authenticate(request({})) is None
    # T033: identity is per request, nothing stays from the one before.
    first = await authenticator.authenticate(request({"Authorization": "Bearer alice"}))
    assert first is not None
    assert await authenticator.authenticate(request({})) is None


async def test_without_token_authenticators() -> None:
    """Tokens that nobody could know are not looked at, as in delegated authentication."""
    authenticator = new_authenticator(x509=None, tokens=(), anonymous=AnonymousAuthenticator())
    identity = await authenticator.authenticate(request({"Authorization": "Bearer x"}))
    assert identity is not None
    assert identity.method == "anonymous"


async def test_warnings_on_every_outcome() -> None:
    """T026, C6: the extra space is noted whatever comes out; the chain tells the client."""
    authenticator = new_authenticator(
        x509=X509Authenticator(Trusting()), tokens=(Table(),), anonymous=AnonymousAuthenticator()
    )
    spaced = {"Authorization": "Bearer  alice"}
    anonymous = request(spaced)
    assert await authenticator.authenticate(anonymous) is not None
    assert anonymous.warnings == [EXTRA_SPACE]
    expired = request(spaced, EXPIRED)
    with pytest.raises(AuthenticationError):
        await authenticator.authenticate(expired)
    assert expired.warnings == [EXTRA_SPACE]
    certified = request(spaced, GOOD)
    assert await authenticator.authenticate(certified) is not None
    assert certified.warnings == []


async def test_unsafe_token_user_is_refused() -> None:
    """T035: a user from a token that a header cannot carry is a 401, not anonymous."""

    class Spaced:
        """Knows a user with white space at the end."""

        async def authenticate_token(self, token: str) -> TokenUser | None:
            return TokenUser(UserInfo(username="alice "))

    authenticator = new_authenticator(
        x509=None, tokens=(Spaced(),), anonymous=AnonymousAuthenticator()
    )
    with pytest.raises(AuthenticationError):
        await authenticator.authenticate(request({"Authorization": "Bearer x"}))


@pytest.mark.parametrize(
    ("headers", "peer", "subprotocols"),
    [
        (upgrade(f"v5,{BOB}"), None, "v5"),
        (upgrade(f"v5,{BOB}"), GOOD, "v5"),
        ({"Authorization": "Bearer alice", **upgrade(f"{BOB}, v5, v4")}, None, "v5,v4"),
        ({"Authorization": "Bearer alice", **upgrade(f"{BOB},ä")}, None, ""),
        ({"Sec-WebSocket-Protocol": f"{BOB}, v5"}, None, "v5"),
        (upgrade("v5, v4"), None, None),
        ({}, None, None),
    ],
)
async def test_token_protocols_stay_here(
    headers: dict[str, str], peer: PeerCertificate | None, subprotocols: str | None
) -> None:
    """T020, T024, T030: a token among the protocols never goes upstream, whoever it is of."""
    authenticator = new_authenticator(
        x509=X509Authenticator(Trusting()), tokens=(Table(),), anonymous=AnonymousAuthenticator()
    )
    asked = request(headers, peer)
    assert await authenticator.authenticate(asked) is not None
    assert forwarded_protocols(asked.headers) == subprotocols


class Untrusting:
    """Authorities that vouch for nobody."""

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """Always."""
        return Verdict("is not ours", now, now)


FRONT = RequestHeaderConfig(username_headers=("X-Remote-User",))
FRONT_PROXY = {"X-Remote-User": "bob"}


@pytest.mark.parametrize(
    ("front", "clients", "headers", "username"),
    [
        # A front proxy's certificate makes no user by itself, a client's names none.
        (Trusting(), Untrusting(), FRONT_PROXY, "bob"),
        (Trusting(), Untrusting(), {}, None),
        (Untrusting(), Trusting(), FRONT_PROXY, "carol"),
        (Untrusting(), Untrusting(), FRONT_PROXY, None),
        (Trusting(), Trusting(), FRONT_PROXY, "bob"),
        (Trusting(), Untrusting(), {**FRONT_PROXY, "Authorization": "Bearer wrong"}, "bob"),
        (Untrusting(), Untrusting(), {**FRONT_PROXY, "Authorization": "Bearer alice"}, "alice"),
    ],
)
async def test_front_proxies(
    front: Trusting | Untrusting,
    clients: Trusting | Untrusting,
    headers: dict[str, str],
    username: str | None,
) -> None:
    """T022: front proxy, then certificate, then token; each asks its own authorities."""
    authenticator = new_authenticator(
        requestheader=RequestHeaderAuthenticator(front, FRONT),
        x509=X509Authenticator(clients),
        tokens=(Table(),),
        anonymous=AnonymousAuthenticator(),
    )
    if username is None:
        with pytest.raises(AuthenticationError):
            await authenticator.authenticate(request(headers, GOOD))
        return
    identity = await authenticator.authenticate(request(headers, GOOD))
    assert identity is not None
    assert identity.user.username == username
    assert "system:authenticated" in identity.user.groups


class Remembering(Table):
    """A Table whose users have a proof that always holds."""

    def holds(self, now: int) -> bool:
        """Always."""
        return True

    async def authenticate_token(self, token: str) -> TokenUser | None:
        known = await super().authenticate_token(token)
        return None if known is None else TokenUser(known.user, proof=self)


@pytest.mark.parametrize(
    ("front", "headers", "peer", "proven"),
    [
        (None, {"Authorization": "Bearer alice"}, None, True),
        (None, {}, GOOD, True),
        (None, {"Authorization": "Bearer bob"}, GOOD, True),
        (None, upgrade(f"x,{BOB}"), None, True),
        (None, {}, None, False),
        (None, {"Authorization": "Bearer alice"}, NAMELESS, True),
        # An earlier authenticator may accept later what it refuses now.
        (None, {"Authorization": "Bearer alice"}, EXPIRED, False),
        (None, {"Authorization": "Bearer wrong", **upgrade(f"x,{BOB}")}, None, False),
        (Untrusting(), {}, GOOD, False),
        (Untrusting(), {"Authorization": "Bearer alice"}, None, True),
        (Trusting(), FRONT_PROXY, GOOD, False),
        (Trusting(), {}, GOOD, True),
    ],
)
async def test_proofs(
    front: Trusting | Untrusting | None,
    headers: dict[str, str],
    peer: PeerCertificate | None,
    proven: bool,
) -> None:
    """Only what follows from the peer and the headers alone, for a time, has a proof of that."""
    authenticator = new_authenticator(
        requestheader=None if front is None else RequestHeaderAuthenticator(front, FRONT),
        x509=X509Authenticator(Trusting()),
        tokens=(Remembering(),),
        anonymous=AnonymousAuthenticator(),
    )
    identity = await authenticator.authenticate(request(headers, peer))
    assert identity is not None
    assert (identity.proof is not None) is proven
