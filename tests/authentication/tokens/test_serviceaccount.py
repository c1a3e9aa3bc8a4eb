"""Service account tokens: kube-apiserver's users and refusals."""

from typing import Any

import pytest

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.keysource import StaticKeys
from auditproxy.authentication.tokens.serviceaccount import (
    LEGACY_ISSUER,
    ServiceAccountAuthenticator,
)
from tests.fakes.tokens import ISSUER, account_claims, ec_key, public, rsa_key, signed

ACCOUNT = {"namespace": "shop", "serviceaccount": {"name": "cart", "uid": "u1"}}
KEYS = (public(ec_key()), public(rsa_key()))


def ask(token: str, now: float = 1_200.0, **fields: Any) -> Any:
    """What the authenticator says of a token."""
    parameters = {
        "issuers": (ISSUER, "second", LEGACY_ISSUER),
        "keys": StaticKeys(KEYS),
        "audiences": (ISSUER,),
    }
    authenticator = ServiceAccountAuthenticator(**{**parameters, **fields}, clock=lambda: now)
    return authenticator.authenticate_token(token)


async def test_pod() -> None:
    """A token bound to a pod: name, uid, groups and extra as kube-apiserver's."""
    known = await ask(signed(account_claims()))
    assert known.expires == 2_000 * 10**9
    assert known.user == UserInfo(
        username="system:serviceaccount:shop:cart",
        uid="u1",
        groups=("system:serviceaccounts", "system:serviceaccounts:shop"),
        extra={
            "authentication.kubernetes.io/credential-id": ("JTI=id-1",),
            "authentication.kubernetes.io/node-name": ("n0",),
            "authentication.kubernetes.io/node-uid": ("n1",),
            "authentication.kubernetes.io/pod-name": ("cart-0",),
            "authentication.kubernetes.io/pod-uid": ("p1",),
        },
    )


@pytest.mark.parametrize(
    ("private", "keys"),
    [
        ({}, {"credential-id"}),
        ({"secret": {"name": "s", "uid": "s1"}}, {"credential-id"}),
        ({"node": {"name": "n", "uid": "u"}}, {"credential-id", "node-name", "node-uid"}),
        ({"node": {"name": "n"}}, {"credential-id", "node-name"}),
        ({"node": {"uid": "u"}, "pod": {"name": "p"}}, {"credential-id"}),
    ],
)
async def test_extra(private: dict[str, Any], keys: set[str]) -> None:
    """What a token is bound to shows in extra, where it is whole."""
    known = await ask(signed(account_claims(**{"kubernetes.io": {**ACCOUNT, **private}})))
    assert set(known.user.extra) == {f"authentication.kubernetes.io/{key}" for key in keys}


@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}/", ISSUER.upper(), ISSUER[:-1], [ISSUER], 5, None, "", LEGACY_ISSUER],
)
async def test_other_issuers(issuer: object) -> None:
    """T060: an issuer that is not exactly ours is no error but somebody else's; legacy too."""
    assert await ask(signed(account_claims(iss=issuer))) is None


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", '{"payload":"e30"}'])
async def test_no_token(token: str) -> None:
    """What is no signed token is no error."""
    assert await ask(token) is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"aud": ["other"]}, "audiences"),
        ({"aud": "other"}, "audiences"),
        ({"aud": []}, "audiences"),
        ({"aud": None}, "could not be validated"),
        ({"exp": None}, "could not be validated"),
        ({"exp": "2000"}, "could not be validated"),
        ({"exp": True}, "could not be validated"),
        ({"exp": 1_139}, "has expired"),
        ({"exp": 1_139.9}, "has expired"),
        ({"nbf": 1_261}, "is not valid yet"),
        ({"iat": 1_261}, "is issued in the future"),
        ({"kubernetes.io": None}, "could not be validated"),
        ({"kubernetes.io": {"namespace": "shop"}}, "could not be validated"),
        (
            {"kubernetes.io": {**ACCOUNT, "serviceaccount": {"name": "cart"}}},
            "could not be validated",
        ),
        ({"kubernetes.io": {**ACCOUNT, "namespace": ""}}, "could not be validated"),
    ],
)
async def test_refused(changes: dict[str, Any], text: str) -> None:
    """Signed claims that are not good are an error, which holds nothing of the token."""
    with pytest.raises(AuthenticationError, match=text):
        await ask(signed(account_claims(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ISSUER},
        {"aud": ["other", ISSUER]},
        {"exp": 1_140},
        {"nbf": 1_260},
        {"iat": 1_260},
        {"nbf": None, "iat": None, "jti": None},
        {"iss": "second"},
    ],
)
async def test_accepted(changes: dict[str, Any]) -> None:
    """A minute of leeway, one audience of several, any of the issuers."""
    assert await ask(signed(account_claims(**changes))) is not None


async def test_keys() -> None:
    """The id in the header chooses the key; without one all are tried."""
    claims = account_claims()
    assert await ask(signed(claims, ec_key(), "ES256")) is not None
    assert await ask(signed(claims, kid=public(rsa_key()).key_id)) is not None
    with pytest.raises(AuthenticationError, match="invalid signature, no keys found"):
        await ask(signed(claims, kid="other"))
    for token in (signed(claims, rsa_key(1)), signed(claims, kid=public(ec_key()).key_id)):
        with pytest.raises(AuthenticationError, match="signature"):
            await ask(token)
