"""OIDC: tokens signed by an issuer of an AuthenticationConfiguration.

    iss is not this issuer's       None: another issuer's token
    claims of the wrong types      error, as go-oidc decodes them
    aud, exp, nbf                  exp without leeway, nbf with one minute, iat is ignored
    algorithm, signature           an algorithm the issuer may use, a key it publishes
    mapper.user(claims)            the user, or an error

The order is go-oidc's, cheap checks first: no keys are fetched for a token that fails
the cheap checks (apiserver plugin/pkg/authenticator/token/oidc/oidc.go, go-oidc
v2 verify.go). Groups that must be fetched from another server (distributed claims)
are not supported: such a token is refused, not accepted without its groups.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from auditproxy.apis.authentication import JWTAuthenticator
from auditproxy.apis.prepared import prepared
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.jws import parse_jws
from auditproxy.authentication.tokens.keysource import KeySource

LEEWAY = 60
"""Seconds by which ``nbf`` may lie in the future."""

GOOGLE = "https://accounts.google.com"
_GOOGLE_WITHOUT_SCHEME = "accounts.google.com"


_LARGEST_TIME = 2**62
_YEAR_9999 = 253_402_300_799
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,32})?(?:[eE][+-]?[0-9]{1,3})?")

Time = int | float | str
"""Go accepts a quoted number as a number."""


class Mapper(Protocol):
    """Maps claims to a user, by the rules of one issuer."""

    def user(self, claims: Mapping[str, Any]) -> UserInfo:
        """Return the user; raises AuthenticationError, whose text quotes no claim value."""
        ...


class _Source(msgspec.Struct):
    endpoint: str | None = None
    access_token: str | None = None


@prepared
class _Claims(msgspec.Struct):
    """The members that go-oidc decodes in every token, whether it uses them or not."""

    aud: str | tuple[str | None, ...] = ()
    exp: Time = 0
    iat: Time = 0
    nbf: Time | None = None
    sub: str | None = None
    nonce: str | None = None
    at_hash: str | None = None
    claim_names: dict[str, str] | None = msgspec.field(name="_claim_names", default=None)
    claim_sources: dict[str, _Source] | None = msgspec.field(name="_claim_sources", default=None)


class OidcAuthenticator:
    """Authenticates the tokens of one issuer; ``clock`` returns seconds since the epoch."""

    def __init__(
        self,
        jwt: JWTAuthenticator,
        mapper: Mapper,
        keys: KeySource,
        clock: Callable[[], float],
    ) -> None:
        self._issuer = jwt.issuer.url
        self._audiences = frozenset(jwt.issuer.audiences)
        self._algorithms = jwt.signing_algorithms
        self._groups_claim = jwt.claim_mappings.groups.claim
        self._mapper = mapper
        self._keys = keys
        self._clock = clock

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the user of the claims; None for another issuer's token.

        Raises AuthenticationError for a token in this issuer's name that is not valid.
        """
        jws = parse_jws(token)
        if jws is None or not self._is_ours(jws.claims.get("iss")):
            return None
        claims = _read_claims(jws.claims)
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if self._audiences.isdisjoint(audiences):
            raise AuthenticationError("oidc: the token's audience is not one of the issuer's")
        expires = _check_times(claims, self._clock())
        if jws.algorithm not in self._algorithms:
            raise AuthenticationError("oidc: id token signed with unsupported algorithm")
        try:
            await self._keys.check_signature(jws)
        except AuthenticationError as error:
            raise AuthenticationError(f"oidc: verify token: {error}") from None
        self._refuse_distributed(jws.claims, claims)
        # Bounded, because consumers of the expiry cannot handle arbitrarily large numbers.
        end = min(expires, _YEAR_9999) * SECOND
        return TokenUser(self._mapper.user(jws.claims), end)

    def _is_ours(self, issuer: object) -> bool:
        if self._issuer == GOOGLE and issuer == _GOOGLE_WITHOUT_SCHEME:
            return True
        return isinstance(issuer, str) and issuer == self._issuer

    def _refuse_distributed(self, members: Mapping[str, Any], claims: _Claims) -> None:
        """Refuse a groups claim that is not in the token itself; one in the token is used."""
        name = self._groups_claim
        if not name or name in members:
            return
        source = (claims.claim_names or {}).get(name)
        if source is not None and (claims.claim_sources or {})[source].endpoint:
            raise AuthenticationError("oidc: distributed claims are not supported")


def _read_claims(members: Mapping[str, Any]) -> _Claims:
    for name in ("aud", "exp", "iat"):
        if name in members and members[name] is None:
            raise AuthenticationError(f"oidc: the claim {name} is null")
    try:
        claims = msgspec.convert(members, _Claims)
    except msgspec.ValidationError:
        raise AuthenticationError("oidc: the claims are not valid") from None
    sources = claims.claim_sources or {}
    named = (claims.claim_names or {}).values()
    if any(not source or source not in sources for source in named):
        raise AuthenticationError("oidc: source does not exist")
    return claims


def _check_times(claims: _Claims, now: float) -> int:
    """Return the expiry in seconds; raises AuthenticationError if expired or not yet valid."""
    _seconds(claims.iat)
    expires = _seconds(claims.exp)
    if expires < now:
        raise AuthenticationError("oidc: token is expired")
    if claims.nbf is not None and now + LEEWAY < _seconds(claims.nbf):
        raise AuthenticationError("oidc: current time before the nbf (not before) time")
    return expires


def _seconds(time: Time) -> int:
    """Return whole seconds of a NumericDate; raises AuthenticationError if it is not valid."""
    if isinstance(time, str):
        if not _NUMBER.fullmatch(time):
            raise AuthenticationError("oidc: the claims are not valid")
        time = float(time) if set(time) & set(".eE") else int(time)
    if not -_LARGEST_TIME < time < _LARGEST_TIME:
        raise AuthenticationError("oidc: the claims are not valid")
    return int(time)
