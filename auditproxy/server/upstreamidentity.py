"""How a request goes upstream under its user's name: by impersonation or with its own token.

Each way has a connection pool of its own, made with a TLS context of its own,
and a handler is given one of them: a socket that carried our credential never
carries a client's (rule R5).
"""

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import Identity
from auditproxy.authentication.upstreamidentity import (
    UnforwardableIdentityError,
    impersonation_headers,
    passthrough_headers,
    refuse_marked,
)
from auditproxy.request.headers import RawHeaders
from auditproxy.server.credentials import Credential, UpstreamTarget
from auditproxy.server.upstream import UpstreamPool

__all__ = ["Impersonating", "PassingThrough", "UnforwardableIdentityError"]


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
        marker: tuple[str, str] | None = None,
    ) -> None:
        self.pool = pool
        self._marker = marker
        self.host = target.host_header
        self.base_path = target.base_path.encode()
        self._credential = credential

    async def headers(
        self, identity: Identity, user: UserInfo, wanted: UserInfo | None
    ) -> RawHeaders:
        """Identity headers for ``user``; ours comes first and exactly once.

        Raises UnforwardableIdentityError and CredentialError.
        """
        if self._marker is not None:
            # Whoever brings the mark with a token or certificate, be it that another is acted as.
            refuse_marked(identity.user, self._marker)
        authorization = await self._credential.authorization()
        lines = impersonation_headers(user, self._marker)
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
