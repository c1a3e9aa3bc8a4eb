"""Bearer tokens: in the Authorization header, or in a WebSocket subprotocol for browsers.

Parsing and refusals are those of kube-apiserver
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
"""Characters; a longer token is refused before it is hashed or sent."""

PROTOCOL_PREFIX = "base64url.bearer.authorization.k8s.io."

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class BearerAuthenticator:
    """Authenticates clients that send ``Authorization: Bearer <token>``."""

    def __init__(self, tokens: TokenAuthenticator) -> None:
        self._tokens = tokens

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the token's user; raises for an unknown token, returns None without a token."""
        token, extra_space = bearer_token(request.headers.get("Authorization"))
        if extra_space:
            request.warnings.append(EXTRA_SPACE)
        if not token:
            return None
        known = await _user_for(self._tokens, token)
        return identify(known.user, method="bearer", token=token, proof=known.proof)


class WebSocketAuthenticator:
    """Authenticates clients that send their token as one of the WebSocket subprotocols."""

    def __init__(self, tokens: TokenAuthenticator) -> None:
        self._tokens = tokens

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the token's user; None unless a WebSocket request offers a token."""
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
        return identify(known.user, method="websocket", token=token, proof=known.proof)


async def _user_for(tokens: TokenAuthenticator, token: str) -> TokenUser:
    if len(token) > MAXIMUM_TOKEN_LENGTH:
        raise AuthenticationError("the bearer token is too long")
    known = await tokens.authenticate_token(token)
    if known is None:
        raise AuthenticationError("invalid bearer token")
    return known


def bearer_token(authorization: str) -> tuple[str, bool]:
    """Return the token of an Authorization value ("" for none), and whether a space preceded it.

    Text after the token is ignored; two spaces after ``Bearer`` make the whole header ignored.
    """
    parts = authorization.strip().split(" ", 2)
    if len(parts) < 2 or parts[0].lower() != "bearer":
        return "", False
    return parts[1], not parts[1] and len(parts) == 3


def is_websocket_request(headers: ClientHeaders) -> bool:
    """Return whether Upgrade is ``websocket`` and a Connection line contains upgrade."""
    return headers.get("Upgrade").lower() == "websocket" and any(
        "upgrade" in value.lower() for value in headers.values("Connection")
    )


class OfferedProtocols(NamedTuple):
    """WebSocket subprotocols of a request: its tokens, still encoded, and all others."""

    tokens: tuple[str, ...]
    protocols: tuple[str, ...]


def offered_protocols(headers: ClientHeaders) -> OfferedProtocols:
    """Parse every Sec-WebSocket-Protocol line; items that hold a token are kept apart."""
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
    """Return the Sec-WebSocket-Protocol value for the upstream; None: keep the client's lines.

    Not None whenever the lines contain a token, even if another method authenticated
    the client: the client's credential is never forwarded this way. Protocols that are
    not ASCII, which no server supports, are dropped.
    """
    offer = offered_protocols(headers)
    if not offer.tokens:
        return None
    return ",".join(protocol for protocol in offer.protocols if protocol.isascii())


def _decode_token(encoded: str) -> str:
    """Decode unpadded base64url that contains UTF-8; raises AuthenticationError."""
    if _BASE64URL.fullmatch(encoded) is None or len(encoded) % 4 == 1:
        raise AuthenticationError("the token in the websocket protocols is not base64url")
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
    except UnicodeDecodeError:
        raise AuthenticationError("the token in the websocket protocols is not UTF-8") from None
