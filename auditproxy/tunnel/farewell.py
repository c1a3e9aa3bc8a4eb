"""Farewell: the last words to a WebSocket client whose session the proxy ends at a shutdown.

    between frames     --> exec, attach: a Status on the error channel, close 1000, as kubelet ends
                           anything else: close 1001 with the reason
    within a frame, or behind the upstream's own close: nothing, it could not be understood

What the upstream sends is followed, never changed. SPDY has no place for such words: its error
stream has a number that is in compressed headers.
"""

import asyncio
import base64
import struct

from auditproxy.apis.status import new_service_unavailable
from auditproxy.serializer.json import status_body

REASON = "auditproxy is shutting down"
"""What the client reads; kubectl shows it as its error."""

_TEXT, _BINARY, _CLOSE = 1, 2, 8
_CONTROL = 8
_NORMAL, _GOING_AWAY = 1000, 1001
_ERROR_CHANNEL = 3
_STATUS_PROTOCOLS = frozenset({"v4.channel.k8s.io", "v5.channel.k8s.io"})
_STATUS_TEXT_PROTOCOLS = frozenset({"v4.base64.channel.k8s.io"})
_CHANNELS = frozenset({"exec", "attach"})


class Frames:
    """Follows the frames of one direction (RFC 6455, section 5.2)."""

    __slots__ = ("_head", "_left", "closed", "in_message")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self.in_message = False
        self.closed = False

    @property
    def between(self) -> bool:
        """Whether the next byte begins a frame."""
        return not self._left and not self._head

    def follow(self, data: bytes) -> None:
        """These bytes go by."""
        at, size = 0, len(data)
        while at < size:
            if self._left:
                taken = min(self._left, size - at)
                self._left -= taken
                at += taken
                continue
            head = self._head + data[at : at + 14 - len(self._head)]
            length = _head_length(head)
            if len(head) < length:
                self._head = head
                return
            at += length - len(self._head)
            self._head = b""
            self._begin(head)

    def _begin(self, head: bytes) -> None:
        opcode, final, short = head[0] & 0x0F, bool(head[0] & 0x80), head[1] & 0x7F
        self._left = short
        if short == 126:
            (self._left,) = struct.unpack_from(">H", head, 2)
        elif short == 127:
            (self._left,) = struct.unpack_from(">Q", head, 2)
        if opcode == _CLOSE:
            self.closed = True
        if opcode < _CONTROL:
            self.in_message = not final


def _head_length(head: bytes) -> int:
    """How many bytes the head has that begins so."""
    if len(head) < 2:
        return 2
    extended = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + extended + (4 if head[1] & 0x80 else 0)


def frame(opcode: int, payload: bytes) -> bytes:
    """A short frame of a server."""
    size = len(payload)
    length = bytes((size,)) if size < 126 else struct.pack(">BH", 126, size)
    return bytes((0x80 | opcode,)) + length + payload


class Farewell:
    """What to say to one client; ``protocol`` is the subprotocol that was agreed on, "" for none,
    and ``subresource`` what the session is.
    """

    def __init__(self, protocol: str, subresource: str) -> None:
        self.frames = Frames()
        self._protocol = protocol if subresource in _CHANNELS else ""

    def say(self, transport: asyncio.Transport | None) -> None:
        """Send it, if that can be understood, and close behind it."""
        if transport is None or transport.is_closing():
            return
        transport.write(self.words())
        # Nothing of the upstream's may follow; what was said is still flushed.
        transport.close()

    def words(self) -> bytes:
        """The frames to send now; none if they cannot be distinguished from the upstream's."""
        frames = self.frames
        if frames.closed or not frames.between:
            return b""
        status = b"" if frames.in_message else self._status()
        if status:
            return status + frame(_CLOSE, struct.pack(">H", _NORMAL))
        return frame(_CLOSE, struct.pack(">H", _GOING_AWAY) + REASON.encode())

    def _status(self) -> bytes:
        body = status_body(new_service_unavailable(REASON))
        if self._protocol in _STATUS_PROTOCOLS:
            return frame(_BINARY, bytes((_ERROR_CHANNEL,)) + body)
        if self._protocol in _STATUS_TEXT_PROTOCOLS:
            return frame(_TEXT, b"%d" % _ERROR_CHANNEL + base64.b64encode(body))
        return b""
