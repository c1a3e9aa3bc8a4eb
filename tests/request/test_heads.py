"""Heads read once more: what may be served in another spelling, and what is known of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.heads import (
    OTHER_NAME,
    head_fault,
    may_begin,
    request_line,
    respelled,
)

BYTES = st.binary(max_size=200)
HEADS = st.lists(
    st.sampled_from(
        [
            b"GET", b" ", b"/a", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b":", b"Host: a",
            b"User-Agent: x", b"user-agent:y", b"ETag: z", b"X-Respelled: w", b"\xc3\xa4", b"\t", b"",
        ]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


@pytest.mark.parametrize(
    ("head", "line"),
    [
        (b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", ("GET", b"/a", b"HTTP/1.1")),
        (b"GET /a HTTP/1.1\n", ("GET", b"/a", b"HTTP/1.1")),
        (b"GET /a HTTP/2.0\r\n", ("GET", b"/a", b"HTTP/2.0")),
        (b"GET /a b c HTTP/1.1\r\n", ("GET", b"/a b c", b"HTTP/1.1")),
        (b"GET /a\r\n", ("GET", b"/a", b"")),
        (b"GET /cut", ("GET", b"/cut", b"")),
        (b"get http://a/ HTTP/1.1\r\n", ("get", b"http://a/", b"HTTP/1.1")),
        (b"A" * 70 + b" /a HTTP/1.1\r\n", ("A" * 64, b"/a", b"HTTP/1.1")),
        (b"GET a\r\n", None),
        (b"GET", None),
        (b"", None),
        (b"G\xc3\xa4T /a HTTP/1.1\r\n", None),
        (b" /a HTTP/1.1\r\n", None),
        (b"\x16\x03\x01 /", None),
    ],
)
def test_request_line(head: bytes, line: tuple[str, bytes, bytes] | None) -> None:
    """A3: method and target of whatever begins like a request."""
    found = request_line(head)
    assert (found and (found.method, found.target, found.version)) == line


def test_respelled() -> None:
    """A2, A3: the parser is shown another target, and other names for what it takes once."""
    head = (
        b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nuser-AGENT: y\r\nX-respelled: z\r\n"
        b"Content-Type: a\r\nContent-Type: b\r\nContent-Type: c\r\nSec-WebSocket-Key1: k\r\n\r\n"
    )
    again = respelled(head)
    assert again is not None
    assert again.line.target == b"/\xc3\xa4"
    assert again.head == (
        b"POST / HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nX-Respelled: y\r\nX-Respelled: z\r\n"
        b"Content-Type: a\r\nX-Respelled: b\r\nX-Respelled: c\r\nX-Respelled: k\r\n\r\n"
    )
    assert again.names == (
        b"user-AGENT", b"X-respelled", b"Content-Type", b"Content-Type", b"Sec-WebSocket-Key1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"A" * 65 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"garbage\r\n\r\n",
    ],
)
def test_not_respelled(head: bytes) -> None:
    """What is no request line of HTTP/1.0 or 1.1 is not shown to the parser again."""
    assert respelled(head) is None


@given(HEADS)
def test_only_names_change(head: bytes) -> None:
    """Framing headers, values and the number of lines stay: one reader decides about them."""
    again = respelled(head + b"\r\n\r\n")
    if again is None:
        return
    before = (head + b"\r\n\r\n").removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    after = again.head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    names = iter(again.names)
    for old, new in zip(before, after, strict=True):
        if old != new:
            name = next(names)
            assert (new, old) == (OTHER_NAME + old[len(name) :], name + old[len(name) :])
            assert name.lower() not in (b"host", b"content-length", b"transfer-encoding")
        elif new.startswith(OTHER_NAME + b":"):
            assert next(names) == OTHER_NAME
    assert list(names) == []


@given(BYTES)
def test_any_bytes(data: bytes) -> None:
    """Nothing is raised, and whatever is refused has a Status that repeats none of it."""
    may_begin(data)
    respelled(data)
    line = request_line(data)
    if line is not None:
        assert head_fault(data, line).code in (400, 431, 505)


@given(st.integers(1, 60))
def test_beginnings(size: int) -> None:
    """However a head is cut, its beginning may become one."""
    head = b"DELETE /api/v1/pods?a=\xff HTTP/1.1\r\nHost: a\r\nAccept: x\r\n\r\n"
    assert may_begin(head[:size])


@pytest.mark.parametrize(
    "data", [b"\x16\x03", b"hello there\r\n", b"G\0", b"GET / HTTP/1.1\n", b":"]
)
def test_no_beginnings(data: bytes) -> None:
    """What never becomes a head is known at once."""
    assert not may_begin(data)
