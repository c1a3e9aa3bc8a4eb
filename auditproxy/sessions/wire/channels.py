"""exec and attach over WebSocket: every frame begins with the number of its channel.

As golang.org/x/net and wsstream read them: a continuation is a message of its own, an unknown
opcode is data, reserved bits mean nothing (x/net websocket/hybi.go; k8s.io/streaming
httpstream/wsstream/conn.go).
"""

from collections.abc import Callable, Iterator

from auditproxy.apis.session import Channel, InputClosed, StreamEvent, Unreadable
from auditproxy.sessions.wire.base64messages import Base64Message
from auditproxy.sessions.wire.budget import TOO_MANY, FrameBudget
from auditproxy.sessions.wire.frames import (
    CLOSE,
    CONTROL,
    MASKED,
    PING,
    PONG,
    Frame,
    Frames,
    unmask,
)
from auditproxy.sessions.wire.reader import OutputAtOnce, carry, owed_by
from auditproxy.sessions.wire.resizes import ResizeReader
from auditproxy.sessions.wire.status import OutcomeReader
from auditproxy.sessions.wire.words import (
    GOING_AWAY,
    NORMAL,
    channel_message,
    close_frame,
    last_status,
)

MAXIMUM_MESSAGE = 32 * 1024 * 1024
"""Bytes of a frame; the server reads none that is larger (x/net DefaultMaxPayloadBytes)."""

MAXIMUM_CLOSED_CHANNEL = 4
HALF_CLOSE = 0xFF
_SHORTEST, _MASKED_SHORTEST = 3, 7
"""Bytes of a frame that has a channel and no more."""
_MANY = 1024
"""Bytes whose copy takes longer than to do without."""
STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
_UNREAD = frozenset({PING, PONG})
_OUTPUTS = {STDOUT: Channel.STDOUT, STDERR: Channel.STDERR}


class MessageError(ValueError):
    """The receiver reads no further; the text is the reason."""


class ChannelMessage:
    """A part of one frame's payload, unmasked when it is asked for.

    ``channel`` is the number that the frame begins with. The content of the frame is what follows.
    """

    __slots__ = ("_data", "_end", "_frame", "_offset", "_start", "channel")

    def __init__(
        self, channel: int, frame: Frame, data: bytes, start: int, end: int, offset: int
    ) -> None:
        self.channel = channel
        self._frame = frame
        self._data = data
        self._start = start
        self._end = end
        self._offset = offset

    @property
    def size(self) -> int:
        """The number of bytes of this part."""
        return self._end - self._start

    @property
    def whole_size(self) -> int:
        """The number of bytes of the frame's content."""
        return self._frame.size - 1

    @property
    def first(self) -> bool:
        """Whether the content begins here."""
        return self._offset == 1

    @property
    def complete(self) -> bool:
        """Whether the content ends here."""
        return not self._frame.left

    def content(self) -> bytes:
        """Return the bytes of this part."""
        content = self._data[self._start : self._end]
        mask = self._frame.mask
        return unmask(content, mask, self._offset) if mask else content

    def plain(self) -> bytes | memoryview:
        """Return the bytes of this part where they are not masked, many without a copy."""
        start, end = self._start, self._end
        return self._data[start:end] if end - start < _MANY else memoryview(self._data)[start:end]


class Messages:
    """Reads one direction's frames as messages with a channel; ``from_client``: they are masked."""

    __slots__ = ("_base64", "_channel", "_frames", "_from_client")

    def __init__(
        self, *, from_client: bool, base64: bool, clock: Callable[[], float] | None = None
    ) -> None:
        self._frames = Frames(FrameBudget(clock))
        self._from_client = from_client
        self._base64 = base64
        self._channel = 0

    @property
    def budget(self) -> FrameBudget:
        """What is left for these messages and what is made of them."""
        return self._frames.budget

    @property
    def between(self) -> bool:
        """Whether the next byte begins a message."""
        frames = self._frames
        return frames.between and not frames.in_message and not frames.closed

    def single(self, data: bytes, channel: int) -> bytes | None:
        """Return the content of a message of this channel, if ``data`` is that, whole and short.

        Most keys and their echo are. None: ``read`` returns what it is.
        """
        from_client = self._from_client
        if self._base64 or len(data) < (_MASKED_SHORTEST if from_client else _SHORTEST):
            return None
        if (data[1] >= MASKED) is not from_client:
            return None
        if channel != (data[6] ^ data[2] if from_client else data[2]):
            return None
        start = self._frames.short(data)
        if not start:
            return None
        self._channel = channel
        content = data[start + 1 :]
        return unmask(content, data[2:6], 1) if from_client else content

    def read(self, data: bytes) -> Iterator[ChannelMessage]:
        """Return the parts of messages, each as it comes; raises MessageError at the end.

        A close frame raises it too, without a reason.
        """
        for frame, start, end in self._frames.follow(data):
            size, mask, opcode = frame.size, frame.mask, frame.opcode
            offset = size - frame.left - (end - start)
            if not offset and (
                opcode >= CONTROL or bool(mask) != self._from_client or size > MAXIMUM_MESSAGE
            ):
                self._check(frame)
            if start == end or opcode in _UNREAD:
                continue
            if not offset:
                channel = data[start] ^ mask[0] if mask else data[start]
                self._channel = (channel - ord("0")) & 0xFF if self._base64 else channel
                start, offset = start + 1, 1
                if start == end and frame.left:
                    continue
            yield ChannelMessage(self._channel, frame, data, start, end, offset)
        if self._frames.overrun:
            raise MessageError(TOO_MANY)

    def _check(self, frame: Frame) -> None:
        if self._from_client and not frame.mask:
            raise MessageError("a frame of the client is not masked")
        if not self._from_client and frame.mask:
            raise MessageError("a frame of the server is masked")
        if frame.opcode == CLOSE:
            raise MessageError
        if frame.size > MAXIMUM_MESSAGE and frame.opcode not in _UNREAD:
            raise MessageError(f"a frame is larger than {MAXIMUM_MESSAGE} bytes")


