"""SPDY/3.1 frames of one direction, as far as exec, attach and port-forward use them.

Read as the kubelet's library reads them (draft-mbelshe-httpbis-spdy-00;
github.com/moby/spdystream, spdy/read.go): the version is not checked, RST_STREAM and PING have
one size whatever their length says, and there is no flow control. Data is passed on as it comes.
"""

import struct
from collections.abc import Callable

import msgspec

from auditproxy.sessions.wire.budget import TOO_MANY, FrameBudget
from auditproxy.sessions.wire.headerblocks import HeaderBlockError, HeaderBlocks

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = (
    1, 2, 3, 4, 6, 7, 8, 9,
)  # fmt: skip
FIN = 1

MAXIMUM_CONTROL = 64 * 1024
"""Bytes of a control frame that is kept until it is complete."""

_HEAD = 8
_LAST_STREAM = 0x7FFFFFFF
_PREFIX = {SYN_STREAM: 10, SYN_REPLY: 4, HEADERS: 4}
"""Bytes before the header block."""

_SIZES = {RST_STREAM: 8, SETTINGS: 4, PING: 4, GOAWAY: 8, WINDOW_UPDATE: 8}
"""Bytes that are read, whatever the frame's length says; of SETTINGS, those of the count."""

_EXACT = frozenset({GOAWAY, WINDOW_UPDATE})
_WITHOUT_FLAGS = frozenset({PING, GOAWAY, WINDOW_UPDATE})


class StreamOpened(msgspec.Struct, frozen=True, gc=False):
    """SYN_STREAM; header names are in lower case, and the first of several values counts."""

    stream: int
    headers: dict[str, str]
    finished: bool


class StreamReplied(msgspec.Struct, frozen=True, gc=False):
    """SYN_REPLY: the peer took a stream."""

    stream: int
    finished: bool


class StreamData(msgspec.Struct, frozen=True, gc=False):
    """A part of a DATA frame; ``complete`` with the last part of the frame.

    ``finished``: the sender sends no more on this stream.
    """

    stream: int
    data: bytes
    finished: bool
    complete: bool = True


class StreamReset(msgspec.Struct, frozen=True, gc=False):
    """RST_STREAM: the sender gave a stream up, in both directions."""

    stream: int


class Pinged(msgspec.Struct, frozen=True, gc=False):
    """PING, to be answered with the same number if it is the sender's own."""

    number: int


class WentAway(msgspec.Struct, frozen=True, gc=False):
    """GOAWAY: the sender opens no more streams."""


class SyncLost(msgspec.Struct, frozen=True, gc=False):
    """The bytes are not SPDY/3.1; nothing follows. The receiver ends the connection here too."""

    reason: str


SpdyFrame = StreamOpened | StreamReplied | StreamData | StreamReset | Pinged | WentAway | SyncLost


class _FrameError(ValueError):
    """The connection cannot be read further; the text is the reason."""


