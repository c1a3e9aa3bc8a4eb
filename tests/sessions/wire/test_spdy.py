"""SPDY frames, written by a client of the test and cut anywhere."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.sessions.wire.spdy import (
    FIN,
    GOAWAY,
    HEADERS,
    MAXIMUM_CONTROL,
    PING,
    RST_STREAM,
    SETTINGS,
    SYN_REPLY,
    SYN_STREAM,
    WINDOW_UPDATE,
    Pinged,
    SpdyFrame,
    SpdyFrames,
    StreamData,
    StreamOpened,
    StreamReplied,
    StreamReset,
    SyncLost,
    WentAway,
)
from tests.fakes.spdy import Client


def conversation() -> tuple[bytes, list[SpdyFrame]]:
    """Bytes of a client, and what they say."""
    client = Client()
    raw = b"".join(
        (
            client.open(1, {"streamtype": "error"}, finished=True),
            client.open(3, {"streamtype": "stdin", "port": "80"}),
            client.control(HEADERS, struct.pack(">I", 3) + client.block({"a": "b"})),
            client.control(SYN_REPLY, struct.pack(">I", 3) + client.block({}), FIN),
            struct.pack(">II", 3, 5) + b"hello",
            struct.pack(">II", 3, 0),
            struct.pack(">II", 3, FIN << 24),
            client.control(PING, struct.pack(">I", 7)),
            client.control(RST_STREAM, struct.pack(">II", 3, 1)),
            client.control(SETTINGS, struct.pack(">I", 2) + bytes(16)),
            client.control(WINDOW_UPDATE, struct.pack(">II", 3, 9)),
            client.open(5, {"streamtype": "data"}),
            client.control(GOAWAY, struct.pack(">II", 0, 0)),
        )
    )
    return raw, [
        StreamOpened(1, {"streamtype": "error"}, True),
        StreamOpened(3, {"streamtype": "stdin", "port": "80"}, False),
        StreamReplied(3, True),
        StreamData(3, b"hello", False),
        StreamData(3, b"", False),
        StreamData(3, b"", True),
        Pinged(7),
        StreamReset(3),
        StreamOpened(5, {"streamtype": "data"}, False),
        WentAway(),
    ]


def joined(frames: list[SpdyFrame]) -> list[SpdyFrame]:
    """The frames, with the parts of each DATA frame as one."""
    found: list[SpdyFrame] = []
    open_data: StreamData | None = None
    for frame in frames:
        if not isinstance(frame, StreamData):
            assert open_data is None
            found.append(frame)
            continue
        if open_data is not None:
            data = open_data.data + frame.data
            frame = StreamData(frame.stream, data, frame.finished, frame.complete)
        open_data = None if frame.complete else frame
        if frame.complete:
            found.append(frame)
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_cut_anywhere(size: int) -> None:
    """However the bytes come, they are the same frames."""
    raw, expected = conversation()
    reader = SpdyFrames()
    frames: list[SpdyFrame] = []
    for start in range(0, len(raw), size):
        frames += reader.feed(raw[start : start + size])
    assert joined(frames) == expected


def test_data_is_not_held_back() -> None:
    """A frame of 16 MiB comes as it arrives, and FIN with its last byte."""
    reader = SpdyFrames()
    assert reader.feed(struct.pack(">II", 1, FIN << 24 | 0xFFFFFF) + b"ab") == [
        StreamData(1, b"ab", False, complete=False)
    ]
    assert reader.feed(b"c") == [StreamData(1, b"c", False, complete=False)]
    assert reader.feed(bytes(0xFFFFFF - 3)) == [StreamData(1, bytes(0xFFFFFF - 3), True)]


def control(kind: int, payload: bytes, flags: int = 0, length: int | None = None) -> bytes:
    """A control frame, perhaps with a length that is not its own."""
    size = len(payload) if length is None else length
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | size) + payload


AFTER = (control(PING, struct.pack(">I", 5)), Pinged(5))


@pytest.mark.parametrize(
    "raw",
    [
        # The receiver reads what the type has, not what the length says.
        control(RST_STREAM, struct.pack(">II", 9, 5), length=4),
        control(RST_STREAM, struct.pack(">II", 9, 5), length=100),
        control(PING, struct.pack(">I", 3), length=0),
        control(SETTINGS, struct.pack(">I", 0), length=5),
        struct.pack(">HHI", 0x8002, PING, 4) + struct.pack(">I", 1),
        Client().open(0x80000001, {}),
    ],
)
def test_as_the_receiver_reads(raw: bytes) -> None:
    """After frames with an odd length, version or stream, the next one is where it looks for it."""
    assert SpdyFrames().feed(raw + AFTER[0])[-1] == AFTER[1]


@pytest.mark.parametrize(
    "raw",
    [
        control(5, b""),
        control(10, b""),
        b"\xff" * 8,
        struct.pack(">II", 0, 3) + b"abc",
        control(RST_STREAM, struct.pack(">II", 0, 5)),
        control(RST_STREAM, struct.pack(">II", 9, 0)),
        control(PING, struct.pack(">I", 0)),
        control(PING, struct.pack(">I", 1), flags=1),
        control(GOAWAY, bytes(8), flags=1),
        control(GOAWAY, bytes(4)),
        control(WINDOW_UPDATE, bytes(4)),
        control(SETTINGS, struct.pack(">I", 2) + bytes(8)),
        control(SYN_STREAM, bytes(10)),
        control(SYN_STREAM, bytes(20)),
        control(SYN_REPLY, bytes(4)),
        control(SYN_STREAM, b"", length=MAXIMUM_CONTROL + 1),
        Client().open(0, {}),
    ],
)
def test_where_the_receiver_ends(raw: bytes) -> None:
    """Nothing follows a frame at which the receiver gives the connection up."""
    reader = SpdyFrames()
    (frame,) = reader.feed(raw + AFTER[0])
    assert isinstance(frame, SyncLost)
    assert reader.feed(AFTER[0]) == []


def test_numbers_only_grow() -> None:
    """A stream with a number that is not above the last one is refused; its headers count."""
    client = Client()
    raw = client.open(3, {"a": "b"}) + client.open(1, {"c": "d"}) + client.open(3, {"e": "f"})
    assert SpdyFrames().feed(raw + client.open(5, {"a": "b"})) == [
        StreamOpened(3, {"a": "b"}, False),
        StreamOpened(5, {"a": "b"}, False),
    ]


@given(st.binary(max_size=100), st.integers(1, 100))
def test_garbage(raw: bytes, size: int) -> None:
    """Whatever comes is frames, nothing yet, or the end; cut anywhere it is the same."""
    cut = SpdyFrames()
    frames: list[SpdyFrame] = []
    for start in range(0, len(raw), size):
        frames += cut.feed(raw[start : start + size])
    whole = SpdyFrames().feed(raw)
    lost = [frame for frame in whole if isinstance(frame, SyncLost)]
    assert [frame for frame in frames if isinstance(frame, SyncLost)] == lost
    assert lost == [] or whole[-1:] == lost
