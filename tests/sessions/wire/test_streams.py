"""exec and attach over SPDY: which streams count, and when."""

import pytest

from auditproxy.apis.session import (
    Carried,
    Channel,
    InputClosed,
    Outcome,
    Resized,
    StreamEvent,
    Unreadable,
)
from auditproxy.sessions.wire.status import OutcomeReader
from auditproxy.sessions.wire.streams import MAXIMUM_STREAMS, MAXIMUM_WAITING, StreamReader
from tests.fakes.spdy import Client

SUCCESS = b'{"status":"Success"}'


class Session:
    """A reader, and both ends of its connection."""

    def __init__(self, expected: int | None = 3, *, is_json: bool = True) -> None:
        self.client, self.server = Client(), Client()
        self.reader = StreamReader(
            OutcomeReader(is_json=is_json, ends_command=True), expected=expected, with_sizes=True
        )

    def open(self, stream: int, kind: str, *, finished: bool = False) -> list[StreamEvent]:
        """The client opens a stream."""
        return self.sent(self.client.open(stream, {"streamtype": kind}, finished=finished))

    def reply(self, *streams: int) -> list[StreamEvent]:
        """The server takes streams."""
        return [event for one in streams for event in self.got(self.server.reply(one))]

    def sent(self, raw: bytes) -> list[StreamEvent]:
        """The client sends."""
        return self.reader.from_client(raw)

    def got(self, raw: bytes) -> list[StreamEvent]:
        """The server sends."""
        return self.reader.from_server(raw)

    def typed(self, stream: int, data: bytes, *, finished: bool = False) -> list[StreamEvent]:
        """The client sends data."""
        return self.sent(self.client.data(stream, data, finished=finished))


def started(*kinds: str) -> Session:
    """A session that runs, with streams 1, 3, 5 and so on of these types."""
    session = Session(len(kinds))
    for number, kind in enumerate(kinds):
        assert session.open(2 * number + 1, kind) == []
        assert session.reply(2 * number + 1) == []
    return session


def stdin(data: bytes) -> StreamEvent:
    """What the client typed."""
    return Carried(Channel.STDIN, data)


@pytest.mark.parametrize("order", [("error", "stdin", "stdout"), ("stdout", "stdin", "error")])
def test_any_order(order: tuple[str, ...]) -> None:
    """The type is that of the header, not of the number."""
    session = started(*order)
    numbers = {kind: 2 * index + 1 for index, kind in enumerate(order)}
    assert session.typed(numbers["stdin"], b"in") == [stdin(b"in")]
    assert session.got(session.server.data(numbers["stdout"], b"out")) == [
        Carried(Channel.STDOUT, b"out")
    ]
    assert session.got(session.server.data(numbers["error"], SUCCESS)) == [Outcome(0)]


def test_stderr_and_resize() -> None:
    """The other types."""
    session = started("error", "stderr", "resize", "stdin")
    assert session.got(session.server.data(3, b"e")) == [Carried(Channel.STDERR, b"e")]
    assert session.typed(5, b'{"Width":80,') == []
    assert session.typed(5, b'"Height":24}') == [Resized(80, 24)]


def test_unknown_types() -> None:
    """They are replied to and ignored, and do not count as started."""
    session = Session(1)
    session.open(1, "other")
    session.open(3, "stdin")
    assert session.reply(1) == []
    assert session.typed(3, b"a") == []
    assert session.reply(3) == [stdin(b"a")]
    assert session.typed(1, b"a") == []


def test_before_the_session_starts() -> None:
    """What comes early waits, as it waits at the server, until all the streams are there."""
    session = Session(2)
    session.open(1, "stdin")
    assert session.typed(1, b"before the reply") == []
    assert session.reply(1) == []
    assert session.typed(1, b", before the start", finished=True) == []
    session.open(3, "error")
    assert session.reply(3) == [stdin(b"before the reply, before the start"), InputClosed()]


def test_the_last_of_a_type_counts() -> None:
    """Of two streams for the input, the server reads the one that it took last."""
    session = Session(3)
    session.open(1, "stdin")
    session.open(3, "stdin")
    session.typed(1, b"first")
    session.typed(3, b"second")
    session.reply(1, 3)
    session.open(5, "error")
    assert session.reply(5) == [stdin(b"second")]
    assert session.typed(1, b"first") == []
    assert session.typed(3, b"more") == [stdin(b"more")]


def test_a_stream_that_is_too_late() -> None:
    """Behind the start the server takes no more streams: no reply, nothing read."""
    session = started("error", "stdin")
    session.open(5, "stdin")
    assert session.typed(5, b"ignored") == []
    assert session.typed(3, b"read") == [stdin(b"read")]
    assert session.reader.end() == []


def test_a_reply_is_believed() -> None:
    """If the server does take one, its reading counts."""
    session = started("error", "stdin")
    session.open(5, "stdin")
    session.typed(5, b"early")
    assert session.reply(5) == [stdin(b"early")]


def test_output_shows_that_it_runs() -> None:
    """When the server writes, the session has started, whatever was expected."""
    session = Session(9)
    session.open(1, "stdin")
    session.open(3, "stdout")
    session.reply(1, 3)
    session.typed(1, b"in")
    assert session.got(session.server.data(3, b"out")) == [
        stdin(b"in"),
        Carried(Channel.STDOUT, b"out"),
    ]


