"""Bearer tokens: in the Authorization header, or in a WebSocket subprotocol for browsers.

Splitting and refusals are those of kube-apiserver
(apiserver authentication/request/bearertoken, .../websocket/protocol.go).
"""

import base64
import re
from typing import NamedTuple

from auditproxy.apis.authentication import EXTRA_SPACE
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    AuthenticationRequest,
    Identity,
    TokenAuthenticator,
    TokenUser,
    identify,
)
from auditproxy.request.headers import ClientHeaders

MAXIMUM_TOKEN_LENGTH = 64 * 1024
"""Characters; a longer token is refused before anybody hashes or sends it."""

PROTOCOL_PREFIX = "base64url.bearer.authorization.k8s.io."

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class BearerAuthenticator:
    """Knows the clients with ``Authorization: Bearer <token>``."""

    def __init__(self, tokens: TokenAuthenticator) -> None:
        self._tokens = tokens

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The token's user; a token that nobody knows is an error, no token is no opinion."""
        token, extra_space = bearer_token(request.headers.get("Authorization"))
        if extra_space:
            request.warnings.append(EXTRA_SPACE)
        if not token:
            return None
        known = await _user_for(self._tokens, token)
        return identify(known.user, method="bearer", token=token)


class WebSocketAuthenticator:
    """Knows the clients whose token stands among the WebSocket subprotocols they offer."""

    def __init__(self, tokens: TokenAuthenticator) -> None:
        self._tokens = tokens

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The token's user; None for anything but a WebSocket request that offers one."""
        if not is_websocket_request(request.headers):
            return None
        offer = offered_protocols(request.headers)
        if len(offer.tokens) > 1:
            raise AuthenticationError("multiple bearer tokens in the websocket protocols")
        if not offer.tokens:
            return None
        token = _decode_token(offer.tokens[0])
        if not token:
            return None
        if not offer.protocols:
            raise AuthenticationError("missing additional subprotocol")
        known = await _user_for(self._tokens, token)
        return identify(known.user, method="websocket", token=token)


async def _user_for(tokens: TokenAuthenticator, token: str) -> TokenUser:
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise AuthenticationError("the bearer token is too long")
    known = await tokens.authenticate_token(token)
    if known is None:
        raise AuthenticationError("invalid bearer token")
    return known


def bearer_token(authorization: str) -> tuple[str, bool]:
    """The token of an Authorization value ("" for none), and whether a space stood before it.

    What follows the token is ignored; two spaces after ``Bearer`` make the whole header ignored.
    """
    parts = authorization.strip().split(" ", 2)
    if len(parts) < 2 or parts[0].lower() != "bearer":
        return "", False
    return parts[1], not parts[1] and len(parts) == 3


def is_websocket_request(headers: ClientHeaders) -> bool:
    """Whether ``Upgrade: websocket`` stands there and a Connection line that says upgrade."""
    return headers.get("Upgrade").lower() == "websocket" and any(
        "upgrade" in value.lower() for value in headers.values("Connection")
    )


class OfferedProtocols(NamedTuple):
    """WebSocket subprotocols of a request: the tokens among them, still encoded, and the rest."""

    tokens: tuple[str, ...]
    protocols: tuple[str, ...]


def offered_protocols(headers: ClientHeaders) -> OfferedProtocols:
    """Every Sec-WebSocket-Protocol line, split; a token's item is never among the protocols."""
    tokens: list[str] = []
    protocols: list[str] = []
    for line in headers.values("Sec-Websocket-Protocol"):
        for item in line.split(","):
            protocol = item.strip()
            if protocol.startswith(PROTOCOL_PREFIX):
                tokens.append(protocol.removeprefix(PROTOCOL_PREFIX))
            else:
                protocols.append(protocol)
    return OfferedProtocols(tuple(tokens), tuple(protocols))


def forwarded_protocols(headers: ClientHeaders) -> str | None:
    """The Sec-WebSocket-Protocol value to send upstream; None to send the client's as it is.

    Not None whenever a token stands there, whoever was authenticated by it:
    a credential of the client never goes upstream this way. Protocols that are
    not ASCII, which no server knows, are left out.
    """
    offer = offered_protocols(headers)
    if not offer.tokens:
        return None
    return ",".join(protocol for protocol in offer.protocols if protocol.isascii())


def _decode_token(encoded: str) -> str:
    """Base64url without padding, UTF-8 inside; raises AuthenticationError."""
    if _BASE64URL.fullmatch(encoded) is None or len(encoded) % 4 == 1:
        raise AuthenticationError("the token in the websocket protocols is not base64url")
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
    except UnicodeDecodeError:
        raise AuthenticationError("the token in the websocket protocols is not UTF-8") from None
