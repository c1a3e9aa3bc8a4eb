"""port-forward over SPDY: two streams for each connection, ``error`` and ``data``.

Paired as the kubelet's side pairs them, by ``requestid``, or for very old clients by their
numbers (k8s.io/cri-streaming, portforward/httpstream.go). The content is not kept, and of the
headers no more than a digest, whatever a client puts into them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from auditproxy.apis.session import PortCarried, PortClosed, PortOpened, StreamEvent, Unreadable
from auditproxy.sessions.numbered import IntegerRows, NumberedValues
from auditproxy.sessions.wire.ports import port_number
from auditproxy.sessions.wire.reader import owed_by
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
"""Seconds until such a pair, or a stream without an answer, is forgotten; both sides wait 30."""

MAXIMUM_ERROR = 4096
"""Bytes of the text of an error stream."""

MAXIMUM_ERRORS = 32 * 1024
"""Bytes of such texts of all connections that are open at once."""

_DIGEST_SIZE = 12
"""Bytes that are kept of what pairs two streams: enough that no two are taken for one."""

_DATA, _ERROR = "data", "error"

_NUMBER, _, _, _STATE, _WIDTH = range(5)
"""What is kept of an open connection: its number, the streams of data and error, its state."""
_SENT, _DATA_OVER, _ERROR_OVER = 1, 2, 4
"""Its state: the client has finished its data; a stream was ended by the server, or reset."""


@dataclass(slots=True, eq=False)
class _Stream:
    """One stream that is not of a connection yet; ``early`` counts what came on it.

    ``sent``: the client has finished it; ``over``: the server has ended it, or it was reset.
    """

    number: int
    kind: str
    port: int
    request: bytes
    begun: float
    sent: bool
    over: bool = False
    early: int = 0
    pair: "_Pair | None" = None


@dataclass(slots=True, eq=False)
class _Pair:
    """Streams of one request, until both are there and are a connection."""

    begun: float
    data: _Stream | None = None
    error: _Stream | None = None
    text: bytes = b""


class ForwardReader:
    """Reads a port-forward over SPDY.

    ``clock``: see FrameBudget; without it pairs that are incomplete are not forgotten.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: 0.0)
        self._client = SpdyFrames(clock)
        self._server = SpdyFrames(clock)
        self._streams: dict[int, _Stream] = {}
        """Those that are of no connection yet."""
        self._unanswered: dict[int, _Stream] = {}
        """Those of ``_streams`` that the server has not taken, in their order."""
        self._pending: dict[bytes, _Pair] = {}
        self._connections = IntegerRows(_WIDTH)
        self._connected = NumberedValues()
        """Where the connections of the other streams that are open are."""
        self._texts: dict[int, bytes] = {}
        """Those of errors, by the place of their connection."""
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
                if len(self._streams) + len(self._connected) >= MAXIMUM_FORWARDED_STREAMS:
                    self._lose(f"more than {MAXIMUM_FORWARDED_STREAMS} streams are open", events)
                    break
                if len(self._unanswered) >= MAXIMUM_INCOMPLETE:
                    self._lose(f"more than {MAXIMUM_INCOMPLETE} streams have no answer", events)
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
        numbers = self._connections.numbers
        places = set(self._connected.values())
        for place in sorted(places, key=lambda one: numbers[one * _WIDTH + _NUMBER]):
            self._report_closed(place, events)
        self._connected = NumberedValues()
        self._streams.clear()
        self._unanswered.clear()
        self._pending.clear()
        return events

    def owed(self) -> float:
        """Return the seconds for which the tunnel should be held."""
        return owed_by(None if self._client_lost else self._client, self._server)

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
        stream = _Stream(number, kind, port, digest.digest(), self._tick(), frame.finished)
        self._streams[number] = self._unanswered[number] = stream

    def _pair(self, number: int, events: list[StreamEvent]) -> None:
        """The server has taken a stream: the second of a pair opens its connection."""
        stream = self._unanswered.pop(number, None)
        if stream is None:
            is_known = number in self._streams or self._connected.get(number) >= 0
            if self._has_forgotten and not is_known:
                # The client can hold the answer up; what it opened so is not known.
                self._lose("a stream was taken after it was given up", events)
            return
        pending = self._pending.get(stream.request)
        if pending is None:
            if len(self._pending) >= MAXIMUM_INCOMPLETE:
                del self._streams[number]
                reason = f"more than {MAXIMUM_INCOMPLETE} pairs of streams are incomplete"
                self._lose(reason, events)
                return
            pending = self._pending[stream.request] = _Pair(self._tick())
        if getattr(pending, stream.kind) is not None:
            # The server answers with an error and connects nothing to it.
            del self._streams[number]
            return
        setattr(pending, stream.kind, stream)
        stream.pair = pending
        self._connect(pending, events)

    def _connect(self, pair: _Pair, events: list[StreamEvent]) -> None:
        """Open the connection of a pair, if both streams are there."""
        data, error = pair.data, pair.error
        if data is None or error is None:
            return
        del self._pending[data.request]
        data.pair = error.pair = None
        state = _SENT if data.sent else 0
        state |= (_DATA_OVER if data.over else 0) | (_ERROR_OVER if error.over else 0)
        opened, self._opened = self._opened, self._opened + 1
        place = self._connections.add(opened, data.number, error.number, state)
        if pair.text:
            self._texts[place] = pair.text
        for number in (data.number, error.number):
            if self._streams.pop(number, None) is not None:
                self._connected.add(number, place)
        events.append(PortOpened(opened, data.port))
        if data.early and not self._client_lost:
            events.append(PortCarried(opened, True, data.early))
        self._close_if_over(place, events)

    def _sent(self, frame: StreamData, events: list[StreamEvent]) -> None:
        place = self._connected.get(frame.stream)
        if place >= 0:
            number, data, _, state = self._connections.row(place)
            if frame.stream != data or state & (_SENT | _DATA_OVER):
                return
            if frame.finished:
                self._connections.numbers[place * _WIDTH + _STATE] |= _SENT
            if frame.data:
                events.append(PortCarried(number, True, len(frame.data)))
            return
        stream = self._streams.get(frame.stream)
        if stream is not None and stream.kind == _DATA and not stream.sent:
            stream.sent = frame.finished
            stream.early += len(frame.data)

    def _received(self, frame: StreamData, events: list[StreamEvent]) -> None:
        place = self._connected.get(frame.stream)
        if place >= 0:
            number, _, error, _ = self._connections.row(place)
            if frame.stream == error:
                text = self._texts.get(place, b"")
                self._texts[place] = text + self._kept(text, frame.data)
            elif frame.data:
                events.append(PortCarried(number, False, len(frame.data)))
        else:
            stream = self._streams.get(frame.stream)
            if stream is None or stream.pair is None:
                return
            if stream.kind == _ERROR:
                stream.pair.text += self._kept(stream.pair.text, frame.data)
        if frame.finished:
            self._over(frame.stream, events)

    def _kept(self, text: bytes, more: bytes) -> bytes:
        """What is kept of more of the text of an error."""
        kept = more[: min(MAXIMUM_ERROR - len(text), MAXIMUM_ERRORS - self._text_size)]
        self._text_size += len(kept)
        return kept

    def _over(self, number: int, events: list[StreamEvent]) -> None:
        place = self._connected.get(number)
        if place >= 0:
            _, data, _, state = self._connections.row(place)
            state |= _DATA_OVER if number == data else _ERROR_OVER
            self._connections.numbers[place * _WIDTH + _STATE] = state
            self._close_if_over(place, events)
        elif number in self._streams:
            # Refused, given up before it was taken, or half of a pair: the server waits for the
            # other half, and then connects.
            self._streams[number].over = True
            self._forget(number)

    def _close_if_over(self, place: int, events: list[StreamEvent]) -> None:
        _, data, error, state = self._connections.row(place)
        over = _DATA_OVER | _ERROR_OVER
        if state & over == over:
            self._report_closed(place, events)
            self._connected.pop(data)
            self._connected.pop(error)

    def _report_closed(self, place: int, events: list[StreamEvent]) -> None:
        text = self._texts.pop(place, b"")
        self._text_size -= len(text)
        number = self._connections.pop(place)[_NUMBER]
        events.append(PortClosed(number, text.decode("utf-8", "replace")))
