"""Recordings read back: those of others, broken ones, and nonsense."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import Channel
from auditproxy.sessions.asciicast import LONGEST_LINE
from auditproxy.sessions.castreader import (
    CastData,
    CastFault,
    CastMarker,
    CastReader,
    CastResize,
    read_cast,
)

HEADER = b'{"version": 2, "width": 100, "height": 30, "env": {"TERM": "x"}}\n'


def test_a_recording_of_others() -> None:
    """asciinema's own: without our key, with codes that nobody knows."""
    cast = read_cast(
        [
            HEADER,
            b'[0, "o", "hi\\u20ac"]\n',
            b'[1.5, "r", "90x20"]\n',
            b'[2, "m", ""]\n',
            b'[3, "z", "?"]\n',
            b'[4, "i", "x"]',
        ]
    )
    assert cast.header is not None
    assert (cast.header.width, cast.header.auditproxy.user) == (100, "")
    assert cast.events == [
        CastData(0, Channel.STDOUT, "hi€".encode(), "hi€"),
        CastResize(1.5, 90, 20),
        CastMarker(2, ""),
        CastData(4, Channel.STDIN, b"x", "x"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"[1.0, ", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "not an event"),
        (b'[1, "o"]', "not an event"),
        (b'[true, "o", ""]', "not an event"),
        (b'["1", "o", ""]', "not an event"),
        (b'[-1, "o", ""]', "not an event"),
        (b'[NaN, "o", ""]', "not an event"),
        (b'[1e999, "o", ""]', "not an event"),
        (b'[1, 2, ""]', "not an event"),
        (b'[1, "o", 7]', "not an event"),
        (b'[1, "r", "80"]', "not a size"),
        (b'[1, "r", "80x\\u0663"]', "not a size"),
        (b'[1, "r", "999999x1"]', "not a size"),
        (b'[1, "b", "?"]', "not base64"),
        (b'[1, "a", "{}"]', "not a note"),
        (b'[1, "a", "[[[[[[["]', "not a note"),
        (
            b'[1, "a", "{\\"type\\":\\"ConnectionClosed\\",\\"durationSeconds\\":1e308}"]',
            "not a note",
        ),
        (b'[1e300, "o", "x"]', "not an event"),
        (b'[1073741825, "o", "x"]', "not an event"),
        (b'[-1, "o", "x"]', "not an event"),
        (b'[1, "a", "{\\"type\\":\\"Gap\\",\\"bytes\\":\\"x\\"}"]', "not a note"),
        (b"x" * (LONGEST_LINE + 1), "longer than a line of a recording can be"),
    ],
)
def test_broken_lines(line: bytes, reason: str) -> None:
    """Each is a fault; what follows is read."""
    cast = read_cast([HEADER, line, b'[1, "o", "on"]'])
    assert cast.faults() == [CastFault(2, reason)]
    assert cast.data(Channel.STDOUT) == b"on"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not the header of a recording"),
        (b"[1]", "not the header of a recording"),
        (b'{"version": "2"}', "not the header of a recording"),
        (b'{"version": 3, "term": {}}', "asciicast version 3, not 2"),
        (b'{"version": 2, "auditproxy": {"user": 7}}', "not the header of a recording"),
        (b'{"version": 2, "timestamp": 1e300}', "the timestamp of its header is not a date"),
        (b'{"version": 2, "timestamp": -1e15}', "the timestamp of its header is not a date"),
    ],
)
def test_broken_headers(line: bytes, reason: str) -> None:
    """A file without a header has none."""
    cast = read_cast([line])
    assert cast.header is None
    assert cast.faults() == [CastFault(1, reason)]


def test_exact_bytes_belong_to_the_next_line_alone() -> None:
    """Not to one behind a fault, and not to the one after."""
    cast = read_cast([HEADER, b'[1, "b", "/w=="]', b'[1, "o", "?"]', b'[1, "o", "x"]'])
    assert cast.data(Channel.STDOUT) == b"\xffx"
    cast = read_cast([HEADER, b'[1, "b", "/w=="]', b"?", b'[1, "o", "x"]'])
    assert cast.data(Channel.STDOUT) == b"x"


def test_a_lone_surrogate() -> None:
    """No writer of ours writes one; it costs one character."""
    cast = read_cast([HEADER, b'[1, "o", "a\\ud83db"]'])
    assert cast.data(Channel.STDOUT) == b"a?b"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
LINES = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.tuples(st.floats(0, 9), st.sampled_from("oirmbsaz"), st.text(max_size=8)).map(
        lambda event: json.dumps(event).encode()
    ),
)


@given(st.lists(LINES, max_size=12))
def test_nonsense(lines: list[bytes]) -> None:
    """Nothing raises; times are numbers."""
    reader = CastReader()
    reader.feed(HEADER)
    for line in lines:
        event = reader.feed(line)
        assert isinstance(event, CastFault | None) or event.seconds >= 0
    CastReader().feed(lines[0] if lines else b"")
