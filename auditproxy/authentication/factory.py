"""Build the authenticator chain of one configuration, in kube-apiserver's order.

    anonymous, when no error:
        group adder:
            union[requestheader, x509, bearer, websocket]

Bearer and websocket share the union of the token authenticators.

(apiserver authentication/authenticatorfactory/delegating.go)
"""

from auditproxy.authentication.anonymous import AnonymousAuthenticator
from auditproxy.authentication.authenticator import (
    AuthenticatedGroupAdder,
    AuthenticationRequest,
    Authenticator,
    Identity,
    TokenAuthenticator,
    TokenUnion,
    Union,
)
from auditproxy.authentication.requestheader import RequestHeaderAuthenticator
from auditproxy.authentication.tokens.bearer import BearerAuthenticator, WebSocketAuthenticator
from auditproxy.authentication.x509.authenticator import X509Authenticator


def new_authenticator(
    *,
    requestheader: RequestHeaderAuthenticator | None = None,
    x509: X509Authenticator | None,
    tokens: tuple[TokenAuthenticator, ...],
    anonymous: AnonymousAuthenticator | None,
) -> Authenticator:
    """Return the whole authenticator chain; it is called once per request.

    ``tokens`` are tried in order (token file before TokenReview). Without any, bearer
    tokens are ignored. The chain returns None (a 401) only for a client without
    credentials when ``anonymous`` is None.
    """
    requests: list[Authenticator] = []
    if requestheader is not None:
        requests.append(requestheader)
    if x509 is not None:
        requests.append(x509)
    if tokens:
        union = TokenUnion(tokens)
        requests += [BearerAuthenticator(union), WebSocketAuthenticator(union)]
    return _RequestAuthenticator(
        AuthenticatedGroupAdder(Union(tuple(requests))),
        anonymous,
    )


class _RequestAuthenticator:
    """The outermost authenticator: falls back to anonymous if there was no error."""

    def __init__(self, inner: Authenticator, anonymous: Authenticator | None) -> None:
        self._inner = inner
        self._anonymous = anonymous

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the identity; an error propagates, so that it never falls back to anonymous."""
        identity = await self._inner.authenticate(request)
        if identity is None and self._anonymous is not None:
            identity = await self._anonymous.authenticate(request)
        return identity
