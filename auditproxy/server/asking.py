"""What an exchange asks the authenticators, and what it says when none knows the client."""

from auditproxy.apis.status import new_unauthorized
from auditproxy.authentication.attempts import attempted_methods
from auditproxy.authentication.authenticator import AuthenticationRequest
from auditproxy.downstream.responses import Refused
from auditproxy.server.exchange import Exchange


def question(exchange: Exchange) -> AuthenticationRequest:
    """Return the input of the authenticators; their warnings go to the exchange."""
    return AuthenticationRequest(
        headers=exchange.headers,
        target=exchange.target,
        peer_certificate=exchange.facts.peer_certificate,
        now=exchange.context.received,
        warnings=exchange.warnings,
    )


def unauthenticated(exchange: Exchange) -> Refused:
    """Return kube-apiserver's 401, and begin the record of its one event."""
    has_certificate = exchange.facts.peer_certificate is not None
    attempted = attempted_methods(exchange.headers, exchange.target, has_certificate)
    return exchange.fail(new_unauthorized(), message=attempted)
