"""Cuts: the same ends however the bytes come."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.server.pieces import Pieces

STREAM = b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nA: b\r\n\r\n\r\n\r\nx\r\r\n\r\n\n"


def ends(segments: list[bytes]) -> list[int]:
    """The places in the whole stream where an empty line ends a piece."""
    pieces = Pieces()
    found, offset = [], 0
    for segment in segments:
        start = 0
        while start < len(segment):
            end, at_mark = pieces.end(segment, start)
            assert start < end <= len(segment)
            if at_mark:
                found.append(offset + end)
            start = end
        offset += len(segment)
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in segments."""
    marks = sorted({0, len(data), *places})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=len(STREAM)))
def test_ends_do_not_depend_on_segments(places: list[int]) -> None:
    """T086: each empty line ends a piece, in one segment, two, or one byte a segment."""
    assert ends(cut(STREAM, places)) == ends([STREAM])


def test_ends() -> None:
    """An empty line is found once, and its bytes count for no other."""
    assert ends([b"a\r\n\r\nb\r\n\r\n\r\n\r\n"]) == [5, 10, 14]
    assert ends([b"a\r\n\r\n\r\nb"]) == [5]


def test_body_of_known_length() -> None:
    """Empty lines inside a body of known length are no ends; what follows it is cut anew."""
    pieces = Pieces()
    pieces.body_left = 6
    assert pieces.end(b"a\r\n\r", 0) == (4, False)
    assert pieces.end(b"\nbGET\r\n\r\nx", 0) == (2, False)
    assert pieces.body_left == 0
    assert pieces.end(b"\nbGET\r\n\r\nx", 2) == (9, True)
