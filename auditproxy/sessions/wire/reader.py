"""What reads a session: bytes of either direction in, StreamEvents out."""

from typing import Protocol

from auditproxy.apis.session import Carried, Channel, StreamEvent
from auditproxy.sessions.wire.budget import FrameBudget


class SessionReader(Protocol):
    """Reads one session, given the bytes of both directions in the order in which they passed.

    The events do not depend on how the bytes of a direction are cut, but that the content of
    a channel comes in more or fewer pieces: Carried of a channel, joined, and PortCarried of a
    connection and direction, summed up, are the same, and so are all other events, in order.
    Never raises. After Unreadable nothing follows from its direction.
    """

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that the client sent."""

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that were sent to the client."""

    def end(self) -> list[StreamEvent]:
        """Return what the end of the tunnel means; call it once, after the last bytes."""

    def owed(self) -> float:
        """Seconds for which the tunnel should be held, as more was read than there is time for."""

    def notice(self, text: str) -> bytes:
        """Return bytes that show a text on the client's terminal; none where it has no terminal,
        or in the middle of a frame.
        """

    def last_words(self, reason: str) -> bytes:
        """Return bytes that end the session for its client; none in the middle of a frame."""


def carry(events: list[StreamEvent], channel: Channel, data: bytes) -> None:
    """Add bytes of a channel, unless there are none."""
    if data:
        events.append(Carried(channel, data))


class OutputAtOnce:
    """Output that came at once is one event, and copied once: each event costs the same."""

    __slots__ = ("_channel", "_events", "_parts")

    def __init__(self, events: list[StreamEvent]) -> None:
        self._events = events
        self._channel = Channel.STDOUT
        self._parts: list[bytes | memoryview] = []

    def add(self, channel: Channel, part: bytes | memoryview) -> None:
        """More of a channel, unless it is empty."""
        if not part:
            return
        if channel is not self._channel:
            self.end()
            self._channel = channel
        self._parts.append(part)

    def end(self) -> None:
        """Something else follows."""
        if self._parts:
            self._events.append(Carried(self._channel, b"".join(self._parts)))
            self._parts.clear()


class Bounded(Protocol):
    """Reads one direction of a tunnel."""

    @property
    def budget(self) -> FrameBudget:
        """What may be read."""


def owed_by(*directions: Bounded | None) -> float:
    """Seconds until no direction owes anything; None is one that is not read any more."""
    # Asked after every read: a loop takes half the time of a generator.
    most = 0.0
    for one in directions:
        if one is not None:
            most = max(most, one.budget.owed())
    return most
