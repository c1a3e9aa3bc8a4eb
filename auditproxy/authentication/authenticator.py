"""Authenticators: who asks, in the order and with the rules of kube-apiserver.

    AuthenticationError      credentials were shown that nobody vouches for: 401
        CertificateError     (x509/authenticator.py) the client certificate is not good here and now
        ReviewError         (lookups/reviews.py) the reviewer could not be asked

An authenticator answers with an Identity, with None ("nothing here that I know")
or with AuthenticationError. In a union an error does not stop the others, but if
nobody knows the client, any error makes the whole answer an error: anonymous is
reached only by a client that showed no credentials (apiserver
authentication/request/union/union.go).
"""

from dataclasses import InitVar, dataclass, field, replace
from typing import Literal, Protocol

import msgspec

from auditproxy.apis.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo
from auditproxy.authentication.headersafe import wire_safe
from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target

Method = Literal["requestheader", "x509", "bearer", "websocket", "anonymous"]

_SEAL = object()


class AuthenticationError(Exception):
    """Credentials were shown that are not good; the client sees a plain 401.

    The text is for our own log and holds no credential.
    """


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """What authenticators look at; ``now`` is nanoseconds since the epoch.

    ``peer_certificate`` is the leaf that the TLS handshake verified, if any.
    ``warnings`` is the one thing that authenticators write: texts for the answer's
    ``Warning`` headers, whatever the outcome.
    """

    headers: ClientHeaders
    target: Target
    peer_certificate: PeerCertificate | None
    now: int
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks, as an authenticator established it.

    Made by ``identify`` and nothing else: forwarding a request takes one, so no
    path can forward what nobody authenticated. ``token`` is the bearer token
    that proved it, "" for other methods; it never shows in a repr.
    """

    user: UserInfo
    method: Method
    token: str = field(default="", repr=False)
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("an Identity is made by authenticator.identify only")

    def with_user(self, user: UserInfo) -> "Identity":
        """The same proof for a user with more groups; refused as in ``identify``."""
        _refuse_unsafe(user, self.method)
        return replace(self, user=user, seal=_SEAL)


def identify(
    user: UserInfo,
    *,
    method: Method,
    token: str = "",
) -> Identity:
    """The only maker of an Identity, for authenticators.

    Raises AuthenticationError for a user that would reach the upstream as
    somebody else, because a header cannot carry the name as it is.
    """
    _refuse_unsafe(user, method)
    return Identity(user=user, method=method, token=token, seal=_SEAL)


def _refuse_unsafe(user: UserInfo, method: Method) -> None:
    fault = wire_safe(user)
    if fault is not None:
        raise AuthenticationError(f"the {method} identity cannot be forwarded: {fault}")


class Authenticator(Protocol):
    """Something that may know who sent a request."""

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The identity, None for no opinion; raises AuthenticationError."""
        ...


@dataclass(frozen=True, slots=True)
class TokenUser:
    """Whom a token stands for, and until when (nanoseconds since the epoch; None: no end known)."""

    user: UserInfo
    expires: int | None = None


class TokenAuthenticator(Protocol):
    """Something that may know whom a token stands for."""

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """The user, None for no opinion; raises AuthenticationError."""
        ...


class Union:
    """Authenticators asked in order; the first identity wins, errors are gathered."""

    def __init__(self, authenticators: tuple[Authenticator, ...]) -> None:
        self._authenticators = authenticators

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The first identity; raises what was gathered when there is none."""
        errors: list[AuthenticationError] = []
        for authenticator in self._authenticators:
            try:
                identity = await authenticator.authenticate(request)
            except AuthenticationError as error:
                errors.append(error)
                continue
            if identity is not None:
                return identity
        raise_gathered(errors)
        return None


class TokenUnion:
    """Token authenticators asked in order; the first user wins, errors are gathered."""

    def __init__(self, authenticators: tuple[TokenAuthenticator, ...]) -> None:
        self._authenticators = authenticators

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """The first user; raises what was gathered when there is none."""
        errors: list[AuthenticationError] = []
        for authenticator in self._authenticators:
            try:
                user = await authenticator.authenticate_token(token)
            except AuthenticationError as error:
                errors.append(error)
                continue
            if user is not None:
                return user
        raise_gathered(errors)
        return None


def raise_gathered(errors: list[AuthenticationError]) -> None:
    """Raise one error for all; several read ``[a, b]`` without repeats, as Go's aggregate."""
    if not errors:
        return
    texts = list(dict.fromkeys(str(error) for error in errors))
    if len(texts) == 1:
        raise errors[0]
    raise AuthenticationError(f"[{', '.join(texts)}]") from errors[0]


class AuthenticatedGroupAdder:
    """Adds the group system:authenticated to whomever the inner authenticator knows."""

    def __init__(self, inner: Authenticator) -> None:
        self._inner = inner

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The inner answer, with the group."""
        identity = await self._inner.authenticate(request)
        if identity is None:
            return None
        user = with_authenticated_group(identity.user)
        return identity if user is identity.user else identity.with_user(user)


def with_authenticated_group(user: UserInfo) -> UserInfo:
    """The user with system:authenticated as its last group, unless it says already what it is.

    Left alone: system:anonymous, and members of system:authenticated or
    system:unauthenticated (apiserver authentication/group/authenticated_group_adder.go).
    """
    if user.username == ANONYMOUS:
        return user
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return msgspec.structs.replace(user, groups=(*user.groups, AUTHENTICATED))


def reserved_name(user: UserInfo, allowed_groups: frozenset[str]) -> str | None:
    """Why this user may not come from a certificate or claim: a name that is Kubernetes' own.

    Names that begin with ``system:`` are; groups may be allowed one by one, usernames
    never. None when there is no such name.
    """
    if user.username.startswith("system:"):
        return "the username is reserved for Kubernetes"
    for group in user.groups:
        if group.startswith("system:") and group not in allowed_groups | {AUTHENTICATED}:
            return "a group is reserved for Kubernetes"
    return None
