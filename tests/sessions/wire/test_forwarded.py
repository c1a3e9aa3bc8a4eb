"""port-forward over SPDY: pairs of streams, and what each connection carried."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from auditproxy.apis.session import (
    PortCarried,
    PortClosed,
    PortOpened,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.wire.forwarded import (
    INCOMPLETE_TIMEOUT,
    MAXIMUM_ERROR,
    MAXIMUM_FORWARDED_STREAMS,
    MAXIMUM_INCOMPLETE,
    ForwardReader,
)
from tests.fakes.spdy import Client

LARGEST = 256 * 1024
"""Bytes that a client makes one session hold at most."""


class Session:
    """A reader, and both ends of its connection."""

    def __init__(self) -> None:
        self.client, self.server = Client(), Client()
        self.time = 0.0
        self.pace = 0.0
        """Seconds between two streams that the client opens."""
        self.reader = ForwardReader(lambda: self.time)

    def open(
        self, stream: int, kind: str, request: str | None = None, port: str = "8080"
    ) -> list[StreamEvent]:
        """The client opens a stream."""
        self.time += self.pace
        headers = {"streamtype": kind, "port": port}
        if request is not None:
            headers["requestid"] = request
        return self.reader.from_client(self.client.open(stream, headers))

    def reply(self, *streams: int) -> list[StreamEvent]:
        """The server takes streams."""
        raw = b"".join(self.server.reply(one) for one in streams)
        return self.reader.from_server(raw)

    def sent(self, stream: int, data: bytes, *, finished: bool = False) -> list[StreamEvent]:
        """The client sends data."""
        return self.reader.from_client(self.client.data(stream, data, finished=finished))

    def got(self, stream: int, data: bytes, *, finished: bool = False) -> list[StreamEvent]:
        """The server sends data."""
        return self.reader.from_server(self.server.data(stream, data, finished=finished))

    def connect(self, error: int, data: int, request: str | None = "0") -> list[StreamEvent]:
        """A connection is opened as kubectl opens it."""
        events = self.open(error, "error", request) + self.reply(error)
        events += self.sent(error, b"", finished=True)
        return events + self.open(data, "data", request) + self.reply(data)


def test_a_connection() -> None:
    """From the first byte to the end that the server gives it."""
    session = Session()
    assert session.connect(1, 3) == [PortOpened(0, 8080)]
    assert session.sent(3, b"GET /") == [PortCarried(0, True, 5)]
    assert session.got(3, b"answer") == [PortCarried(0, False, 6)]
    assert session.got(1, b"", finished=True) == []
    assert session.got(3, b"!", finished=True) == [PortCarried(0, False, 1), PortClosed(0)]
    assert session.got(3, b"late") == []
    assert session.sent(3, b"late") == []
    assert session.reader.end() == []


def test_interleaved() -> None:
    """Pairs belong together by their request, not by their numbers."""
    session = Session()
    session.open(1, "error", "7")
    session.open(3, "error", "8")
    session.open(5, "data", "8", port="2")
    session.open(7, "data", "7", port="1")
    assert session.reply(1, 3, 5, 7) == [PortOpened(0, 2), PortOpened(1, 1)]
    assert session.sent(7, b"one") == [PortCarried(1, True, 3)]


def test_without_request() -> None:
    """Very old clients: the numbers say it."""
    session = Session()
    assert session.connect(1, 3, None) == [PortOpened(0, 8080)]
    assert session.connect(5, 7, None) == [PortOpened(1, 8080)]


def test_a_request_that_comes_again() -> None:
    """A complete pair is no longer waited for; its name is free."""
    session = Session()
    assert session.connect(1, 3) == [PortOpened(0, 8080)]
    assert session.connect(5, 7) == [PortOpened(1, 8080)]


def test_a_stream_too_many() -> None:
    """A second stream of a type before the pair is complete belongs to nothing."""
    session = Session()
    session.open(1, "data", "0")
    session.open(3, "data", "0", port="99")
    assert session.reply(1, 3) == []
    session.sent(3, b"nowhere")
    session.open(5, "error", "0")
    assert session.reply(5) == [PortOpened(0, 8080)]


def test_early_data() -> None:
    """What comes before the pair is complete waits at the server, and counts."""
    session = Session()
    session.open(1, "data", "0")
    assert session.sent(1, b"early") == []
    session.reply(1)
    assert session.sent(1, b"er") == []
    session.open(3, "error", "0")
    assert session.reply(3) == [PortOpened(0, 8080), PortCarried(0, True, 7)]


def test_refused() -> None:
    """The error is the text of the error stream; both streams are reset."""
    session = Session()
    session.connect(1, 3)
    text = b"error forwarding port 8080: \xff"
    assert session.got(1, text) == []
    assert session.reader.from_server(session.server.reset(3)) == []
    assert session.reader.from_server(session.server.reset(1)) == [
        PortClosed(0, "error forwarding port 8080: �")
    ]


def test_given_up_by_the_client() -> None:
    """kubectl resets the data stream; the server still finishes its error stream."""
    session = Session()
    session.connect(1, 3)
    assert session.reader.from_client(session.client.reset(3)) == []
    assert session.sent(3, b"late") == []
    assert session.got(1, b"", finished=True) == [PortClosed(0)]


def test_half_closed() -> None:
    """The client finishes: the server may go on."""
    session = Session()
    session.connect(1, 3)
    assert session.sent(3, b"a", finished=True) == [PortCarried(0, True, 1)]
    assert session.sent(3, b"late") == []
    assert session.got(3, b"answer") == [PortCarried(0, False, 6)]


@pytest.mark.parametrize(
    ("kind", "port"), [("data", "0"), ("data", ""), ("data", "x"), ("stdin", "80"), ("", "80")]
)
def test_bad_headers(kind: str, port: str) -> None:
    """The server refuses such a stream."""
    session = Session()
    session.open(1, kind, "0", port=port)
    session.open(3, "error", "0")
    assert session.reply(1, 3) == []


def test_refused_streams_are_forgotten() -> None:
    """A client may have streams refused for ever."""
    session = Session()
    for number in range(2 * MAXIMUM_FORWARDED_STREAMS):
        assert session.open(2 * number + 1, "data", "0") == []
        assert session.reader.from_server(session.server.reset(2 * number + 1)) == []


def reset_half(session: Session, number: int) -> list[StreamEvent]:
    """A client opens the first stream of a pair, has it taken, and gives it up."""
    stream = 2 * number + 1
    events = session.open(stream, "error", str(number)) + session.reply(stream)
    return events + session.reader.from_client(session.client.reset(stream))


def test_reset_halves_are_forgotten() -> None:
    """A long port-forward has any number of pairs that were never complete."""
    session = Session()
    for number in range(3 * MAXIMUM_FORWARDED_STREAMS):
        session.time += 1.0
        assert reset_half(session, number) == []
    first = 6 * MAXIMUM_FORWARDED_STREAMS + 1
    assert session.connect(first, first + 2, "x") == [PortOpened(0, 8080)]


def test_halves_without_an_end_are_forgotten() -> None:
    """Nor does it matter that a stream was not reset."""
    session = Session()
    for number in range(2 * MAXIMUM_FORWARDED_STREAMS):
        session.time += 1.0
        assert session.open(2 * number + 1, "error", str(number)) == []
        assert session.reply(2 * number + 1) == []


def test_a_half_that_was_reset_is_completed() -> None:
    """The server connects the second stream of a pair, whatever became of the first."""
    session = Session()
    assert reset_half(session, 0) == []
    session.time += INCOMPLETE_TIMEOUT
    session.open(3, "data", "0")
    assert session.sent(3, b"early") == []
    assert session.reply(3) == [PortOpened(0, 8080), PortCarried(0, True, 5)]
    assert session.got(3, b"answer", finished=True) == [PortCarried(0, False, 6), PortClosed(0)]


def test_many_halves() -> None:
    """Halves are counted although their streams are gone: none is dropped unseen."""
    session = Session()
    for number in range(MAXIMUM_INCOMPLETE):
        assert reset_half(session, number) == []
    (event,) = reset_half(session, MAXIMUM_INCOMPLETE)
    reason = f"more than {MAXIMUM_INCOMPLETE} pairs of streams are incomplete"
    assert event == Unreadable(True, reason)
    assert reset_half(session, MAXIMUM_INCOMPLETE + 1) == []


def test_ended_connections_are_forgotten() -> None:
    """A long port-forward has many connections, one after the other."""
    session = Session()
    for number in range(MAXIMUM_FORWARDED_STREAMS):
        first = 4 * number + 1
        assert session.connect(first, first + 2, str(number)) == [PortOpened(number, 8080)]
        session.got(first, b"", finished=True)
        assert session.got(first + 2, b"", finished=True) == [PortClosed(number)]


def test_many_streams() -> None:
    """A client that opens streams without end is not followed."""
    session = Session()
    for number in range(MAXIMUM_FORWARDED_STREAMS // 2):
        first = 4 * number + 1
        assert session.connect(first, first + 2, str(number)) == [PortOpened(number, 8080)]
    (event,) = session.open(2 * MAXIMUM_FORWARDED_STREAMS + 1, "data", "x")
    reason = f"more than {MAXIMUM_FORWARDED_STREAMS} streams are open"
    assert event == Unreadable(True, reason)
    assert session.open(2 * MAXIMUM_FORWARDED_STREAMS + 3, "data", "y") == []


def test_many_streams_without_an_answer() -> None:
    """Nor is one that does not wait for answers."""
    session = Session()
    for number in range(MAXIMUM_INCOMPLETE):
        assert session.open(2 * number + 1, "data", str(number)) == []
    (event,) = session.open(2 * MAXIMUM_INCOMPLETE + 1, "data", "x")
    reason = f"more than {MAXIMUM_INCOMPLETE} streams have no answer"
    assert event == Unreadable(True, reason)
    assert session.open(2 * MAXIMUM_INCOMPLETE + 3, "data", "y") == []


def test_the_end() -> None:
    """Connections that are open close with the tunnel, in their order."""
    session = Session()
    session.connect(1, 3, "0")
    session.connect(5, 7, "1")
    session.open(9, "error", "2")
    session.reply(9)
    session.got(5, b"x" * 2 * MAXIMUM_ERROR)
    assert session.reader.end() == [PortClosed(0), PortClosed(1, "x" * MAXIMUM_ERROR)]


def test_lost() -> None:
    """What is not SPDY ends its direction, and the other goes on."""
    session = Session()
    session.connect(1, 3)
    reason = "a control frame of unknown type"
    assert session.reader.from_client(b"\xff" * 8) == [Unreadable(True, reason)]
    assert session.sent(3, b"x") == []
    assert session.got(3, b"x") == [PortCarried(0, False, 1)]
    assert session.reader.from_server(b"\xff" * 8) == [Unreadable(False, reason)]
    assert session.reader.end() == [PortClosed(0)]


def held_by(fill: Callable[[Session], None]) -> int:
    """The bytes that a session's reader holds after a client did its worst."""
    session = Session()
    # So slow that all of it is read.
    session.pace = 0.03
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        fill(session)
        gc.collect()
        found = tracemalloc.take_snapshot().compare_to(before, "filename")
    finally:
        tracemalloc.stop()
    room = "/sessions/wire/"
    return sum(one.size_diff for one in found if room in one.traceback[0].filename)


