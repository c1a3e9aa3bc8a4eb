"""Cuts: the same ends however the bytes come."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from auditproxy.downstream.segments import CHUNKS_AT_ONCE, Pieces

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


CHUNKS = b'4\r\n\r\n\r\n\r\n00A;x="y"\r\n0123456789\r\n1\r\n\n\r\n'
ENDS = (b"0\r\n\r\n", b"000;a\r\nX: y\r\n\r\n")
NEXT = b"GET / HTTP/1.1\r\n\r\n"


def pieces_of(segments: list[bytes]) -> list[bytes]:
    """The pieces of a chunked body and what follows it."""
    pieces, found = Pieces(), []
    pieces.begin_chunks()
    for segment in segments:
        start = 0
        while start < len(segment):
            end, at_mark = pieces.end(segment, start)
            assert start < end <= len(segment)
            found.append(segment[start:end] + (b"|" if at_mark else b""))
            start = end
    return found


@given(st.sampled_from(ENDS), st.lists(st.integers(0, 80), max_size=80))
def test_chunked_body(end: bytes, places: list[int]) -> None:
    """B8, T086: only the end of the whole body ends a piece, however its bytes come."""
    body = CHUNKS + end
    found = pieces_of(cut(body + NEXT, [place for place in places if place < len(body + NEXT)]))
    assert b"".join(found) == body + b"|" + NEXT + b"|"


def test_chunks_of_line_ends() -> None:
    """B8: empty lines inside chunks cost nothing, and thousands of chunks come in turns."""
    body = b"40000\r\n" + b"\r\n" * 0x20000 + b"\r\n0\r\n\r\n"
    assert len(pieces_of([body])) <= len(body) // CHUNKS_AT_ONCE + 2
    small = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    found = pieces_of([small])
    assert len(found) <= len(small) // CHUNKS_AT_ONCE + 2
    assert max(map(len, found)) <= CHUNKS_AT_ONCE + 8


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=10))
def test_any_chunks(body: bytes, places: list[int]) -> None:
    """What is no chunked body is cut somewhere, and the same without regard to its segments."""
    whole = pieces_of([body]) if body else []
    pieces = pieces_of([p for p in cut(body, [x for x in places if x < len(body)]) if p])
    assert b"".join(pieces) == b"".join(whole)
