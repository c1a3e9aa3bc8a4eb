"""Service account tokens, verified with the cluster's public keys.

Claims, users and refusals are those of kube-apiserver (kubernetes
pkg/serviceaccount/jwt.go and claims.go), as far as the token alone determines them.
Whether the service account and the pod, node or secret that the token is bound to
still exist is not visible here. With ``lookup`` the upstream confirms it; without,
such a token is accepted until it expires. For the same reason two kinds of token are
left to other authenticators: legacy tokens of Secrets, which never expire, and tokens
without ``exp`` or ``aud``, which no TokenRequest issues.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import CREDENTIAL_ID, UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    TokenAuthenticator,
    TokenUser,
)
from auditproxy.authentication.tokens.jws import parse_jws
from auditproxy.authentication.tokens.keysource import KeySource

LEEWAY = 60
"""Tolerated clock skew in seconds."""


LEGACY_ISSUER = "kubernetes/serviceaccount"

_EXTRA = "authentication.kubernetes.io/"


class _Reference(msgspec.Struct):
    name: str = ""
    uid: str = ""


class _Kubernetes(msgspec.Struct):
    """The private claims; namespace and the service account's name and uid are required."""

    namespace: str
    serviceaccount: _Reference
    pod: _Reference | None = None
    node: _Reference | None = None


@prepared
class _Claims(msgspec.Struct):
    exp: int | float
    aud: str | tuple[str, ...]
    kubernetes: _Kubernetes = msgspec.field(name="kubernetes.io")
    nbf: int | float | None = None
    iat: int | float | None = None
    jti: str = ""


class ServiceAccountAuthenticator:
    """Authenticates tokens of ``issuers``, signed by one of ``keys`` for one of ``audiences``.

    ``clock`` returns seconds since the epoch. ``lookup`` confirms that the objects a token
    is bound to still exist; None skips that check.
    """

    def __init__(
        self,
        *,
        issuers: tuple[str, ...],
        keys: KeySource,
        audiences: tuple[str, ...],
        clock: Callable[[], float],
        lookup: TokenAuthenticator | None = None,
    ) -> None:
        self._issuers = frozenset(issuers) - {LEGACY_ISSUER}
        self._keys = keys
        self._audiences = frozenset(audiences)
        self._clock = clock
        self._lookup = lookup

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the service account, valid until ``exp``; None for another issuer's token.

        Raises AuthenticationError for a token of one of the issuers that is not valid.
        """
        jws = parse_jws(token)
        if jws is None:
            return None
        issuer = jws.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._issuers:
            return None
        await self._keys.check_signature(jws)
        claims = _read_claims(jws.claims)
        if self._audiences.isdisjoint((claims.aud,) if isinstance(claims.aud, str) else claims.aud):
            raise AuthenticationError(
                "the audiences of the service account token are not those of this server"
            )
        _check_times(claims, self._clock())
        user = _user(claims)
        if self._lookup is not None:
            await _confirm(self._lookup, token, user)
        return TokenUser(user, expires=int(claims.exp) * SECOND)


async def _confirm(lookup: TokenAuthenticator, token: str, user: UserInfo) -> None:
    """Raise AuthenticationError unless ``lookup`` returns this name and uid for the token."""
    confirmed = await lookup.authenticate_token(token)
    if confirmed is None:
        raise AuthenticationError("service account token has been invalidated")
    if (confirmed.user.username, confirmed.user.uid) != (user.username, user.uid):
        raise AuthenticationError("the upstream knows the service account token as another user's")


def _read_claims(claims: dict[str, Any]) -> _Claims:
    try:
        read = msgspec.convert(claims, _Claims)
    except msgspec.ValidationError:
        raise AuthenticationError("service account token claims could not be validated") from None
    account = read.kubernetes.serviceaccount
    if not (read.kubernetes.namespace and account.name and account.uid):
        raise AuthenticationError("service account token claims could not be validated")
    return read


def _check_times(claims: _Claims, now: float) -> None:
    # Dates may have fractions; Go truncates them to whole seconds.
    if claims.nbf is not None and now + LEEWAY < int(claims.nbf):
        raise AuthenticationError("service account token is not valid yet")
    if now - LEEWAY > int(claims.exp):
        raise AuthenticationError("service account token has expired")
    if claims.iat is not None and now + LEEWAY < int(claims.iat):
        raise AuthenticationError("service account token is issued in the future")


def _user(claims: _Claims) -> UserInfo:
    private = claims.kubernetes
    extra: dict[str, tuple[str, ...]] = {}
    if claims.jti:
        extra[CREDENTIAL_ID] = (f"JTI={claims.jti}",)
    if private.node is not None and private.node.name:
        extra[f"{_EXTRA}node-name"] = (private.node.name,)
        if private.node.uid:
            extra[f"{_EXTRA}node-uid"] = (private.node.uid,)
    if private.pod is not None and private.pod.name and private.pod.uid:
        extra[f"{_EXTRA}pod-name"] = (private.pod.name,)
        extra[f"{_EXTRA}pod-uid"] = (private.pod.uid,)
    return UserInfo(
        username=f"system:serviceaccount:{private.namespace}:{private.serviceaccount.name}",
        uid=private.serviceaccount.uid,
        groups=("system:serviceaccounts", f"system:serviceaccounts:{private.namespace}"),
        extra=extra,
    )
