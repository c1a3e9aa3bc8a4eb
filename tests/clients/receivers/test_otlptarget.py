"""Header lines for a collector: what a file may hold, and that it is never shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.faults import Unusable
from auditproxy.clients.receivers.otlptarget import (
    LONGEST_HEADER,
    MAXIMUM_HEADERS,
    OtlpTarget,
    otlp_headers,
)


def test_lines() -> None:
    """One header a line; empty lines and the ends of lines of other systems do no harm."""
    content = b"Authorization: Bearer s3cret=\r\n\nX-Scope-OrgID:team 1 \n"
    assert otlp_headers(content) == (
        ("Authorization", "Bearer s3cret="),
        ("X-Scope-OrgID", "team 1"),
    )
    assert otlp_headers(b"") == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"s3cret", "line 1 is not a header line"),
        (b"A: b\n s3cret: c", "line 2 is not a header line"),
        (b"A: s3cret\rB: c", "line 1 is not a header line"),
        (b"A: s3cret\0", "line 1 is not a header line"),
        (b"A: s3cret\xc3\xa4", "line 1 is not a header line"),
        (b"A:", "line 1 is not a header line"),
        (b"A: s3cret" + b"x" * LONGEST_HEADER, "line 1 is not a header line"),
        (b"content-Length: s3cret", "line 1 is a header that we set ourselves"),
        (b"A: s3cret\na: c", "line 2 repeats a header"),
        (
            b"".join(b"A%d: s3cret\n" % number for number in range(MAXIMUM_HEADERS + 1)),
            "has more than",
        ),
    ],
)
def test_faults(content: bytes, text: str) -> None:
    """The number of the line, and nothing of it."""
    with pytest.raises(Unusable) as raised:
        otlp_headers(content)
    (fault,) = raised.value.faults
    assert text in fault
    assert "s3cret" not in fault


@given(st.binary())
def test_any_file(content: bytes) -> None:
    """Headers that can stand in a request, or a fault."""
    try:
        headers = otlp_headers(content)
    except Unusable:
        return
    for name, value in headers:
        assert name.isascii()
        assert value.isascii()
        assert not {"\r", "\n", "\0"} & set(name + value)


def test_not_shown() -> None:
    """Where it goes is said; what logs in there is not."""
    target = OtlpTarget("https://collector:4318/v1/logs", (("A", "s3cret"),))
    assert target.place == "https://collector:4318"
    assert "s3cret" not in repr(target)
