"""Frames that are read in a second, and what one read of the tunnel costs at most."""

import itertools
import struct
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditproxy.apis.session import Carried, Channel, SessionKind, StreamEvent, Unreadable
from auditproxy.sessions.wire.budget import (
    MAXIMUM_AT_ONCE,
    MAXIMUM_DEBT,
    MAXIMUM_FRAMES,
    SMALL,
    TOO_MANY,
    FrameBudget,
)
from auditproxy.sessions.wire.frames import BINARY, PING, frame
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.sessions.wire.reader import SessionReader
from auditproxy.sessions.wire.spdy import PING as SPDY_PING
from auditproxy.sessions.wire.spdy import SpdyFrames, StreamOpened, SyncLost
from tests.fakes.spdy import Client
from tests.fakes.websocket import masked
from tests.sessions.tunnels import read, reader_for, tunnels

READ = 256 * 1024
"""Bytes that a tunnel reads at once."""

STEPS = 110
"""Lines that run for one small frame, in the dearest case: a frame of SPDY in a message each."""

MOST = MAXIMUM_AT_ONCE + MAXIMUM_DEBT
"""Small frames that are read if nobody holds the tunnel."""

EXEC, FORWARD = SessionKind.EXEC, SessionKind.PORT_FORWARD
CHANNELS = ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", b"v5.channel.k8s.io"))
PORTS = ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", b"v4.channel.k8s.io"))
TUNNEL = ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", b"SPDY/3.1+portforward.k8s.io"))
STREAMS = ((b"Upgrade", b"SPDY/3.1"), (b"X-Stream-Protocol-Version", b"v4.channel.k8s.io"))
PAIRS = ((b"Upgrade", b"SPDY/3.1"), (b"X-Stream-Protocol-Version", b"portforward.k8s.io"))

Head = tuple[tuple[bytes, bytes], ...]


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.time


def reader(head: Head, kind: SessionKind, clock: Callable[[], float] | None) -> SessionReader:
    """A reader of a session with all streams."""
    found = open_reader(head, kind, stdin=True, stdout=True, stderr=True, tty=True, clock=clock)
    assert not isinstance(found, Unreadable)
    return found


def steps(work: Callable[[], object]) -> int:
    """The number of lines of Python that run."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines


def many_headers() -> bytes:
    """A few bytes each that open a stream with hundreds of headers.

    They take seconds to make: a process that only collects this test has no use for them.
    """
    client, raw, number = Client(), bytearray(), 1
    headers = {f"a{name}": "" for name in range(900)}
    while len(raw) < READ:
        raw += client.open(number, headers)
        number += 2
    return bytes(raw)


PINGED = struct.pack(">I", 1)
BYTE_BY_BYTE = b"".join(
    masked(BINARY, bytes((byte,))) for byte in Client().control(SPDY_PING, PINGED)
)


@pytest.mark.parametrize(
    ("head", "kind", "from_client", "raw"),
    [
        (CHANNELS, EXEC, True, masked(PING, b"")),
        (CHANNELS, EXEC, True, masked(BINARY, b"\0a")),
        (CHANNELS, EXEC, True, masked(BINARY, b"\4 ")),
        (CHANNELS, EXEC, False, frame(PING, b"")),
        (CHANNELS, EXEC, False, frame(BINARY, b"\1a")),
        (CHANNELS, EXEC, False, frame(BINARY, b"\3 ")),
        (CHANNELS, EXEC, False, frame(BINARY, b"\7")),
        (PORTS, FORWARD, True, masked(BINARY, b"\0a")),
        (PORTS, FORWARD, False, frame(BINARY, b"\0a")),
        (TUNNEL, FORWARD, True, BYTE_BY_BYTE),
        (TUNNEL, FORWARD, True, masked(BINARY, Client().control(SPDY_PING, PINGED))),
        (TUNNEL, FORWARD, False, frame(BINARY, b"")),
        (STREAMS, EXEC, True, Client().control(SPDY_PING, PINGED)),
        (STREAMS, EXEC, True, Client().data(3, b"")),
        (PAIRS, FORWARD, True, many_headers),
    ],
    ids=itertools.count(),
)
def test_a_read_is_bounded(
    head: Head, kind: SessionKind, from_client: bool, raw: bytes | Callable[[], bytes]
) -> None:
    """However small the frames of a read are, it does not keep the others waiting for long."""
    raw = raw() if callable(raw) else raw
    raw *= 2 * READ // len(raw) or 1
    one = reader(head, kind, Clock())
    events: list[StreamEvent] = []
    feed = one.from_client if from_client else one.from_server
    assert steps(lambda: events.extend(feed(raw))) < STEPS * MOST
    assert events[-1] == Unreadable(from_client, TOO_MANY)
    # What follows costs nothing.
    assert steps(lambda: events.extend(feed(raw))) < STEPS
    assert sum(isinstance(event, Unreadable) for event in events) == 1


def test_the_rate() -> None:
    """What is read at once, what comes with the time, and what is too much."""
    clock = Clock()
    one = reader(CHANNELS, EXEC, clock)
    typed = masked(BINARY, b"\0" + b"a" * (SMALL // 2 - 1))
    assert len(one.from_client(typed * 2 * MAXIMUM_AT_ONCE)) == 2 * MAXIMUM_AT_ONCE
    assert one.owed() == 0.0
    assert len(one.from_client(typed * 2 * MAXIMUM_DEBT)) == 2 * MAXIMUM_DEBT
    assert one.owed() == pytest.approx(MAXIMUM_DEBT / MAXIMUM_FRAMES)
    for _ in range(3):
        clock.time += 0.25
        assert len(one.from_client(typed * (MAXIMUM_FRAMES // 2))) == MAXIMUM_FRAMES // 2
    events = one.from_client(typed)
    assert events == [Unreadable(True, TOO_MANY)]
    clock.time += 60.0
    assert one.from_client(typed) == []
    # Nobody waits for what is not read.
    assert one.owed() == 0.0


def test_time_gives_no_more_than_is_read_at_once() -> None:
    """A session that was silent for an hour does not have an hour's frames."""
    clock = Clock()
    one = reader(CHANNELS, EXEC, clock)
    clock.time += 3600.0
    events = one.from_client(masked(PING, b"") * (MOST + 1))
    assert events == [Unreadable(True, TOO_MANY)]