def decoded(message: ChannelMessage, encoded: Base64Message | None) -> bytes:
    """Return the content of this part; in base64 that of the whole message, at its end.

    Raises MessageError if it is too long to be kept.
    """
    if encoded is None:
        return message.content()
    if message.first:
        encoded.begin()
    if not encoded.add(message.content()):
        raise MessageError("a message in base64 is too long")
    return encoded.decoded() if message.complete else b""


class ChannelReader:
    """Reads an exec or attach over WebSocket.

    ``half_close``: the client can close its input (v5). ``with_input``, ``with_sizes``: what the
    session takes from its client; the rest does not reach the container. ``clock``: see
    FrameBudget.
    """

    def __init__(
        self,
        outcome: OutcomeReader,
        *,
        base64: bool,
        half_close: bool,
        with_input: bool,
        with_sizes: bool,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._outcome = outcome
        self._half_close = half_close
        self._with_input = with_input
        self._client: Messages | None = Messages(from_client=True, base64=base64, clock=clock)
        self._server: Messages | None = Messages(from_client=False, base64=base64, clock=clock)
        self._sizes = ResizeReader(self._client.budget) if with_sizes else None
        self._typed = Base64Message() if base64 else None
        self._written = Base64Message() if base64 else None

    def from_client(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that the client sent."""
        events: list[StreamEvent] = []
        if self._client is None:
            return events
        if self._with_input and (typed := self._client.single(data, STDIN)) is not None:
            carry(events, Channel.STDIN, typed)
            return events
        try:
            for message in self._client.read(data):
                if self._half_close and message.channel == HALF_CLOSE:
                    self._close_channel(message, events)
                elif message.channel == STDIN and self._with_input:
                    carry(events, Channel.STDIN, decoded(message, self._typed))
                elif message.channel == RESIZE and self._sizes is not None:
                    self._resize(decoded(message, self._typed), events)
        except MessageError as error:
            self._client = None
            if error.args:
                events.append(Unreadable(True, str(error)))
        return events

    def from_server(self, data: bytes) -> list[StreamEvent]:
        """Read the next bytes that were sent to the client."""
        events: list[StreamEvent] = []
        if self._server is None:
            return events
        if (written := self._server.single(data, STDOUT)) is not None:
            carry(events, Channel.STDOUT, written)
            return events
        shown = OutputAtOnce(events)
        try:
            for message in self._server.read(data):
                output = _OUTPUTS.get(message.channel)
                if output is not None:
                    encoded = self._written
                    shown.add(
                        output, message.plain() if encoded is None else decoded(message, encoded)
                    )
                elif message.channel == ERROR:
                    self._outcome.add(decoded(message, self._written))
                    if message.complete:
                        shown.end()
                        self._decide(events)
            shown.end()
        except MessageError as error:
            shown.end()
            self._server = None
            if error.args:
                events.append(Unreadable(False, str(error)))
            else:
                self._decide(events, last=True)
        return events

    def owed(self) -> float:
        """Return the seconds for which the tunnel should be held."""
        return owed_by(self._client, self._server)

    def end(self) -> list[StreamEvent]:
        """Return what the end of the tunnel means."""
        events: list[StreamEvent] = []
        self._decide(events, last=True)
        return events

    def notice(self, text: str) -> bytes:
        """Return a line on standard output, apart from what is there; standard error without a
        terminal.
        """
        if not self._may_speak:
            return b""
        channel, line = (
            (STDERR, f"{text}\n") if self._sizes is None else (STDOUT, f"\r\n{text}\r\n")
        )
        return channel_message(channel, line.encode(), as_base64=self._written is not None)

    def last_words(self, reason: str) -> bytes:
        """Return a Status on the error channel and a close, as the kubelet ends a session."""
        if not self._may_speak:
            return b""
        status = b""
        if self._outcome.is_json:
            status = channel_message(
                ERROR, last_status(reason), as_base64=self._written is not None
            )
        return status + close_frame(NORMAL) if status else close_frame(GOING_AWAY, reason)

    @property
    def _may_speak(self) -> bool:
        return self._server is not None and self._server.between

    def _decide(self, events: list[StreamEvent], *, last: bool = False) -> None:
        outcome = self._outcome.complete(last=last)
        if outcome is not None:
            events.append(outcome)

    def _resize(self, data: bytes, events: list[StreamEvent]) -> None:
        if self._sizes is not None:
            events += self._sizes.feed(data)
            if self._sizes.unread:
                raise MessageError(self._sizes.unread)

    def _close_channel(self, message: ChannelMessage, events: list[StreamEvent]) -> None:
        """Two bytes: the signal and the channel. Anything else ends the session on the server."""
        if message.whole_size != 1:
            raise MessageError("a half-close does not name one channel")
        (channel,) = message.content()
        if channel > MAXIMUM_CLOSED_CHANNEL:
            raise MessageError("a half-close names an unknown channel")
        if channel == STDIN and self._with_input:
            self._with_input = False
            events.append(InputClosed())
        elif channel == RESIZE and self._sizes is not None:
            self._sizes.close()
