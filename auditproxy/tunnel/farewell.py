"""Farewell: the final frames for a WebSocket client whose session is ended by a shutdown.

    between frames     --> exec, attach: a Status on the error channel, close 1000, as kubelet ends
                           anything else: close 1001 with the reason
    within a frame, or after the upstream's own close: nothing, the client could not parse it

The upstream's frames are parsed but never changed. This is for tunnels that nothing else reads: a
session's own reader (sessions/wire) knows more, the streams of SPDY among it.
"""

import asyncio
from collections.abc import Callable

from auditproxy.sessions.wire.frames import Frames
from auditproxy.sessions.wire.words import (
    ERROR_CHANNEL,
    GOING_AWAY,
    NORMAL,
    channel_message,
    close_frame,
    last_status,
)
from auditproxy.tunnel.tie import SHUTTING_DOWN

_STATUS_PROTOCOLS = frozenset({"v4.channel.k8s.io", "v5.channel.k8s.io"})
_STATUS_TEXT_PROTOCOLS = frozenset({"v4.base64.channel.k8s.io"})
_CHANNELS = frozenset({"exec", "attach"})


class Farewell:
    """Creates the final frames for one client; ``protocol`` is the agreed subprotocol, "" for none,
    and ``subresource`` the kind of session.
    """

    def __init__(self, protocol: str, subresource: str) -> None:
        self.frames = Frames()
        self._protocol = protocol if subresource in _CHANNELS else ""

    def stopping(self, seconds: float) -> None:
        """Nothing is known here of a terminal that could show it."""

    def tied(self, hold: Callable[[bool], None]) -> None:
        """Nothing is ever held."""

    def from_client(self, data: bytes) -> None:
        """What the client sends does not matter here."""

    def from_upstream(self, data: bytes) -> None:
        """Follow what the client has got."""
        self.frames.follow(data)

    def say(self, transport: asyncio.Transport | None, reason: str = SHUTTING_DOWN) -> None:
        """Send the final frames, if the client can parse them, and close."""
        if transport is None or transport.is_closing():
            return
        transport.write(self.words(reason))
        # Nothing of the upstream's may follow; close() still flushes what was written.
        transport.close()

    def words(self, reason: str = SHUTTING_DOWN) -> bytes:
        """Return the frames to send now; none in the middle of the upstream's frame."""
        frames = self.frames
        if frames.closed or not frames.between:
            return b""
        status = b"" if frames.in_message else self._status(reason)
        return status + close_frame(NORMAL) if status else close_frame(GOING_AWAY, reason)

    def _status(self, reason: str) -> bytes:
        as_base64 = self._protocol in _STATUS_TEXT_PROTOCOLS
        if as_base64 or self._protocol in _STATUS_PROTOCOLS:
            return channel_message(ERROR_CHANNEL, last_status(reason), as_base64=as_base64)
        return b""
