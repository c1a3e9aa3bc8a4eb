"""exec and attach over WebSocket: channels, and what kube-apiserver takes for one."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    Resized,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.wire.base64messages import MAXIMUM_ENCODED
from auditproxy.sessions.wire.budget import SMALL
from auditproxy.sessions.wire.channels import MAXIMUM_MESSAGE, ChannelReader
from auditproxy.sessions.wire.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from auditproxy.sessions.wire.status import OutcomeReader
from tests.fakes.websocket import masked

SUCCESS = b'{"status":"Success"}'


def reader(
    *, version: int = 5, base64: bool = False, stdin: bool = True, tty: bool = True
) -> ChannelReader:
    """A reader of an exec."""
    return ChannelReader(
        OutcomeReader(is_json=version >= 4, ends_command=True),
        base64=base64,
        half_close=version == 5,
        with_input=stdin,
        with_sizes=tty,
    )


def stdin(data: bytes) -> StreamEvent:
    """What the client typed."""
    return Carried(Channel.STDIN, data)


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (masked(BINARY, b"\0abc"), [stdin(b"abc")]),
        # Text is read as binary, whatever it is.
        (masked(TEXT, b"\0a\xff"), [stdin(b"a\xff")]),
        # An unknown opcode is data as well.
        (masked(3, b"\0abc") + masked(11, b"\0d"), [stdin(b"abc"), stdin(b"d")]),
        # Each fragment is a message of its own, and begins with a channel.
        (
            masked(BINARY, b"\0abc", final=False)
            + masked(CONTINUATION, b"\0def", final=False)
            + masked(PING, b"")
            + masked(CONTINUATION, b"ghi"),
            [stdin(b"abc"), stdin(b"def")],
        ),
        # RSV bits say nothing.
        (bytes((0x80 | 0x40 | BINARY,)) + masked(BINARY, b"\0abc")[1:], [stdin(b"abc")]),
        # Empty messages, unknown channels and those that the server writes.
        (masked(BINARY, b"") + masked(BINARY, b"\0"), []),
        (b"".join(masked(BINARY, bytes((n,)) + b"x") for n in (1, 2, 3, 5, 9, 254)), []),
        (masked(PING, b"\0abc") + masked(PONG, b"\0abc"), []),
        (masked(PING, b"\0" * 300) + masked(BINARY, b"\0a"), [stdin(b"a")]),
        (masked(BINARY, b'\4{"Width":80,"Height":24}'), [Resized(80, 24)]),
        (
            masked(BINARY, b'\4{"Width":80,') + masked(BINARY, b'\4"Height":24}'),
            [Resized(80, 24)],
        ),
        (masked(BINARY, b"\4x") + masked(BINARY, b'\4{"Width":80}'), []),
        # Half-close.
        (
            masked(BINARY, b"\xff\0") + masked(BINARY, b"\0late") + masked(BINARY, b"\xff\0"),
            [InputClosed()],
        ),
        (masked(BINARY, b"\xff\1") + masked(BINARY, b"\0a"), [stdin(b"a")]),
        (masked(BINARY, b"\xff\4") + masked(BINARY, b'\4{"Width":80}'), []),
        (
            masked(BINARY, b"\xff") + masked(BINARY, b"\0a"),
            [Unreadable(True, "a half-close does not name one channel")],
        ),
        (
            masked(BINARY, b"\xff\0\0") + masked(BINARY, b"\0a"),
            [Unreadable(True, "a half-close does not name one channel")],
        ),
        (
            masked(BINARY, b"\xff\5") + masked(BINARY, b"\0a"),
            [Unreadable(True, "a half-close names an unknown channel")],
        ),
        # Nothing is read behind a close, and behind a frame without a mask.
        (masked(CLOSE, b"\x03\xe8") + masked(BINARY, b"\0a"), []),
        (
            frame(BINARY, b"\0a") + masked(BINARY, b"\0a"),
            [Unreadable(True, "a frame of the client is not masked")],
        ),
        (frame(CLOSE, b""), [Unreadable(True, "a frame of the client is not masked")]),
    ],
)
def test_the_client(raw: bytes, events: list[StreamEvent]) -> None:
    """What the container gets, frame by frame as x/net reads them."""
    assert reader().from_client(raw) == events
    bytewise = reader()
    joined: dict[Channel, bytes] = {}
    others: list[StreamEvent] = []
    for byte in raw:
        for event in bytewise.from_client(bytes((byte,))):
            if isinstance(event, Carried):
                joined[event.channel] = joined.get(event.channel, b"") + event.data
            else:
                others.append(event)
    assert others == [event for event in events if not isinstance(event, Carried)]
    assert joined.get(Channel.STDIN, b"") == b"".join(
        event.data for event in events if isinstance(event, Carried)
    )


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (frame(BINARY, b"\1out"), [Carried(Channel.STDOUT, b"out")]),
        (frame(BINARY, b"\2err"), [Carried(Channel.STDERR, b"err")]),
        # What comes at once is one piece, up to another channel or the end.
        (
            frame(BINARY, b"\1a")
            + frame(BINARY, b"\1b")
            + frame(PING, b"")
            + frame(BINARY, b"\1c")
            + frame(BINARY, b"\2d")
            + frame(BINARY, b"\1")
            + frame(BINARY, b"\2e")
            + frame(BINARY, b"\1f")
            + frame(BINARY, b"\3" + SUCCESS)
            + frame(BINARY, b"\1g"),
            [
                Carried(Channel.STDOUT, b"abc"),
                Carried(Channel.STDERR, b"de"),
                Carried(Channel.STDOUT, b"f"),
                Outcome(0),
                Carried(Channel.STDOUT, b"g"),
            ],
        ),
        (
            frame(BINARY, b"\1a") + frame(BINARY, b"\1b") + masked(BINARY, b"\1out"),
            [
                Carried(Channel.STDOUT, b"ab"),
                Unreadable(False, "a frame of the server is masked"),
            ],
        ),
        # The first message says nothing but that the connection is there.
        (frame(BINARY, b"\1") + frame(BINARY, b"\2") + frame(BINARY, b"\3"), []),
        (frame(BINARY, b"\3" + SUCCESS) + frame(CLOSE, b"\x03\xe8"), [Outcome(0)]),
        (
            frame(BINARY, b"\3no json") + frame(CLOSE, b"\x03\xe8"),
            [Outcome(None, message="no json")],
        ),
        (frame(BINARY, b"\0in") + frame(BINARY, b"\4{}") + frame(BINARY, b"\xff\0"), []),
        (frame(CLOSE, b"") + frame(BINARY, b"\1late"), []),
        (masked(BINARY, b"\1out"), [Unreadable(False, "a frame of the server is masked")]),
    ],
)
def test_the_server(raw: bytes, events: list[StreamEvent]) -> None:
    """What the container gives."""
    one = reader()
    assert one.from_server(raw) == events
    assert one.end() == []


def test_a_large_frame_is_not_held_back() -> None:
    """A frame of 32 MiB comes as it arrives; one byte more is not read by the server."""
    one = reader()
    head = struct.pack(">BBQ", 0x82, 0xFF, MAXIMUM_MESSAGE) + bytes(4)
    assert one.from_client(head + b"\0abc") == [stdin(b"abc")]
    assert one.from_client(b"def") == [stdin(b"def")]
    head = struct.pack(">BBQ", 0x82, 0xFF, MAXIMUM_MESSAGE + 1) + bytes(4)
    (event,) = reader().from_client(head)
    assert isinstance(event, Unreadable)


def test_what_was_not_asked_for() -> None:
    """Channels that the request does not open reach nobody."""
    one = reader(stdin=False, tty=False)
    raw = masked(BINARY, b"\0a") + masked(BINARY, b'\4{"Width":80}') + masked(BINARY, b"\xff\0")
    assert one.from_client(raw) == []


def test_versions_without_half_close() -> None:
    """In v4, 255 is an unknown channel; in v1 the status is text, and a failure."""
    assert reader(version=4).from_client(masked(BINARY, b"\xff\0") + masked(BINARY, b"\0a")) == [
        stdin(b"a")
    ]
    assert reader(version=1).from_server(frame(BINARY, b"\3failed")) == [
        Outcome(None, message="failed")
    ]


def test_base64() -> None:
    """Each message for itself, whatever its length; one with a fault is dropped."""
    one = reader(version=4, base64=True)
    raw = masked(TEXT, b"0YQ==") + masked(TEXT, b"0Y") + masked(TEXT, b"0YmM=") + masked(TEXT, b"0")
    assert one.from_client(raw) == [stdin(b"a"), stdin(b"bc")]
    status = frame(TEXT, b"3" + base64.b64encode(SUCCESS))
    assert one.from_server(frame(TEXT, b"1YQ==") + frame(TEXT, b"2Yg==") + status) == [
        Carried(Channel.STDOUT, b"a"),
        Carried(Channel.STDERR, b"b"),
        Outcome(0),
    ]


def test_base64_fragments() -> None:
    """A fragment is a message of its own here too."""
    one = reader(version=4, base64=True)
    raw = masked(TEXT, b"0YQ==", final=False) + masked(CONTINUATION, b"0Yg==")
    assert one.from_client(raw) == [stdin(b"a"), stdin(b"b")]


def test_a_long_base64_message() -> None:
    """What cannot be kept until its end is not read."""
    one = reader(version=4, base64=True)
    (event,) = one.from_client(masked(TEXT, b"0" + b"A" * (MAXIMUM_ENCODED + 4)))
    assert isinstance(event, Unreadable)
    assert one.from_client(masked(TEXT, b"0YQ==")) == []


def test_the_end() -> None:
    """A status whose message is cut is shown when the tunnel ends."""
    one = reader()
    raw = frame(BINARY, b"\3" + SUCCESS)
    assert one.from_server(raw[:-3]) == []
    assert one.end() == [Outcome(None, message='{"status":"Succes')]


FIRST_BYTES = st.sampled_from((0x82, 0x82, 0x02, 0x81, 0x80, 0xC2, 0x89, 0x88, 0x8B, 0x85))
SHORT = st.builds(
    lambda channel, content: channel + content,
    st.sampled_from((b"\0", b"\1", b"\0", b"\1", b"\2", b"\3", b"\4", b"\xff", b"0", b"")),
    st.sampled_from((b"x", b"xyz", b"", b"\0", b"x" * 123, b"x" * 124, b"x" * 125, b"x" * 300)),
)


@given(
    st.lists(st.tuples(FIRST_BYTES, SHORT, st.integers(0, 40)), max_size=8),
    st.booleans(),
    st.sampled_from((False, False, False, True)),
    st.sampled_from((100, 3, 1, 0)),
)
def test_frames_alone(
    frames: list[tuple[int, bytes, int]], from_client: bool, base64: bool, left: int
) -> None:
    """What comes in a read of its own is what it is among others, and takes as much of the budget."""
    raw = [
        # Now and then the other side's: not masked, or masked.
        made_frame(first, payload, is_masked=from_client is (odd > 0))
        for first, payload, odd in frames
    ]
    found = Fed(raw, from_client=from_client, base64=base64, left=left)
    in_halves = [half for one in raw for half in (one[:1], one[1:])]
    for pieces in (in_halves, [b"".join(raw)]):
        again = Fed(pieces, from_client=from_client, base64=base64, left=left)
        assert (again.events, again.rest) == (found.events, found.rest)


@pytest.mark.parametrize("from_client", [True, False])
@pytest.mark.parametrize("is_masked", [True, False])
def test_each_frame_alone(from_client: bool, is_masked: bool) -> None:
    """Any first byte, any channel: as in two reads."""
    for first in range(256):
        for payload in (b"", b"\0", b"\1", b"\0x", b"\1x", b"\3x", b"\xff\0", b"\1" + b"x" * 125):
            raw = made_frame(first, payload, is_masked=is_masked)
            one = Fed([raw], from_client=from_client)
            two = Fed([raw[:1], raw[1:]], from_client=from_client)
            assert (one.events, one.rest) == (two.events, two.rest)


class Fed:
    """A reader that was fed: its events, and what is left of it."""

    def __init__(
        self, pieces: list[bytes], *, from_client: bool, base64: bool = False, left: int = 9
    ) -> None:
        found = reader(base64=base64)
        messages = found._client if from_client else found._server
        assert messages is not None
        budget = messages._frames._budget
        budget.full = budget.left = left * SMALL
        events: list[StreamEvent] = []
        for piece in pieces:
            events += found.from_client(piece) if from_client else found.from_server(piece)
        self.events = joined_events(events)
        self.rest: object = None
        if (found._client if from_client else found._server) is not None:
            # Of what nobody reads any more nothing is taken.
            self.rest = budget.left, budget.apart, messages.between, messages._frames.in_message


def made_frame(first: int, payload: bytes, *, is_masked: bool) -> bytes:
    """A frame with any first byte."""
    if not is_masked:
        return bytes((first,)) + frame(BINARY, payload)[1:]
    return bytes((first,)) + masked(BINARY, payload)[1:]


def joined_events(events: list[StreamEvent]) -> list[tuple[Channel, bytes] | StreamEvent]:
    """The content of a channel may come in more or fewer pieces."""
    found: list[tuple[Channel, bytes] | StreamEvent] = []
    for event in events:
        if not isinstance(event, Carried):
            found.append(event)
        elif found and isinstance(found[-1], tuple) and found[-1][0] == event.channel:
            found[-1] = (event.channel, found[-1][1] + event.data)
        else:
            found.append((event.channel, event.data))
    return found
