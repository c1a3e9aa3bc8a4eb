"""port-forward over SPDY: two streams for each connection, ``error`` and ``data``.

Paired as the kubelet's side pairs them, by ``requestid``, or for very old clients by their
numbers (k8s.io/cri-streaming, portforward/httpstream.go). The content is not kept, and of the
headers no more than a digest, whatever a client puts into them.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from auditproxy.apis.session import (
    PortCarried,
    PortClosed,
    PortOpened,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.wire.ports import port_number
from auditproxy.sessions.wire.spdy import (
    SpdyFrames,
    StreamData,
    StreamOpened,
    StreamReplied,
    StreamReset,
    SyncLost,
)
from auditproxy.sessions.wire.streams import STREAM_TYPE

MAXIMUM_FORWARDED_STREAMS = 1024
"""Streams that are open at once: two for each connection."""

MAXIMUM_INCOMPLETE = 512
"""Pairs that wait for their second stream, those with a stream that was reset included; and
streams that wait for their answer."""

MOST_KEPT = 32
"""Of each of these, the last that are kept once the client's side cannot be read any further."""

INCOMPLETE_TIMEOUT = 120.0
"""Seconds until such a pair, or a stream without an answer, is forgotten.

Clients and the kubelet's side wait 30."""

MAXIMUM_ERROR = 4096
"""Bytes of the text of an error stream."""

MAXIMUM_ERRORS = 32 * 1024
"""Bytes of such texts of all connections that are open at once."""

_DIGEST_SIZE = 12
"""Bytes that are kept of what pairs two streams: enough that no two are taken for one."""

_DATA, _ERROR = "data", "error"


_SENT, _DATA_OVER, _ERROR_OVER = 1, 2, 4
"""What is known of the streams of a connection: the client has finished its data; the server has
ended one of them, or either side has reset it."""


class _Connection(msgspec.Struct, gc=False):
    """A connection that is open, by the numbers of its streams; there may be hundreds."""

    number: int
    data: int
    error: int
    state: int
    text: bytes


class _Pair:
    """Streams of one request, until both are there and are a connection."""

    __slots__ = ("begun", "data", "error", "text")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.data: _Stream | None = None
        self.error: _Stream | None = None
        self.text = b""


class _Stream:
    """One stream that is not of a connection yet; ``early`` counts what came on it."""

    __slots__ = ("begun", "early", "kind", "number", "over", "pair", "port", "request", "sent")

    def __init__(self, number: int, kind: str, port: int, request: bytes, begun: float) -> None:
        self.number = number
        self.begun = begun
        self.kind = kind
        self.port = port
        self.request = request
        self.pair: _Pair | None = None
        self.early = 0
        self.sent = False
        """Whether the client has finished it."""
        self.over = False
        """Whether the server has ended it, or either side has reset it."""


