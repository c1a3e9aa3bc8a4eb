"""Text as Go prints it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.gotext import go_float, go_quote, html_sanitize


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'),
        ("\x00\x1f\x7f", '"\\x00\\x1f\\x7f"'),
        ("é世", '"é世"'),
        ("\u200b", '"\\u200b"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("\udc80", '"\\x80"'),
    ],
)
def test_go_quote(text: str, quoted: str) -> None:
    """Go's %q: printable text as it is, everything else escaped."""
    assert go_quote(text) == quoted


@given(st.text(max_size=20))
def test_quoted_is_one_line(text: str) -> None:
    """Whatever is quoted is one line between quotes."""
    quoted = go_quote(text)
    assert quoted.startswith('"')
    assert quoted.endswith('"')
    assert quoted.isprintable()


def test_html_sanitize() -> None:
    """Only the three characters that a browser would read."""
    assert html_sanitize('<a> & "b"') == '&lt;a&gt; &amp; "b"'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"),
        (-2.25, "-2.25"),
        (0.1, "0.1"),
        (100.0, "100"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.25e-7, "1.25e-7"),
        (123456.789, "123456.789"),
        (0.0, "0"),
        (-0.0, "-0"),
    ],
)
def test_go_float(value: float, expected: str) -> None:
    """Go's spelling: exponents only below 1e-6 and from 1e21 on, without leading zeros."""
    assert go_float(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_go_float_is_the_same_number(value: float) -> None:
    """Whatever the spelling, reading it gives the number, and an exponent is the shorter one."""
    shown = go_float(value)
    assert float(shown) == value
    assert ("e" in shown) == (value != 0 and not 1e-6 <= abs(value) < 1e21)