class SpdyFrames:
    """Reads the frames of one direction, no matter how its bytes are cut.

    ``clock``: see FrameBudget. Headers and what they inflate to count too.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._budget = FrameBudget(clock)
        self._blocks = HeaderBlocks(self._budget)
        self._held = bytearray()
        self._control: tuple[int, int, int] | None = None
        """Kind, flags and length of the control frame that ``_held`` is the payload of."""
        self._needed = _HEAD
        self._stream = 0
        self._finishes = False
        self._left = 0
        self._skipped = 0
        self._next_stream = 1
        self._lost = False

    @property
    def budget(self) -> FrameBudget:
        """What is left for these frames and what is made of them."""
        return self._budget

    @property
    def between(self) -> bool:
        """Whether the next byte begins a frame."""
        inside = self._left or self._skipped or self._held or self._control is not None
        return not self._lost and not inside

    def feed(self, data: bytes) -> list[SpdyFrame]:
        """Return what these bytes complete, and the parts of data frames; SyncLost is the last."""
        frames: list[SpdyFrame] = []
        if self._lost:
            return frames
        self._budget.refill()
        try:
            self._feed(data, frames)
        except _FrameError as error:
            self._lost = True
            self._held.clear()
            frames.append(SyncLost(str(error)))
        return frames

    def _feed(self, data: bytes, frames: list[SpdyFrame]) -> None:
        at, end = 0, len(data)
        while at < end:
            if self._left:
                start, at = at, min(at + self._left, end)
                self._left -= at - start
                complete = not self._left
                frames.append(
                    StreamData(self._stream, data[start:at], complete and self._finishes, complete)
                )
            elif self._skipped:
                passed = min(self._skipped, end - at)
                self._skipped -= passed
                at += passed
            elif not self._held and self._control is None and end - at >= _HEAD:
                first, second = struct.unpack_from(">II", data, at)
                self._head(first, second, frames)
                at += _HEAD
            else:
                taken = data[at : at + self._needed - len(self._held)]
                self._held += taken
                at += len(taken)
                if len(self._held) == self._needed:
                    self._take(frames)

    def _take(self, frames: list[SpdyFrame]) -> None:
        """The head, or the payload of a control frame, is complete."""
        whole = bytes(self._held)
        self._held.clear()
        if self._control is None:
            first, second = struct.unpack(">II", whole)
            self._head(first, second, frames)
            return
        kind, flags, length = self._control
        self._control = None
        self._needed = _HEAD
        frame = self._payload(kind, flags, length, whole)
        if frame is not None:
            frames.append(frame)

    def _head(self, first: int, second: int, frames: list[SpdyFrame]) -> None:
        flags, length = second >> 24, second & 0xFFFFFF
        if not self._budget.spend(1, length):
            raise _FrameError(TOO_MANY)
        if not first >> 31:
            if not first:
                raise _FrameError("data for stream 0")
            self._stream, self._finishes, self._left = first, bool(flags & FIN), length
            if not length:
                frames.append(StreamData(first, b"", self._finishes))
            return
        kind = first & 0xFFFF
        if kind in _PREFIX:
            needed = length
            if not _PREFIX[kind] < length <= MAXIMUM_CONTROL:
                raise _FrameError("a header frame has an impossible length")
        elif kind in _SIZES:
            needed = _SIZES[kind]
            if kind in _EXACT and length != needed:
                raise _FrameError("a control frame has an impossible length")
            if kind in _WITHOUT_FLAGS and flags:
                raise _FrameError("a control frame has flags")
        else:
            raise _FrameError("a control frame of unknown type")
        self._control = kind, flags, length
        self._needed = needed

    def _payload(self, kind: int, flags: int, length: int, payload: bytes) -> SpdyFrame | None:
        (number,) = struct.unpack_from(">I", payload)
        if kind == SETTINGS:
            if length < 4 or number > (length - 4) // 8:
                raise _FrameError("a SETTINGS frame has an impossible length")
            self._skipped = 8 * number
            return None
        if kind == GOAWAY:
            return WentAway()
        if kind == WINDOW_UPDATE:
            return None
        if not number:
            raise _FrameError("a control frame for stream 0")
        if kind == PING:
            return Pinged(number)
        if kind == RST_STREAM:
            if not struct.unpack_from(">I", payload, 4)[0]:
                raise _FrameError("a stream is reset without a status")
            return StreamReset(number)
        try:
            # Every block, needed or not: the compression's state spans them all.
            headers = self._blocks.read(payload[_PREFIX[kind] :])
        except HeaderBlockError as error:
            raise _FrameError(str(error)) from error
        finished = bool(flags & FIN)
        if kind == SYN_REPLY:
            return StreamReplied(number, finished)
        if kind == HEADERS or number > _LAST_STREAM or number < self._next_stream:
            # A number that is not above the ones before is refused by the receiver.
            return None
        self._next_stream = number + 2
        return StreamOpened(number, headers, finished)
