"""Authenticators: identify the client, in the order and by the rules of kube-apiserver.

    AuthenticationError      credentials were shown but not accepted: 401
        CertificateError     (x509/authenticator.py) the client certificate is not valid now
        ReviewError          (clients/apiserver.py) the review got no usable answer

An authenticator returns an Identity, returns None (no opinion) or raises
AuthenticationError. In a union, an error does not stop the remaining authenticators.
If none of them identifies the client, any error fails the whole union. Only a client
without credentials therefore becomes anonymous (apiserver
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
    """Credentials were shown but not accepted; the client gets a plain 401.

    The text is for the operator log and contains no credential.
    """


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    """Input of authenticators; ``now`` is nanoseconds since the epoch.

    ``peer_certificate`` is the leaf verified by the TLS handshake, if any.
    ``warnings`` is the only output: authenticators append texts for the response's
    ``Warning`` headers, whether or not authentication succeeds.
    """

    headers: ClientHeaders
    target: Target
    peer_certificate: PeerCertificate | None
    now: int
    warnings: list[str] = field(default_factory=list)


class Proof(Protocol):
    """What an identity rests on, besides the connection's peer and the headers it was shown in."""

    def holds(self, now: int) -> bool:
        """Return whether the authenticator would say the same at ``now``, without asking it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The client's user, as established by an authenticator.

    Only ``identify`` creates one. Forwarding a request requires an Identity, so an
    unauthenticated request cannot be forwarded. ``token`` is the bearer token that
    was accepted, "" for other methods; it is excluded from the repr.

    ``proof`` says for how long the identity may be used for later requests of the same
    connection with the same headers; None: authenticate every request.
    """

    user: UserInfo
    method: Method
    token: str = field(default="", repr=False)
    proof: Proof | None = field(default=None, repr=False, compare=False)
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("an Identity is made by authenticator.identify only")

    def with_user(self, user: UserInfo) -> "Identity":
        """Return the same proof for a user with more groups; raises as ``identify`` does."""
        _refuse_unsafe(user, self.method)
        return replace(self, user=user, seal=_SEAL)

    def without_proof(self) -> "Identity":
        """Return the same identity, for this request alone."""
        return self if self.proof is None else replace(self, proof=None, seal=_SEAL)


def identify(
    user: UserInfo,
    *,
    method: Method,
    token: str = "",
    proof: Proof | None = None,
) -> Identity:
    """Create an Identity; for authenticators only.

    Raises AuthenticationError for a user that header values cannot carry unchanged,
    because the upstream would see a different user.
    """
    _refuse_unsafe(user, method)
    return Identity(user=user, method=method, token=token, proof=proof, seal=_SEAL)


def _refuse_unsafe(user: UserInfo, method: Method) -> None:
    fault = wire_safe(user)
    if fault is not None:
        raise AuthenticationError(f"the {method} identity cannot be forwarded: {fault}")


class Authenticator(Protocol):
    """Identifies the sender of a request."""

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the identity, or None for no opinion; raises AuthenticationError."""
        ...


@dataclass(frozen=True, slots=True)
class TokenUser:
    """The user of a token and its expiry (nanoseconds since the epoch; None: not known).

    ``proof`` is that of the identities made of it.
    """

    user: UserInfo
    expires: int | None = None
    proof: Proof | None = field(default=None, repr=False, compare=False)


class TokenAuthenticator(Protocol):
    """Identifies the user of a token."""

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the user, or None for no opinion; raises AuthenticationError."""
        ...


class Union:
    """Authenticators tried in order; the first identity is returned, errors are collected.

    Behind an error it has no proof: the authenticator that failed may not do so again.
    """

    def __init__(self, authenticators: tuple[Authenticator, ...]) -> None:
        self._authenticators = authenticators

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the first identity; raises the collected errors when there is none."""
        errors: list[AuthenticationError] = []
        for authenticator in self._authenticators:
            try:
                identity = await authenticator.authenticate(request)
            except AuthenticationError as error:
                errors.append(error)
                continue
            if identity is not None:
                return identity.without_proof() if errors else identity
        raise_gathered(errors)
        return None


class TokenUnion:
    """Token authenticators tried in order; the first user is returned, errors are collected."""

    def __init__(self, authenticators: tuple[TokenAuthenticator, ...]) -> None:
        self._authenticators = authenticators

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the first user; raises the collected errors when there is none."""
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
    """Raise one error for all; several read ``[a, b]`` without repeats, like Go's aggregate."""
    if not errors:
        return
    texts = list(dict.fromkeys(str(error) for error in errors))
    if len(texts) == 1:
        raise errors[0]
    raise AuthenticationError(f"[{', '.join(texts)}]") from errors[0]


class AuthenticatedGroupAdder:
    """Adds the group system:authenticated to users identified by the inner authenticator."""

    def __init__(self, inner: Authenticator) -> None:
        self._inner = inner

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the inner identity with the group added."""
        identity = await self._inner.authenticate(request)
        if identity is None:
            return None
        user = with_authenticated_group(identity.user)
        return identity if user is identity.user else identity.with_user(user)


def with_authenticated_group(user: UserInfo) -> UserInfo:
    """Return the user with system:authenticated as its last group.

    Unchanged: system:anonymous, and members of system:authenticated or
    system:unauthenticated (apiserver authentication/group/authenticated_group_adder.go).
    """
    if user.username == ANONYMOUS:
        return user
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return msgspec.structs.replace(user, groups=(*user.groups, AUTHENTICATED))


def reserved_name(user: UserInfo, allowed_groups: frozenset[str]) -> str | None:
    """Return why this user may not come from a certificate or claim, None if it may.

    Names that begin with ``system:`` are reserved for Kubernetes. Individual groups can
    be allowed, usernames cannot.
    """
    if user.username.startswith("system:"):
        return "the username is reserved for Kubernetes"
    for group in user.groups:
        if group.startswith("system:") and group not in allowed_groups | {AUTHENTICATED}:
            return "a group is reserved for Kubernetes"
    return None
