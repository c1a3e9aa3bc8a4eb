"""How a request goes upstream under its user's name: impersonated, with its own token, or named.

Each way has a connection pool of its own, made with a TLS context of its own,
and a handler is given one of them: a socket that carried our credential never
carries a client's, and neither says who asks in X-Remote-* headers.
"""

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity
from auditproxy.kubeconfig.credentials import Credential, UpstreamTarget
from auditproxy.request.headers import RawHeaders
from auditproxy.upstream.identityheaders import (
    impersonation_headers,
    passthrough_headers,
    refuse_marked,
    remote_headers,
)
from auditproxy.upstream.originaluser import with_original_user
from auditproxy.upstream.pool import UpstreamPool


class Impersonating:
    """Our own credential and Impersonate-* headers of the user.

    ``marker`` is an extra key and value that every request carries, by which the
    API server knows that it came through the proxy.
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
        self._original_user_extra = original_user_extra

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """Identity headers for ``user``; ours comes first and exactly once.

        Raises UnforwardableIdentityError and CredentialError.
        """
        if self._marker is not None:
            # A user that has the mark with a token or certificate, be it that another is acted as.
            refuse_marked(identity.user, self._marker)
        original = identity.user if wanted is not None else None
        named = with_original_user(user, original, self._original_user_extra)
        lines = impersonation_headers(named, self._marker)
        authorization = await self._credential.authorization()
        return lines if authorization is None else ((b"Authorization", authorization), *lines)


class PassingThrough:
    """The client's own bearer token, and what it asks to be."""

    def __init__(self, pool: UpstreamPool, target: UpstreamTarget) -> None:
        self.pool = pool
        self.host = target.host_header
        self.base_path = target.base_path.encode()

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """The client's own credential again; raises UnforwardableIdentityError."""
        return passthrough_headers(identity, wanted)


class RequestHeader:
    """X-Remote-* headers of the user, on connections that prove us to be a front proxy."""

    def __init__(
        self, pool: UpstreamPool, target: UpstreamTarget, original_user_extra: str = ""
    ) -> None:
        self.pool = pool
        self.host = target.host_header
        self.base_path = target.base_path.encode()
        self._original_user_extra = original_user_extra

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """The name of ``user`` and nothing else; raises UnforwardableIdentityError."""
        original = identity.user if wanted is not None else None
        return remote_headers(with_original_user(user, original, self._original_user_extra))
