"""Text as Go prints it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.gotext import go_quote, html_sanitize


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
