"""What the proxy says to a client in a session of its own accord: notices and last words.

They go between two frames of the upstream's, in the form of the protocol; inside of a frame
nothing can be said.
"""

import base64
import struct

from auditproxy.apis.status import new_service_unavailable
from auditproxy.serializer.json import status_body
from auditproxy.sessions.wire.frames import BINARY, CLOSE, TEXT, frame
from auditproxy.sessions.wire.spdy import FIN

NORMAL, GOING_AWAY = 1000, 1001
ERROR_CHANNEL = 3
LONGEST_REASON = 123
"""Bytes of the reason in a close frame (RFC 6455, section 5.5)."""


def last_status(reason: str) -> bytes:
    """The Status that ends a session, in JSON; kubectl shows its message as its error."""
    return status_body(new_service_unavailable(reason))


def channel_message(channel: int, content: bytes, *, as_base64: bool) -> bytes:
    """A message of one channel over WebSocket."""
    if as_base64:
        return frame(TEXT, b"%d" % channel + base64.b64encode(content))
    return frame(BINARY, bytes((channel,)) + content)


def close_frame(code: int, reason: str = "") -> bytes:
    """The end of a WebSocket connection, with as much of the reason as fits."""
    shown = reason.encode()[:LONGEST_REASON].decode("utf-8", "ignore").encode()
    return frame(CLOSE, struct.pack(">H", code) + shown)


def stream_data(stream: int, content: bytes, *, finished: bool = False) -> bytes:
    """Bytes on a stream of SPDY."""
    return struct.pack(">II", stream, (FIN if finished else 0) << 24 | len(content)) + content
