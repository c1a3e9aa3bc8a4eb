"""SPDY within WebSocket messages: the payloads of a direction, joined, are the SPDY bytes.

As gorilla/websocket reads them: binary messages in as many fragments as the peer likes, and no
reserved bits (client-go tools/portforward/tunneling_connection.go).
"""

from collections.abc import Callable
from typing import Protocol

from auditproxy.apis.session import StreamEvent, Unreadable
from auditproxy.sessions.wire.budget import TOO_MANY, FrameBudget
from auditproxy.sessions.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL,
    Frame,
    Frames,
    unmask,
)
from auditproxy.sessions.wire.reader import SessionReader, owed_by
from auditproxy.sessions.wire.words import GOING_AWAY, close_frame


class SpdyReader(SessionReader, Protocol):
    """Reads the SPDY bytes of a session."""

    def lose_client(self) -> None:
        """Report nothing more of the client: its bytes cannot be read."""


class TunnelReader:
    """Takes the messages apart and gives their payloads to the reader of the SPDY bytes.

    ``clock``: see FrameBudget. The frames of SPDY are counted apart from the messages.
    """

    def __init__(self, within: SpdyReader, clock: Callable[[], float] | None = None) -> None:
        self._within = within
        self._client: Frames | None = Frames(FrameBudget(clock))
        self._server: Frames | None = Frames(FrameBudget(clock))

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that the client sent."""
        if self._client is None:
            return []
        payload, reason = _payload(self._client, data, masked=True)
        events = self._within.from_client(payload) if payload else []
        self._note_lost(events)
        if self._client is not None and reason is not None:
            self._client = None
            if reason:
                self._within.lose_client()
                events.append(Unreadable(True, reason))
        return events

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that were sent to the client."""
        if self._server is None:
            return []
        payload, reason = _payload(self._server, data, masked=False)
        events = self._within.from_server(payload) if payload else []
        self._note_lost(events)
        if self._server is not None and reason is not None:
            self._server = None
            if reason:
                events.append(Unreadable(False, reason))
        return events

    def _note_lost(self, events: list[StreamEvent]) -> None:
        """What cannot be read within is not taken apart any more."""
        for event in events:
            if isinstance(event, Unreadable):
                if event.from_client:
                    self._client = None
                else:
                    self._server = None

    def owed(self) -> float:
        """Return the seconds for which the tunnel should be held."""
        return max(owed_by(self._client, self._server), self._within.owed())

    def notice(self, text: str) -> bytes:
        """Return nothing: a port-forward has no terminal."""
        return b""

    def last_words(self, reason: str) -> bytes:
        """Return a close with the reason, between two frames."""
        frames = self._server
        if frames is None or not frames.between or frames.closed:
            return b""
        return close_frame(GOING_AWAY, reason)

    def end(self) -> list[StreamEvent]:
        """Return what the end of the tunnel means."""
        return self._within.end()


def _payload(frames: Frames, data: bytes, *, masked: bool) -> tuple[bytes, str | None]:
    """Return the payloads, and why nothing follows: "" after a close frame, None if more may."""
    pieces: list[bytes] = []
    reason: str | None = None
    for frame, start, end in frames.follow(data):
        offset = frame.size - frame.left - (end - start)
        if not offset:
            reason = _ending(frame, masked=masked)
            if reason is not None:
                break
        if frame.opcode < CONTROL and end > start:
            piece = data[start:end]
            pieces.append(unmask(piece, frame.mask, offset) if masked else piece)
    if reason is None and frames.overrun:
        reason = TOO_MANY
    return b"".join(pieces), reason


def _ending(frame: Frame, *, masked: bool) -> str | None:
    """Return why the receiver reads nothing from this frame on, None if it reads on."""
    if bool(frame.mask) != masked:
        return "a frame is not masked" if masked else "a frame of the server is masked"
    if frame.opcode == CLOSE:
        return ""
    if frame.reserved:
        return "a frame has reserved bits"
    if frame.opcode < CONTROL and frame.opcode not in (CONTINUATION, BINARY):
        return "a message is not binary"
    return None