def test_what_waits_is_not_lost() -> None:
    """At the end of a session that nobody saw starting, and when more comes than can wait."""
    session = Session(9)
    session.open(1, "stdin")
    session.reply(1)
    session.typed(1, b"in")
    assert session.reader.end() == [stdin(b"in")]
    session = Session(9)
    session.open(1, "stdin")
    session.reply(1)
    piece = bytes(MAXIMUM_WAITING)
    assert session.typed(1, piece) == []
    assert session.typed(1, b"x") == [stdin(piece), stdin(b"x")]


def test_too_much_before_the_reply() -> None:
    """What could not wait is missing, and it is said when the server takes the stream."""
    session = Session(None)
    session.open(1, "stdin")
    session.typed(1, bytes(MAXIMUM_WAITING + 1))
    first, event = session.reply(1)
    assert first == stdin(bytes(MAXIMUM_WAITING))
    assert isinstance(event, Unreadable)
    assert session.typed(1, b"x") == []


def test_expected_by_nobody() -> None:
    """Without knowing what was asked, a stream counts from its reply on."""
    session = Session(None)
    session.open(1, "stdin")
    assert session.typed(1, b"a") == []
    assert session.reply(1) == [stdin(b"a")]


@pytest.mark.parametrize("data", [b"", b"last"])
def test_the_end_of_input(data: bytes) -> None:
    """FIN, with data or without; what comes behind it is dropped."""
    session = started("error", "stdin")
    read = [stdin(data)] if data else []
    assert session.typed(3, data, finished=True) == [*read, InputClosed()]
    assert session.typed(3, b"late", finished=True) == []
    assert session.sent(session.client.reset(3)) == []


def test_a_reset_input() -> None:
    """RST_STREAM ends the input as well."""
    session = started("error", "stdin")
    assert session.sent(session.client.reset(3)) == [InputClosed()]
    assert session.typed(3, b"late") == []


def test_a_stream_that_is_opened_closed() -> None:
    """FIN on SYN_STREAM: there is no input."""
    session = Session(1)
    session.open(1, "stdin", finished=True)
    assert session.typed(1, b"dropped") == []
    assert session.reply(1) == [InputClosed()]


def test_reset_by_the_server() -> None:
    """What the client sends behind it is dropped, and is no end of its input."""
    session = started("error", "stdin")
    assert session.got(session.server.reset(3)) == []
    assert session.typed(3, b"late", finished=True) == []


def test_v1_resets_the_error_stream_first() -> None:
    """The text comes behind the reset."""
    session = Session(1, is_json=False)
    session.open(1, "error")
    session.reply(1)
    assert session.got(session.server.reset(1) + session.server.data(1, b"failed")) == [
        Outcome(None, message="failed")
    ]


def test_data_behind_the_servers_end() -> None:
    """A stream that the server has finished carries nothing, nor one that is unknown."""
    session = started("error", "stdout")
    assert session.got(session.server.data(3, b"", finished=True)) == []
    assert session.got(session.server.data(3, b"late")) == []
    assert session.got(session.server.data(99, b"unknown")) == []
    assert session.typed(99, b"unknown") == []


def test_streams_of_the_server() -> None:
    """They are none of a container."""
    session = started("error", "stdout")
    raw = session.server.open(2, {"streamtype": "stdin"}) + session.server.data(2, b"x")
    assert session.got(raw) == []


def test_many_streams() -> None:
    """A client that opens streams without end is not followed."""
    session = Session(None)
    for number in range(MAXIMUM_STREAMS):
        assert session.open(2 * number + 1, "stdin") == []
    (event,) = session.open(2 * MAXIMUM_STREAMS + 1, "stdin")
    assert isinstance(event, Unreadable)
    assert session.typed(1, b"x") == []


def test_lost() -> None:
    """What is not SPDY ends its direction, and the other goes on."""
    session = started("error", "stdin", "stdout")
    assert session.sent(b"\xff" * 8) == [Unreadable(True, "a control frame of unknown type")]
    assert session.typed(3, b"x") == []
    assert session.got(session.server.data(5, b"out")) == [Carried(Channel.STDOUT, b"out")]
    assert session.got(b"\xff" * 8) == [Unreadable(False, "a control frame of unknown type")]
    assert session.got(b"\xff" * 8) == []


def test_what_waits_of_a_client_that_is_lost() -> None:
    """After Unreadable nothing of its direction is reported, not even what came before."""
    for raw in (b"\xff" * 8, b""):
        session = Session(2)
        session.open(1, "stdin")
        session.typed(1, b"early")
        session.sent(raw)
        session.reader.lose_client()
        assert session.reply(1) == []
        assert session.reader.end() == []


def test_a_status_without_end() -> None:
    """A status in several frames; and one that is cut."""
    session = started("error")
    assert session.got(session.server.data(1, SUCCESS[:5])) == []
    assert session.reader.end() == [Outcome(None, message='{"sta')]
    session = started("error")
    raw = session.server.data(1, SUCCESS[:5]) + session.server.data(1, SUCCESS[5:], finished=True)
    assert session.got(raw) == [Outcome(0)]