def test_directions_are_apart() -> None:
    """What the client does is not the container's fault."""
    one = reader(CHANNELS, EXEC, Clock())
    assert one.from_client(masked(PING, b"") * (MOST + 1)) == [Unreadable(True, TOO_MANY)]
    assert one.from_server(frame(BINARY, b"\1out")) == [Carried(Channel.STDOUT, b"out")]


def test_bulk_is_not_limited() -> None:
    """A transfer, and the small messages that kubectl writes with each piece of it."""
    one = reader(CHANNELS, EXEC, Clock())
    piece = masked(BINARY, b"\0" + b"x" * 8 * SMALL) + masked(BINARY, b"\0abc") * 7
    for _ in range(20):
        assert len(one.from_client(piece * 1000)) == 8000


def test_without_a_clock() -> None:
    """Nothing is limited."""
    one = reader(CHANNELS, EXEC, None)
    assert one.from_client(masked(PING, b"") * 3 * MAXIMUM_AT_ONCE) == []


def test_inflated_bytes_count() -> None:
    """A block of a few bytes that inflates to 60 KiB is read only so often."""
    client, raw = Client(), b""
    for number in range(400):
        raw += client.open(2 * number + 1, {"a": "x" * 60_000})
    *opened, last = SpdyFrames(Clock()).feed(raw)
    assert last == SyncLost(TOO_MANY)
    assert all(isinstance(one, StreamOpened) for one in opened)
    assert 10 < len(opened) <= MOST * SMALL // 60_000


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3 * SMALL), max_size=30), st.lists(st.integers(1, 9), max_size=9))
def test_cuts_do_not_matter(sizes: list[int], cuts: list[int]) -> None:
    """Where the budget ends depends on the frames, not on how they are cut."""
    raw = masked(PING, b"") * (MOST - 10) + b"".join(
        masked(BINARY, b"\0" + b"x" * size) for size in sizes
    )
    whole = _sizes(reader(CHANNELS, EXEC, Clock()).from_client(raw))
    one, events, at = reader(CHANNELS, EXEC, Clock()), list[StreamEvent](), 0
    for cut in cuts:
        end = at + cut * len(raw) // 20
        events += one.from_client(raw[at:end])
        at = end
    events += one.from_client(raw[at:])
    assert _sizes(events) == whole


def _sizes(events: list[StreamEvent]) -> tuple[int, bool]:
    """The bytes that were read, and whether reading ended."""
    carried = sum(len(event.data) for event in events if isinstance(event, Carried))
    return carried, bool(events) and isinstance(events[-1], Unreadable)


def test_recorded_tunnels() -> None:
    """No client of those that were recorded comes near, even if all came in one moment."""
    for tunnel in tunnels():
        one = reader_for(tunnel.head, tunnel.request, Clock())
        for event in read(one, tunnel.pieces):
            assert not (isinstance(event, Unreadable) and event.reason == TOO_MANY), tunnel


def test_budget() -> None:
    """The numbers."""
    clock = Clock()
    budget = FrameBudget(clock)
    assert budget.refill() == MAXIMUM_AT_ONCE * SMALL
    assert budget.spend(MAXIMUM_AT_ONCE)
    assert budget.owed() == 0.0
    assert budget.spend(MAXIMUM_DEBT)
    assert budget.owed() == pytest.approx(MAXIMUM_DEBT / MAXIMUM_FRAMES)
    assert not budget.spend(1, SMALL - 1)
    assert budget.spend(1, SMALL + 1)
    clock.time += MAXIMUM_DEBT / MAXIMUM_FRAMES
    assert budget.owed() == 0.0
    clock.time += 0.1
    assert budget.refill() == pytest.approx(MAXIMUM_FRAMES * SMALL / 10, abs=1)
    clock.time -= 5.0
    assert budget.refill() == pytest.approx(MAXIMUM_FRAMES * SMALL / 10, abs=1)


def test_content_apart() -> None:
    """It has the rate of the frames, is paid for first, and never depends on when large frames
    fill up what is left."""
    clock = Clock()
    first, then = FrameBudget(clock), FrameBudget(clock)
    first.spend_apart(100)
    first.spend(1, 1000 * SMALL)
    then.spend(1, 1000 * SMALL)
    then.spend_apart(100)
    assert (first.left, first.apart) == (then.left, then.apart)
    assert first.owed() == 0.0
    first.spend_apart(MAXIMUM_AT_ONCE - 100)
    assert first.owed() == 0.0
    assert first.spend(MAXIMUM_FRAMES // 8)
    assert first.owed() == pytest.approx(1 / 8)
    clock.time += 1 / 16
    assert first.owed() == pytest.approx(1 / 16)
    clock.time += 1 / 16
    assert first.owed() == 0.0
    # All that is left pays for the content: the next frame is owed at once.
    assert first.spend(MAXIMUM_FRAMES // 16)
    assert first.owed() == pytest.approx(1 / 16)
