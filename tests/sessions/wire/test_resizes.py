"""Sizes of a terminal: a stream of JSON objects."""

import json
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import Resized, Unreadable
from auditproxy.sessions.wire.budget import FrameBudget
from auditproxy.sessions.wire.channels import ChannelReader
from auditproxy.sessions.wire.frames import BINARY
from auditproxy.sessions.wire.resizes import MAXIMUM_SIZE_OBJECT, TOO_LONG, ResizeReader
from auditproxy.sessions.wire.status import OutcomeReader
from auditproxy.sessions.wire.streams import StreamReader
from tests.fakes.spdy import Client
from tests.fakes.websocket import masked


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.time


GOOD = b'{"Width":80,"Height":24}'
OTHER = b'{"Width":81,"Height":24}'
SIZE = Resized(80, 24)


@pytest.mark.parametrize(
    ("raw", "sizes"),
    [
        (GOOD + b"\n", [SIZE]),
        (GOOD, [SIZE]),
        (GOOD + OTHER, [SIZE, Resized(81, 24)]),
        (b" \r\n\t" + GOOD + b"  " + OTHER, [SIZE, Resized(81, 24)]),
        (GOOD + GOOD + OTHER + OTHER + GOOD, [SIZE, Resized(81, 24), SIZE]),
        (b'{"width":80,"HEIGHT":24}', [SIZE]),
        (b'{"Height":24,"X":{"Width":[1,"}"]},"Width":80}', [SIZE]),
        (b'{"Width":1,"width":2,"Width":80,"Height":24}', [SIZE]),
        (b'{"Width":null,"Height":24}', []),
        (b'{"Width":80}', []),
        (b"{}", []),
        (GOOD + b'{"x":1}' + GOOD, [SIZE]),
        (GOOD + b'{"x":-0}' + OTHER, [SIZE, Resized(81, 24)]),
        (b"null" + GOOD, [SIZE]),
        (b'{"a":"\\"}","Width":80,"Height":24}', [SIZE]),
        (b'{"a":"\xff","Width":80,"Height":24}', [SIZE]),
        (b'{"Width":65535,"Height":65535}', [Resized(65535, 65535)]),
    ],
)
def test_sizes(raw: bytes, sizes: list[Resized]) -> None:
    """Keys in any case, several objects in one message, one over several."""
    assert ResizeReader().feed(raw) == sizes
    reader = ResizeReader()
    assert [size for byte in raw for size in reader.feed(bytes((byte,)))] == sizes
    assert reader.feed(b'{"Width":1,"Height":1}' + GOOD) == [Resized(1, 1), SIZE]
    assert not reader.unread


@pytest.mark.parametrize(
    "raw",
    [
        b'{"Width":65536,"Height":24}',
        b'{"Width":-1,"Height":24}',
        b'{"Width":-0,"Height":24}',
        b'{"Width":80.0,"Height":24}',
        b'{"Width":8e1,"Height":24}',
        b'{"Width":"80","Height":24}',
        b'{"Width":true,"Height":24}',
        b'{"Width":[],"Height":24}',
        b'{"x":NaN}',
        b"{x}",
        b'{"Width":80,}',
        b"[]",
        b"5",
        b'"text"',
        b"nul1",
        b"}",
        b"80 24",
    ],
)
def test_the_end_of_sizes(raw: bytes) -> None:
    """What is no size ends the handling for the rest of the session, on the server too."""
    reader = ResizeReader()
    assert reader.feed(GOOD) == [SIZE]
    reader.feed(raw)
    assert reader.feed(OTHER) == []
    assert not reader.unread


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":' + b"[" * (MAXIMUM_SIZE_OBJECT - 5),
        b"{" + b" " * MAXIMUM_SIZE_OBJECT,
        b'{"a":"' + b"x" * MAXIMUM_SIZE_OBJECT + b'","Width":20,"Height":10}',
    ],
)
def test_what_the_server_reads_and_this_does_not(raw: bytes) -> None:
    """The session must not be followed with a size that it may have no more."""
    reader = ResizeReader()
    assert reader.feed(GOOD) == [SIZE]
    assert reader.feed(raw) == []
    assert reader.unread == TOO_LONG
    assert reader.feed(OTHER) == []


def test_closed() -> None:
    """After a half-close of its channel no size is read."""
    reader = ResizeReader()
    reader.close()
    assert reader.feed(GOOD) == []


def test_sizes_without_end() -> None:
    """None is left out, however many came before; what they cost is owed."""
    clock = Clock()
    budget = FrameBudget(clock)
    reader = ResizeReader(budget)
    sizes = reader.feed((GOOD + OTHER) * 10_000)
    assert sizes == [SIZE, Resized(81, 24)] * 10_000
    assert 1.0 < budget.owed() < 10.0
    assert reader.feed(b'{"Width":20,"Height":10}') == [Resized(20, 10)]
    clock.time += 10.0
    assert budget.owed() == 0.0


@given(
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), max_size=5),
    st.lists(st.integers(0, 200), max_size=5),
)
def test_cut_anywhere(wanted: list[tuple[int, int]], cuts: list[int]) -> None:
    """However the messages are cut."""
    raw = b"".join(json.dumps({"Width": w, "Height": h}).encode() for w, h in wanted)
    reader, start, found = ResizeReader(), 0, []
    for cut in (*sorted(cuts), len(raw)):
        found += reader.feed(raw[start:cut])
        start = max(start, min(cut, len(raw)))
    sizes = [Resized(w, h) for w, h in wanted if w and h]
    assert found == [size for size, _ in groupby(sizes)]


@given(st.binary(max_size=60))
def test_garbage(raw: bytes) -> None:
    """Whatever comes is sizes or nothing."""
    for size in ResizeReader().feed(raw):
        assert 0 <= size.columns <= 65535
        assert 0 <= size.rows <= 65535


def test_a_session_with_such_a_size_is_unreadable() -> None:
    """What the client sends is not read any further, and the account learns why."""
    size = b'{"a":"' + b"x" * MAXIMUM_SIZE_OBJECT + b'","Width":20,"Height":10}'
    client, server = Client(), Client()
    channels = ChannelReader(
        OutcomeReader(is_json=True, ends_command=True),
        base64=False,
        half_close=True,
        with_input=True,
        with_sizes=True,
    )
    streams = StreamReader(
        OutcomeReader(is_json=True, ends_command=True), expected=None, with_sizes=True
    )
    streams.from_client(client.open(1, {"streamtype": "resize"}))
    streams.from_server(server.reply(1))
    for found in (
        channels.from_client(masked(BINARY, b"\4" + GOOD + size)),
        streams.from_client(client.data(1, GOOD + size)),
    ):
        assert found == [SIZE, Unreadable(True, TOO_LONG)]
    assert channels.from_client(masked(BINARY, b"\0id")) == []