def unanswered(session: Session) -> None:
    """As many streams as there may be, none of them answered."""
    for number in range(MAXIMUM_INCOMPLETE):
        session.open(2 * number + 1, "error", f"{number}" + "x" * 50_000)


def halves(session: Session) -> None:
    """As many halves as there may be."""
    for number in range(MAXIMUM_INCOMPLETE):
        session.open(2 * number + 1, "error", f"{number}" + "x" * 50_000)
        session.reply(2 * number + 1)


def failed(session: Session) -> None:
    """Connections that stay open with the text of an error."""
    for number in range(MAXIMUM_FORWARDED_STREAMS // 2):
        first = 4 * number + 1
        session.connect(first, first + 2, f"{number}" + "x" * 50_000)
        session.got(first, b"e" * MAXIMUM_ERROR)


def connected(session: Session) -> None:
    """As many connections as there may be, open and used."""
    for number in range(MAXIMUM_FORWARDED_STREAMS // 2):
        first = 4 * number + 1
        session.connect(first, first + 2, str(number))
        session.sent(first + 2, b"x" * 1000)
        session.got(first + 2, b"y" * 1000)


@pytest.mark.parametrize(
    ("fill", "most"),
    [
        (unanswered, LARGEST),
        (halves, LARGEST),
        (connected, LARGEST // 2),
        (failed, LARGEST // 2),
    ],
)
def test_what_headers_hold_is_not_kept(fill: Callable[[Session], None], most: int) -> None:
    """A stream costs what it costs, whatever its client names it; so do the errors of all."""
    assert held_by(fill) < most


def test_what_a_connection_leaves_is_gone_at_once() -> None:
    """Streams that became a connection wait for no collector, which comes after many of them."""
    session = Session()
    gc.collect()
    gc.disable()
    try:
        for number in range(20):
            session.connect(4 * number + 1, 4 * number + 3, str(number))
        kinds = {type(one) for one in gc.get_objects()}
    finally:
        gc.enable()
    assert not [
        one
        for one in kinds
        if one.__module__ == ForwardReader.__module__ and one.__name__ in ("_Stream", "_Pair")
    ]


@pytest.mark.parametrize("fill", [unanswered, halves])
def test_nothing_incomplete_is_kept_once_the_client_is_lost(
    fill: Callable[[Session], None],
) -> None:
    """What cannot be followed any further holds no memory to its end."""

    def lose(session: Session) -> None:
        session.connect(1_000_001, 1_000_003, "whole")
        fill(session)
        session.reader.from_client(b"\xff" * 8)
        assert session.reader.end() == [PortClosed(0)]

    assert held_by(lose) < LARGEST // 3


def test_unanswered_streams_are_forgotten() -> None:
    """A stream that is not answered takes nobody's place for ever."""
    session = Session()
    for number in range(2 * MAXIMUM_FORWARDED_STREAMS):
        session.time += 1.0
        assert session.open(2 * number + 1, "error", str(number)) == []


def test_an_answer_that_was_held_up() -> None:
    """What is taken after it was forgotten is said, not missed: the client can delay answers."""
    session = Session()
    session.open(1, "error", "0")
    session.open(3, "data", "0")
    session.time += INCOMPLETE_TIMEOUT + 1
    assert session.reply(1) == [Unreadable(True, "a stream was taken after it was given up")]
    assert session.reply(3) == []


def test_requests_of_one_beginning_are_told_apart() -> None:
    """The whole of a request counts, as it does at the server."""
    session = Session()
    long = "x" * 50_000
    session.open(1, "error", long + "1")
    session.open(3, "data", long + "2")
    assert session.reply(1, 3) == []
    session.open(5, "data", long + "1")
    assert session.reply(5) == [PortOpened(0, 8080)]
