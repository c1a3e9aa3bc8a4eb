"""Header lines: what is written can be read in one way only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.headerlines import UnwritableHeadersError, header_lines
from auditproxy.request.headers import RawHeaders


def test_lines() -> None:
    """A line for each, in order, byte for byte."""
    assert header_lines(()) == b""
    assert header_lines(((b"A", b"1 "), (b"a", b"\xc3\xff"))) == b"A: 1 \r\na: \xc3\xff\r\n"


@pytest.mark.parametrize(
    "header",
    [
        (b"X", b"a\r\nb: c"),
        (b"X", b"a\nb"),
        (b"X", b"a\rb"),
        (b"X", b"a\0b"),
        (b"X\r\nY", b"a"),
        (b"Content-Length", b"3"),
        (b"content-length ", b"3"),
        (b"TRANSFER-ENCODING", b"chunked"),
        (b"Connection", b"close"),
        (b"Upgrade", b"h2c"),
        (b"Expect", b"100-continue"),
        (b"Keep-Alive", b"timeout=5"),
        (b"TE", b"trailers"),
        (b"Trailer", b"X"),
    ],
)
def test_refused(header: tuple[bytes, bytes]) -> None:
    """No line break, and no header that frames the message; the error repeats nothing."""
    with pytest.raises(UnwritableHeadersError) as caught:
        header_lines(((b"Host", b"canary"), header))
    assert "canary" not in str(caught.value)


@given(st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=6)), max_size=4))
def test_any_bytes(headers: list[tuple[bytes, bytes]]) -> None:
    """As many lines as headers, or none at all."""
    raw: RawHeaders = tuple(headers)
    try:
        lines = header_lines(raw)
    except UnwritableHeadersError:
        return
    assert lines.split(b"\r\n") == [*(b"%b: %b" % header for header in raw), b""]
