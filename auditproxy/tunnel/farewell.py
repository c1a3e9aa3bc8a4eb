"""Farewell: the final frames for a WebSocket client whose session is ended by a shutdown.

    between frames     --> exec, attach: a Status on the error channel, close 1000, as kubelet ends
                           anything else: close 1001 with the reason
    within a frame, or after the upstream's own close: nothing, the client could not parse it

The upstream's frames are parsed but never changed. SPDY has no equivalent: the number of its
error stream is inside compressed headers.
"""

import asyncio
import base64
import struct
from collections.abc import Callable

from auditproxy.apis.status import new_service_unavailable
from auditproxy.serializer.json import status_body

REASON = "auditproxy is shutting down"
"""Sent to the client; kubectl shows it as its error."""

_TEXT, _BINARY, _CLOSE = 1, 2, 8
_CONTROL = 8
_NORMAL, _GOING_AWAY = 1000, 1001
_ERROR_CHANNEL = 3
_STATUS_PROTOCOLS = frozenset({"v4.channel.k8s.io", "v5.channel.k8s.io"})
_STATUS_TEXT_PROTOCOLS = frozenset({"v4.base64.channel.k8s.io"})
_CHANNELS = frozenset({"exec", "attach"})


class Frames:
    """Parses the frame boundaries of one direction (RFC 6455, section 5.2)."""

    __slots__ = ("_head", "_left", "closed", "in_message")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self.in_message = False
        self.closed = False

    @property
    def between(self) -> bool:
        """Whether the next byte starts a frame."""
        return not self._left and not self._head

    def follow(self, data: bytes) -> None:
        """Parse the next bytes."""
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
    """Return the length of a frame head that starts like this."""
    if len(head) < 2:
        return 2
    extended = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + extended + (4 if head[1] & 0x80 else 0)


def frame(opcode: int, payload: bytes) -> bytes:
    """Encode a short server frame."""
    size = len(payload)
    length = bytes((size,)) if size < 126 else struct.pack(">BH", 126, size)
    return bytes((0x80 | opcode,)) + length + payload


class Farewell:
    """Creates the final frames for one client; ``protocol`` is the agreed subprotocol, "" for none,
    and ``subresource`` the kind of session.
    """

    def __init__(self, protocol: str, subresource: str) -> None:
        self.frames = Frames()
        self._protocol = protocol if subresource in _CHANNELS else ""

    def tied(self, hold: Callable[[bool], None]) -> None:
        """Nothing is ever held."""

    def from_client(self, data: bytes) -> None:
        """What the client sends does not matter here."""

    def from_upstream(self, data: bytes) -> None:
        """Follow what the client has got."""
        self.frames.follow(data)

    def say(self, transport: asyncio.Transport | None) -> None:
        """Send the final frames, if the client can parse them, and close."""
        if transport is None or transport.is_closing():
            return
        transport.write(self.words())
        # Nothing of the upstream's may follow; close() still flushes what was written.
        transport.close()

    def words(self) -> bytes:
        """Return the frames to send now; none in the middle of the upstream's frame."""
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
