"""The authenticators of one configuration, composed in kube-apiserver's order.

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
    """The whole of authentication: what the chain asks once per request.

    ``tokens`` are asked in their order (token file before TokenReview); without
    any, bearer tokens are not looked at. The answer is None only without
    credentials and without ``anonymous``: a 401.
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
    """The outermost authenticator: anonymous when nobody erred."""

    def __init__(self, inner: Authenticator, anonymous: Authenticator | None) -> None:
        self._inner = inner
        self._anonymous = anonymous

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Who asks; an error ends here, before anonymous is reached."""
        identity = await self._inner.authenticate(request)
        if identity is None and self._anonymous is not None:
            identity = await self._anonymous.authenticate(request)
        return identity
