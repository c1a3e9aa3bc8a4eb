"""The protocols that may be tunnelled, and the accept key of a WebSocket's handshake."""

import base64
import hashlib

WEBSOCKET = b"websocket"
SPDY = b"SPDY/3.1"

_WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def is_upgrade_protocol(token: bytes) -> bool:
    """Return whether a single Upgrade token names a protocol that may be tunnelled."""
    return token.lower() in {WEBSOCKET, SPDY.lower()}


def websocket_accept(key: bytes) -> bytes:
    """Return the Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, section 4.2.2)."""
    digest = hashlib.sha1(key.strip(b" \t") + _WEBSOCKET_GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest)