class ForwardReader:
    """Reads a port-forward over SPDY.

    ``clock``: see FrameBudget; without it pairs that are incomplete are not forgotten.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: 0.0)
        self._client = SpdyFrames(clock)
        self._server = SpdyFrames(clock)
        self._streams: dict[int, _Stream | _Connection] = {}
        """Those that carry something still, or what they are of."""
        self._unanswered: dict[int, _Stream] = {}
        """Those of ``_streams`` that the server has not taken, in their order."""
        self._pending: dict[bytes, _Pair] = {}
        self._has_forgotten = False
        self._text_size = 0
        self._opened = 0
        self._client_lost = False
        self._second = self._clock()

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that the client sent."""
        events: list[StreamEvent] = []
        if self._client_lost:
            return events
        for frame in self._client.feed(data):
            if isinstance(frame, StreamData):
                self._sent(frame, events)
            elif isinstance(frame, StreamOpened):
                self._forget_incomplete()
                if len(self._streams) >= MAXIMUM_FORWARDED_STREAMS:
                    reason = f"more than {MAXIMUM_FORWARDED_STREAMS} streams are open"
                    self._lose(reason, events)
                    break
                if len(self._unanswered) >= MAXIMUM_INCOMPLETE:
                    reason = f"more than {MAXIMUM_INCOMPLETE} streams have no answer"
                    self._lose(reason, events)
                    break
                self._open(frame)
            elif isinstance(frame, StreamReset):
                self._over(frame.stream, events)
            elif isinstance(frame, SyncLost):
                self._lose(frame.reason, events)
        return events

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that were sent to the client."""
        events: list[StreamEvent] = []
        for frame in self._server.feed(data):
            if isinstance(frame, StreamData):
                self._received(frame, events)
            elif isinstance(frame, StreamReplied):
                self._forget_incomplete()
                self._pair(frame.stream, events)
            elif isinstance(frame, StreamReset):
                self._over(frame.stream, events)
            elif isinstance(frame, SyncLost):
                events.append(Unreadable(False, frame.reason))
        return events

    def lose_client(self) -> None:
        """Report nothing more of the client: its bytes cannot be read."""
        self._client_lost = True
        self._drop_incomplete()

    def end(self) -> list[StreamEvent]:
        """Close the connections that are open still, in the order in which they were opened."""
        events: list[StreamEvent] = []
        opened = {one.number: one for one in self._streams.values() if isinstance(one, _Connection)}
        for number in sorted(opened):
            self._report_closed(opened[number], events)
        self._streams.clear()
        self._unanswered.clear()
        self._pending.clear()
        return events

    def notice(self, text: str) -> bytes:
        """Return nothing: a port-forward has no terminal."""
        return b""

    def last_words(self, reason: str) -> bytes:
        """Return nothing: the end of the connection is all that SPDY's clients read."""
        return b""

    def _lose(self, reason: str, events: list[StreamEvent]) -> None:
        if not self._client_lost:
            self.lose_client()
            events.append(Unreadable(True, reason))

    def _drop_incomplete(self) -> None:
        """Keep few of those that may still be completed: nothing is opened any more."""
        for number in list(self._unanswered)[:-MOST_KEPT]:
            self._forget(number)
        for request in list(self._pending)[:-MOST_KEPT]:
            self._forget_pair(request)

    def _forget_pair(self, request: bytes) -> None:
        pending = self._pending.pop(request)
        for stream in (pending.data, pending.error):
            if stream is not None:
                self._streams.pop(stream.number, None)

    def _forget_incomplete(self) -> None:
        """The server gives a pair up whose second stream does not come."""
        latest = self._tick() - INCOMPLETE_TIMEOUT
        while self._pending:
            request, pending = next(iter(self._pending.items()))
            if pending.begun >= latest:
                break
            self._forget_pair(request)
        while self._unanswered:
            stream = next(iter(self._unanswered.values()))
            if stream.begun >= latest:
                break
            self._forget(stream.number)
            self._has_forgotten = True

    def _tick(self) -> float:
        """The time to the second, one value for all that come in it."""
        now = self._clock()
        if now - self._second >= 1.0:
            self._second = now
        return self._second

    def _forget(self, number: int) -> None:
        del self._streams[number]
        self._unanswered.pop(number, None)

    def _open(self, frame: StreamOpened) -> None:
        """Remember a stream that the server will take; it refuses one without type or port."""
        kind = frame.headers.get(STREAM_TYPE, "")
        port = port_number(frame.headers.get("port", ""))
        if kind not in (_DATA, _ERROR) or port is None:
            return
        number = frame.stream
        request = frame.headers.get("requestid", "")
        if not request:
            request = str(number if kind == _ERROR else number - 2)
        digest = blake2b(request.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE)
        # The words of this module: those of the headers are strings of their own.
        kind = _ERROR if kind == _ERROR else _DATA
        stream = _Stream(number, kind, port, digest.digest(), self._tick())
        stream.sent = frame.finished
        self._streams[number] = self._unanswered[number] = stream

    def _pair(self, number: int, events: list[StreamEvent]) -> None:
        """The server has taken a stream: the second of a pair opens its connection."""
        stream = self._unanswered.pop(number, None)
        if stream is None:
            if self._has_forgotten and number not in self._streams:
                # The client can hold the answer up; what it opened so is not known.
                self._lose("a stream was taken after it was given up", events)
            return
        pending = self._pending.get(stream.request)
        if pending is None:
            if len(self._pending) >= MAXIMUM_INCOMPLETE:
                del self._streams[number]
                self._lose(
                    f"more than {MAXIMUM_INCOMPLETE} pairs of streams are incomplete", events
                )
                return
            pending = self._pending[stream.request] = _Pair(self._tick())
        if getattr(pending, stream.kind) is not None:
            # The server answers with an error and connects nothing to it.
            del self._streams[number]
            return
        setattr(pending, stream.kind, stream)
        stream.pair = pending
        if pending.data is not None and pending.error is not None:
            del self._pending[stream.request]
            self._connect(pending.data, pending.error, pending.text, events)

    def _connect(
        self, data: _Stream, error: _Stream, text: bytes, events: list[StreamEvent]
    ) -> None:
        """Both streams of a pair are there."""
        state = _SENT if data.sent else 0
        state |= (_DATA_OVER if data.over else 0) | (_ERROR_OVER if error.over else 0)
        connection = _Connection(self._opened, data.number, error.number, state, text)
        self._opened += 1
        for number in (data.number, error.number):
            if number in self._streams:
                self._streams[number] = connection
        events.append(PortOpened(connection.number, data.port))
        if data.early and not self._client_lost:
            events.append(PortCarried(connection.number, True, data.early))
        self._close_if_over(connection, events)

    def _sent(self, frame: StreamData, events: list[StreamEvent]) -> None:
        of = self._streams.get(frame.stream)
        if isinstance(of, _Connection):
            if frame.stream != of.data or of.state & (_SENT | _DATA_OVER):
                return
            if frame.finished:
                of.state |= _SENT
            if frame.data:
                events.append(PortCarried(of.number, True, len(frame.data)))
        elif of is not None and of.kind == _DATA and not of.sent:
            of.sent = frame.finished
            of.early += len(frame.data)

    def _received(self, frame: StreamData, events: list[StreamEvent]) -> None:
        of = self._streams.get(frame.stream)
        if isinstance(of, _Connection):
            if frame.stream == of.error:
                of.text += self._kept(of.text, frame.data)
            elif frame.data:
                events.append(PortCarried(of.number, False, len(frame.data)))
        elif of is None or of.pair is None:
            return
        elif of.kind == _ERROR:
            of.pair.text += self._kept(of.pair.text, frame.data)
        if frame.finished:
            self._over(frame.stream, events)

    def _kept(self, text: bytes, more: bytes) -> bytes:
        """What is kept of more of the text of an error."""
        room = min(MAXIMUM_ERROR - len(text), MAXIMUM_ERRORS - self._text_size)
        kept = more[:room]
        self._text_size += len(kept)
        return kept

    def _over(self, number: int, events: list[StreamEvent]) -> None:
        of = self._streams.get(number)
        if isinstance(of, _Connection):
            of.state |= _DATA_OVER if number == of.data else _ERROR_OVER
            self._close_if_over(of, events)
        elif of is not None:
            # Refused, given up before it was taken, or half of a pair: the server waits for the
            # other half, and then connects.
            of.over = True
            self._forget(number)

    def _close_if_over(self, connection: _Connection, events: list[StreamEvent]) -> None:
        over = _DATA_OVER | _ERROR_OVER
        if connection.state & over == over:
            self._report_closed(connection, events)
            for number in (connection.data, connection.error):
                self._streams.pop(number, None)

    def _report_closed(self, connection: _Connection, events: list[StreamEvent]) -> None:
        self._text_size -= len(connection.text)
        text = connection.text.decode("utf-8", "replace")
        events.append(PortClosed(connection.number, text))
