"""exec and attach over SPDY: a stream for each channel, named by its ``streamtype`` header.

The kubelet's side takes streams in any order, and of a type the one it replied to last, until it
has as many as the request asks for; only then does the command run (k8s.io/cri-streaming,
remotecommand/httpstream.go). What the client sends on a stream waits there for the reply and
for the start, and so it does here.
"""

from collections.abc import Callable

from auditproxy.apis.session import Channel, InputClosed, StreamEvent, Unreadable
from auditproxy.sessions.wire.reader import carry, owed_by
from auditproxy.sessions.wire.resizes import ResizeReader
from auditproxy.sessions.wire.spdy import (
    SpdyFrames,
    StreamData,
    StreamOpened,
    StreamReplied,
    StreamReset,
    SyncLost,
)
from auditproxy.sessions.wire.status import OutcomeReader
from auditproxy.sessions.wire.words import last_status, stream_data

MAXIMUM_STREAMS = 64
"""Streams of known types in one session; five are enough for any client."""

MAXIMUM_WAITING = 64 * 1024
"""Bytes sent before the session starts."""

STREAM_TYPE = "streamtype"
_ERROR, _STDIN, _RESIZE = "error", "stdin", "resize"
_OUTPUTS = {"stdout": Channel.STDOUT, "stderr": Channel.STDERR}
_INPUTS = (_STDIN, _RESIZE)
STREAM_TYPES = frozenset({_ERROR, _STDIN, _RESIZE, *_OUTPUTS})


class _Stream:
    """One stream.

    ``waiting`` is what the client sent before the stream counts. ``closed`` by the client,
    ``dropped``: the server takes no more of it, ``finished`` by the server.
    """

    __slots__ = ("closed", "dropped", "finished", "kind", "lost", "replied", "waiting")

    def __init__(self, kind: str, *, closed: bool) -> None:
        self.kind = kind
        self.waiting = bytearray()
        self.closed = closed
        self.lost = self.dropped = self.finished = self.replied = False


