"""port-forward over WebSocket channels: for each port one for data and one for its error.

The server begins both with the port, 16 bits little endian, and connects each port once
(k8s.io/cri-streaming, portforward/websocket.go). The content is not kept, nor unmasked.
"""

from collections.abc import Callable

from auditproxy.apis.session import (
    PortCarried,
    PortClosed,
    PortOpened,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.wire.base64messages import Base64Message
from auditproxy.sessions.wire.channels import ChannelMessage, MessageError, Messages, decoded
from auditproxy.sessions.wire.forwarded import MAXIMUM_ERROR
from auditproxy.sessions.wire.reader import owed_by
from auditproxy.sessions.wire.words import GOING_AWAY, close_frame

_PORT_SIZE = 2


class _Port:
    """One port: what its two channels have carried."""

    __slots__ = ("closed", "connection", "early", "error", "error_head", "head")

    def __init__(self) -> None:
        self.connection: int | None = None
        self.early = 0
        self.head = b""
        self.error_head = 0
        self.error = bytearray()
        self.closed = False


class ForwardedChannelReader:
    """Reads a port-forward over WebSocket channels; a port is known by what the server says.

    ``clock``: see FrameBudget.
    """

    def __init__(self, *, base64: bool, clock: Callable[[], float] | None = None) -> None:
        self._client: Messages | None = Messages(from_client=True, base64=base64, clock=clock)
        self._server: Messages | None = Messages(from_client=False, base64=base64, clock=clock)
        self._sent = Base64Message() if base64 else None
        self._received = Base64Message() if base64 else None
        self._ports: dict[int, _Port] = {}
        self._opened = 0
        self._client_lost = False

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that the client sent."""
        events: list[StreamEvent] = []
        if self._client is None:
            return events
        try:
            for message in self._client.read(data):
                if message.channel % 2:
                    continue
                port = self._ports.setdefault(message.channel, _Port())
                size = len(decoded(message, self._sent)) if self._sent else message.size
                if port.connection is None:
                    port.early += size
                elif size and not port.closed:
                    events.append(PortCarried(port.connection, True, size))
        except MessageError as error:
            self._client = None
            if error.args:
                self._client_lost = True
                events.append(Unreadable(True, str(error)))
        return events

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that were sent to the client."""
        events: list[StreamEvent] = []
        if self._server is None:
            return events
        try:
            for message in self._server.read(data):
                port = self._ports.setdefault(message.channel & ~1, _Port())
                if message.channel % 2:
                    self._failed(port, message, events)
                else:
                    self._carried(port, message, events)
        except MessageError as error:
            self._server = None
            if error.args:
                events.append(Unreadable(False, str(error)))
        return events

    def end(self) -> list[StreamEvent]:
        """Close the connections that are open still."""
        events: list[StreamEvent] = []
        for port in sorted(self._ports.values(), key=lambda one: one.connection or 0):
            if port.connection is not None and not port.closed:
                _close(port, port.connection, events)
        return events

    def owed(self) -> float:
        """Return the seconds for which the tunnel should be held."""
        return owed_by(self._client, self._server)

    def notice(self, text: str) -> bytes:
        """Return nothing: a port-forward has no terminal."""
        return b""

    def last_words(self, reason: str) -> bytes:
        """Return a close with the reason, between two messages."""
        if self._server is None or not self._server.between:
            return b""
        return close_frame(GOING_AWAY, reason)

    def _carried(self, port: _Port, message: ChannelMessage, events: list[StreamEvent]) -> None:
        size = message.size
        if self._received is not None:
            data = decoded(message, self._received)
            size = len(data)
        elif port.connection is None:
            data = message.content()
        else:
            data = b""
        if port.connection is None:
            head = data[: _PORT_SIZE - len(port.head)]
            port.head += head
            size -= len(head)
            if len(port.head) < _PORT_SIZE:
                return
            port.connection = self._opened
            self._opened += 1
            events.append(PortOpened(port.connection, int.from_bytes(port.head, "little")))
            if port.early and not self._client_lost:
                events.append(PortCarried(port.connection, True, port.early))
            if port.closed:
                # Its error came first: both channels are written to at once.
                _close(port, port.connection, events)
        if size and not port.closed:
            events.append(PortCarried(port.connection, False, size))

    def _failed(self, port: _Port, message: ChannelMessage, events: list[StreamEvent]) -> None:
        data = decoded(message, self._received)
        head = min(_PORT_SIZE - port.error_head, len(data))
        port.error_head += head
        text = data[head:]
        port.error += text[: MAXIMUM_ERROR - len(port.error)]
        if message.complete and port.error and not port.closed:
            if port.connection is None:
                port.closed = True
            else:
                _close(port, port.connection, events)


def _close(port: _Port, connection: int, events: list[StreamEvent]) -> None:
    port.closed = True
    events.append(PortClosed(connection, port.error.decode("utf-8", "replace")))
