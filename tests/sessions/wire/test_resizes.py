"""Sizes of a terminal: a stream of JSON objects."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.session import Resized
from auditproxy.sessions.wire.resizes import MAXIMUM_SIZE_OBJECT, MAXIMUM_SIZES, ResizeReader

GOOD = b'{"Width":80,"Height":24}'
SIZE = Resized(80, 24)


@pytest.mark.parametrize(
    ("raw", "sizes"),
    [
        (GOOD + b"\n", [SIZE]),
        (GOOD, [SIZE]),
        (GOOD + GOOD, [SIZE, SIZE]),
        (b" \r\n\t" + GOOD + b"  " + GOOD, [SIZE, SIZE]),
        (b'{"width":80,"HEIGHT":24}', [SIZE]),
        (b'{"Height":24,"X":{"Width":[1,"}"]},"Width":80}', [SIZE]),
        (b'{"Width":1,"width":2,"Width":80,"Height":24}', [SIZE]),
        (b'{"Width":null,"Height":24}', [Resized(0, 24)]),
        (b'{"Width":80}', [Resized(80, 0)]),
        (b"{}", [Resized(0, 0)]),
        (b"null" + GOOD, [Resized(0, 0), SIZE]),
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
    assert reader.feed(GOOD) == [SIZE]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"Width":65536,"Height":24}',
        b'{"Width":-1,"Height":24}',
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
        b'{"a":' + b"[" * (MAXIMUM_SIZE_OBJECT - 5),
        b"{" + b" " * MAXIMUM_SIZE_OBJECT,
        b'{"a":' + b"[" * 1800 + b"]" * 1800 + b"}" + b"x",
    ],
)
def test_the_end_of_sizes(raw: bytes) -> None:
    """What is no size ends the handling for the rest of the session."""
    reader = ResizeReader()
    assert reader.feed(GOOD) == [SIZE]
    reader.feed(raw)
    assert reader.feed(GOOD) == []


def test_closed() -> None:
    """After a half-close of its channel no size is read."""
    reader = ResizeReader()
    reader.close()
    assert reader.feed(GOOD) == []


def test_sizes_without_end() -> None:
    """A client that does nothing but resize is not followed for ever."""
    assert len(ResizeReader().feed(b"{}" * (MAXIMUM_SIZES + 10))) == MAXIMUM_SIZES


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
    assert found == [Resized(w, h) for w, h in wanted]


@given(st.binary(max_size=60))
def test_garbage(raw: bytes) -> None:
    """Whatever comes is sizes or nothing."""
    for size in ResizeReader().feed(raw):
        assert 0 <= size.columns <= 65535
        assert 0 <= size.rows <= 65535
