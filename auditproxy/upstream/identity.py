"""How a request carries its user to the upstream: impersonation, own token, or front proxy.

Each way has its own connection pool with its own TLS context, and a handler gets exactly
one. A socket that carried our credential therefore never carries a client's, and neither
carries X-Remote-* headers.
"""

from auditproxy.apis.memo import Memo
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity
from auditproxy.kubeconfig.credentials import AtHand, Credential, UpstreamTarget
from auditproxy.request.headers import RawHeaders
from auditproxy.upstream.identityheaders import (
    UnforwardableIdentityError,
    impersonation_headers,
    passthrough_headers,
    refuse_marked,
    remote_headers,
)
from auditproxy.upstream.originaluser import with_original_user
from auditproxy.upstream.pool import UpstreamPool

REMEMBERED = 1024
"""Users whose lines are remembered."""
LONGEST_LINES = 4096
"""Bytes of names and values in the lines of one of them."""

UserKey = tuple[str, str, tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]


def _key(user: UserInfo) -> UserKey:
    """All that the lines of a user follow from."""
    return user.username, user.uid, user.groups, tuple(user.extra.items())


def _behind(authorization: bytes | None, lines: RawHeaders) -> RawHeaders:
    """Return the lines behind the one of our credential, if there is any."""
    return lines if authorization is None else ((b"Authorization", authorization), *lines)


def _is_short(lines: RawHeaders) -> bool:
    return sum(len(name) + len(value) for name, value in lines) <= LONGEST_LINES


class Impersonating:
    """Our own credential and Impersonate-* headers of the user.

    ``marker`` is an extra key and value added to every request, by which the API server
    recognises that it came through the proxy.
    """

    def __init__(
        self,
        pool: UpstreamPool,
        target: UpstreamTarget,
        credential: Credential,
        original_user_extra: str = "",
        *,
        marker: tuple[str, str] | None = None,
    ) -> None:
        self.pool = pool
        self._marker = marker
        self.host = target.host_header
        self.base_path = target.base_path.encode()
        self._credential = credential
        self.at_hand = credential.at_hand
        """Our credential, if it needs no waiting; asked for each request."""
        self._original_user_extra = original_user_extra
        self._known: Memo[UserKey, tuple[AtHand, RawHeaders]] = Memo(REMEMBERED)

    def known_headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders | None:
        """Return the lines for a client that acts as itself, without waiting; None: ``headers``.

        They are remembered by the user and our credential, and never raise.
        """
        at_hand = self._credential.at_hand()
        if at_hand is None or wanted is not None or user is not identity.user:
            return None
        key = _key(user)
        known = self._known.get(key)
        if known is not None and known[0] is at_hand:
            return known[1]
        try:
            lines = _behind(at_hand.authorization, self._lines(identity, user, None))
        except UnforwardableIdentityError:
            return None
        if _is_short(lines):
            self._known.remember(key, (at_hand, lines))
        return lines

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """Return the identity headers for ``user``; our credential comes first, exactly once.

        Raises UnforwardableIdentityError and CredentialError.
        """
        lines = self._lines(identity, user, wanted)
        return _behind(await self._credential.authorization(), lines)

    def _lines(self, identity: Identity, user: UserInfo, wanted: UserInfo | None) -> RawHeaders:
        """Return the Impersonate-* lines; raises UnforwardableIdentityError."""
        if self._marker is not None:
            # Also when impersonating: the client's own identity must not carry the marker.
            refuse_marked(identity.user, self._marker)
        original = identity.user if wanted is not None else None
        named = with_original_user(user, original, self._original_user_extra)
        return impersonation_headers(named, self._marker)


class PassingThrough:
    """The client's own bearer token, and its impersonation headers."""

    def __init__(self, pool: UpstreamPool, target: UpstreamTarget) -> None:
        self.pool = pool
        self.host = target.host_header
        self.base_path = target.base_path.encode()

    def at_hand(self) -> None:
        """None: the client's own credential is not ours to keep."""

    def known_headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders | None:
        """Return None: lines with a client's own credential are not remembered."""
        return None

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """Return the client's own credential; raises UnforwardableIdentityError."""
        return passthrough_headers(identity, wanted)


class RequestHeader:
    """X-Remote-* headers of the user, on connections authenticated as a front proxy."""

    def __init__(
        self, pool: UpstreamPool, target: UpstreamTarget, original_user_extra: str = ""
    ) -> None:
        self.pool = pool
        self.host = target.host_header
        self.base_path = target.base_path.encode()
        self._original_user_extra = original_user_extra
        self._known: Memo[UserKey, RawHeaders] = Memo(REMEMBERED)

    def at_hand(self) -> RawHeaders:
        """Nothing: our credential is the connections' certificate."""
        return ()

    def known_headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders | None:
        """Return the lines for a client that acts as itself; None: ``headers``.

        They are remembered by the user, and never raise.
        """
        if wanted is not None or user is not identity.user:
            return None
        key = _key(user)
        lines = self._known.get(key)
        if lines is None:
            try:
                lines = remote_headers(with_original_user(user, None, self._original_user_extra))
            except UnforwardableIdentityError:
                return None
            if _is_short(lines):
                self._known.remember(key, lines)
        return lines

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """Return the X-Remote-* lines of ``user``; raises UnforwardableIdentityError."""
        original = identity.user if wanted is not None else None
        return remote_headers(with_original_user(user, original, self._original_user_extra))