class StreamReader:
    """Reads an exec or attach over SPDY.

    ``expected`` is the number of streams after which the server starts, None if unknown: each is
    then used from its reply on. ``one_input``: the server may start with as many streams, or with
    one more; a second stream for input cannot be read then, as either may be the one it uses.
    ``with_sizes``: whether the session has a terminal. ``clock``: see FrameBudget.
    """

    def __init__(
        self,
        outcome: OutcomeReader,
        *,
        expected: int | None,
        with_sizes: bool,
        one_input: bool = False,
        types: frozenset[str] = STREAM_TYPES,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._outcome = outcome
        self._expected = expected
        self._one_input = one_input
        self._types = types
        self._client = SpdyFrames(clock)
        self._sizes = ResizeReader(self._client.budget) if with_sizes else None
        self._server = SpdyFrames(clock)
        self._streams: dict[int, _Stream] = {}
        self._chosen: dict[str, _Stream] = {}
        self._replies = 0
        self._started = expected is None
        self._waiting = 0
        self._input_closed = False
        self._client_lost = False

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that the client sent."""
        events: list[StreamEvent] = []
        if self._is_lost():
            return events
        for frame in self._client.feed(data):
            if self._is_lost():
                break
            if isinstance(frame, StreamData):
                self._typed(frame, events)
            elif isinstance(frame, StreamOpened):
                kind = frame.headers.get(STREAM_TYPE, "")
                if kind not in self._types:
                    continue
                if len(self._streams) >= MAXIMUM_STREAMS:
                    self._lose(f"the client opened more than {MAXIMUM_STREAMS} streams", events)
                    continue
                if self._one_input and kind == _STDIN and self._has_input():
                    self._lose("the client opened a second stream for input", events)
                    continue
                self._streams[frame.stream] = _Stream(kind, closed=frame.finished)
            elif isinstance(frame, StreamReset):
                stream = self._streams.get(frame.stream)
                if stream is not None:
                    self._close(stream, events)
            elif isinstance(frame, SyncLost):
                self._lose(frame.reason, events)
        return events

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that were sent to the client."""
        events: list[StreamEvent] = []
        for frame in self._server.feed(data):
            if isinstance(frame, StreamData):
                self._written(frame, events)
            elif isinstance(frame, StreamReplied):
                self._replied(frame, events)
            elif isinstance(frame, StreamReset):
                # Of its own data only FIN is the end: in v1 the status comes after the reset.
                stream = self._streams.get(frame.stream)
                if stream is not None:
                    stream.dropped = True
            elif isinstance(frame, SyncLost):
                events.append(Unreadable(False, frame.reason))
        return events

    def _has_input(self) -> bool:
        return any(stream.kind == _STDIN for stream in self._streams.values())

    def lose_client(self) -> None:
        """Report nothing more of the client: its bytes cannot be read."""
        self._client_lost = True

    def owed(self) -> float:
        """Return the seconds for which the tunnel should be held."""
        return owed_by(None if self._client_lost else self._client, self._server)

    def end(self) -> list[StreamEvent]:
        """Return what the end of the tunnel means."""
        events: list[StreamEvent] = []
        # The session may have started without a sign of it: do not lose what waits.
        self._start(events)
        self._decide(events, last=True)
        return events

    def _is_lost(self) -> bool:
        return self._client_lost

    def notice(self, text: str) -> bytes:
        """Return data on standard output; on standard error without a terminal."""
        return self._data("stderr" if self._sizes is None else "stdout", text.encode())

    def last_words(self, reason: str) -> bytes:
        """Return a Status on the error stream, as the kubelet ends a session."""
        status = last_status(reason) if self._outcome.is_json else reason.encode()
        return self._data(_ERROR, status, finished=True)

    def _data(self, kind: str, content: bytes, *, finished: bool = False) -> bytes:
        """A frame on the stream of a kind, where one may begin."""
        stream = self._chosen.get(kind)
        if stream is None or stream.finished or not self._server.between:
            return b""
        number = next(number for number, each in self._streams.items() if each is stream)
        return stream_data(number, content, finished=finished)

    def _lose(self, reason: str, events: list[StreamEvent]) -> None:
        if not self._client_lost:
            self._client_lost = True
            events.append(Unreadable(True, reason))

    def _typed(self, frame: StreamData, events: list[StreamEvent]) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or stream.closed or stream.dropped:
            return
        if self._started and self._chosen.get(stream.kind) is stream:
            self._deliver(stream, frame.data, events)
        elif stream.kind in _INPUTS and frame.data:
            self._wait(stream, frame.data, events)
        if frame.finished:
            self._close(stream, events)

    def _wait(self, stream: _Stream, data: bytes, events: list[StreamEvent]) -> None:
        """Keep what the client sends early; what is over counts as sent after the start."""
        room = MAXIMUM_WAITING - self._waiting
        stream.waiting += data[:room]
        self._waiting += len(data[:room])
        if len(data) <= room:
            return
        self._start(events)
        if self._chosen.get(stream.kind) is stream:
            self._deliver(stream, data[room:], events)
        else:
            stream.lost = True

    def _deliver(self, stream: _Stream, data: bytes, events: list[StreamEvent]) -> None:
        if stream.kind == _STDIN:
            carry(events, Channel.STDIN, data)
        elif stream.kind == _RESIZE and self._sizes is not None:
            events += self._sizes.feed(data)
            if self._sizes.unread:
                self._lose(self._sizes.unread, events)

    def _close(self, stream: _Stream, events: list[StreamEvent]) -> None:
        """The client sends no more on this stream."""
        if not stream.closed:
            stream.closed = True
            if self._started and self._chosen.get(stream.kind) is stream:
                self._report_closed(stream, events)

    def _report_closed(self, stream: _Stream, events: list[StreamEvent]) -> None:
        if stream.kind == _STDIN and not self._input_closed:
            self._input_closed = True
            events.append(InputClosed())

    def _replied(self, frame: StreamReplied, events: list[StreamEvent]) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or stream.replied:
            return
        stream.replied = True
        stream.finished = frame.finished
        self._replies += 1
        self._chosen[stream.kind] = stream
        if self._started:
            self._release(stream, events)
        elif self._expected is not None and self._replies >= self._expected:
            self._start(events)

    def _start(self, events: list[StreamEvent]) -> None:
        """The command runs: it reads what waits on the chosen streams."""
        if not self._started:
            self._started = True
            for kind in _INPUTS:
                if kind in self._chosen:
                    self._release(self._chosen[kind], events)

    def _release(self, stream: _Stream, events: list[StreamEvent]) -> None:
        if self._client_lost:
            return
        data = bytes(stream.waiting)
        stream.waiting.clear()
        self._waiting -= len(data)
        self._deliver(stream, data, events)
        if stream.lost:
            self._lose(f"more than {MAXIMUM_WAITING} bytes came before the session began", events)
        elif stream.closed:
            self._report_closed(stream, events)

    def _written(self, frame: StreamData, events: list[StreamEvent]) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or stream.finished:
            return
        output = _OUTPUTS.get(stream.kind)
        if frame.data:
            self._start(events)
        if output is not None:
            carry(events, output, frame.data)
        elif stream.kind == _ERROR:
            self._outcome.add(frame.data)
            if frame.complete:
                self._decide(events, last=frame.finished)
        stream.finished = frame.finished

    def _decide(self, events: list[StreamEvent], *, last: bool) -> None:
        outcome = self._outcome.complete(last=last)
        if outcome is not None:
            events.append(outcome)
