"""OIDC: tokens that an issuer of an AuthenticationConfiguration signed.

    iss is not this issuer's       None: somebody else's token
    claims of the wrong types      error, as go-oidc decodes them
    aud, exp, nbf                  exp without leeway, nbf with a minute, iat is not looked at
    algorithm, signature           one that the issuer may use, by a key that it publishes
    mapper.user(claims)            the user, or why not

The order is go-oidc's, cheap checks first: nothing is fetched for a token that could
not be good anyway (apiserver plugin/pkg/authenticator/token/oidc/oidc.go, go-oidc
v2 verify.go). Groups that another server would have to be asked for (distributed
claims) are not fetched: such a token is refused, never its user let in without groups.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from auditproxy.apis.authentication import JWTAuthenticator
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationError, TokenUser
from auditproxy.authentication.tokens.jws import parse_jws
from auditproxy.authentication.tokens.keysource import KeySource

LEEWAY = 60
"""Seconds by which a token may be too early."""

GOOGLE = "https://accounts.google.com"
_GOOGLE_WITHOUT_SCHEME = "accounts.google.com"

NANOSECONDS = 1_000_000_000

_LARGEST_TIME = 2**62
_YEAR_9999 = 253_402_300_799
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,32})?(?:[eE][+-]?[0-9]{1,3})?")

Time = int | float | str
"""Go takes a number in quotes for a number."""


class Mapper(Protocol):
    """Makes a user of claims, by the rules of one issuer."""

    def user(self, claims: Mapping[str, Any]) -> UserInfo:
        """The user; raises AuthenticationError, whose text quotes no claim's value."""
        ...


class _Source(msgspec.Struct):
    endpoint: str | None = None
    access_token: str | None = None


class _Claims(msgspec.Struct):
    """What go-oidc decodes of every token, whether it is looked at or not."""

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
    """Knows the tokens of one issuer; ``clock`` gives seconds since the epoch."""

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
        """The user of the claims; None for a token of somebody else.

        Raises AuthenticationError for a token in the issuer's name that is not good.
        """
        jws = parse_jws(token)
        if jws is None or not self._is_ours(jws.claims.get("iss")):
            return None
        claims = _read_claims(jws.claims)
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if self._audiences.isdisjoint(audiences):
            raise AuthenticationError("oidc: the audience of the token is not one of the issuer's")
        expires = _check_times(claims, self._clock())
        if jws.algorithm not in self._algorithms:
            raise AuthenticationError("oidc: id token signed with unsupported algorithm")
        try:
            await self._keys.check_signature(jws)
        except AuthenticationError as error:
            raise AuthenticationError(f"oidc: verify token: {error}") from None
        self._refuse_distributed(jws.claims, claims)
        # Whoever counts down to the end of a token need not handle any number at all.
        end = min(expires, _YEAR_9999) * NANOSECONDS
        return TokenUser(self._mapper.user(jws.claims), end)

    def _is_ours(self, issuer: object) -> bool:
        if self._issuer == GOOGLE and issuer == _GOOGLE_WITHOUT_SCHEME:
            return True
        return isinstance(issuer, str) and issuer == self._issuer

    def _refuse_distributed(self, members: Mapping[str, Any], claims: _Claims) -> None:
        """A claim of groups that is elsewhere; one that is in the token counts as it is."""
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
    """The end of the token in seconds; raises AuthenticationError where it is not its time."""
    _seconds(claims.iat)
    expires = _seconds(claims.exp)
    if expires < now:
        raise AuthenticationError("oidc: token is expired")
    if claims.nbf is not None and now + LEEWAY < _seconds(claims.nbf):
        raise AuthenticationError("oidc: current time before the nbf (not before) time")
    return expires


def _seconds(time: Time) -> int:
    """Whole seconds of a date; raises AuthenticationError for what is none."""
    if isinstance(time, str):
        if not _NUMBER.fullmatch(time):
            raise AuthenticationError("oidc: the claims are not valid")
        time = float(time) if set(time) & set(".eE") else int(time)
    if not -_LARGEST_TIME < time < _LARGEST_TIME:
        raise AuthenticationError("oidc: the claims are not valid")
    return int(time)
