"""traceparent: the rows of W3C Trace Context, and no text that breaks anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.headers import ClientHeaders
from auditproxy.request.traceparent import TraceParent, trace_parent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = TraceParent(int(TRACE, 16), int(SPAN, 16), True)


def read(*values: str) -> TraceParent | None:
    """What headers with these values say."""
    return trace_parent(ClientHeaders(tuple((b"Traceparent", v.encode()) for v in values)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", PARENT),
        (f"00-{TRACE}-{SPAN}-00", PARENT._replace(sampled=False)),
        (f"00-{TRACE}-{SPAN}-03", PARENT),
        (f"01-{TRACE}-{SPAN}-01-more", PARENT),
        (f"cc-{TRACE}-{SPAN}-01", PARENT),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f"01-{TRACE}-{SPAN}-01-{'x' * 300}", None),
        ("", None),
    ],
)
def test_values(value: str, expected: TraceParent | None) -> None:
    """What is valid, and what is as if it were not there."""
    assert read(value) == expected


def test_once() -> None:
    """None, and two, are no parent."""
    assert read() is None
    assert read(str(PARENT), str(PARENT)) is None
    assert read(str(PARENT)) == PARENT


@given(st.text(alphabet="0123456789abcdef-gA \x80", max_size=80) | st.text(max_size=300))
def test_any_text(value: str) -> None:
    """What is read is written the same way, but for its version and flags."""
    found = read(value)
    if found is not None:
        assert str(found)[3:52] == value[3:52]
