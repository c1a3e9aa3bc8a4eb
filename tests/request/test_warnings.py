"""Warning headers: kube's quoting, row by row (apimachinery util/net http_test.go)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.warnings import warning_headers, warning_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my message", '299 - "my message"'),
        ("my \u1234 message ", '299 - "my \u1234 message "'),
        ('a "quoted" \\ text', '299 - "a \\"quoted\\" \\\\ text"'),
        ("", None),
        ("a\nb", None),
        ("a\tb", None),
        ("a\x7f", None),
        ("a\x85", None),
        ("a\udcff", None),
    ],
)
def test_values(text: str, value: str | None) -> None:
    """C6: quotes and backslashes are escaped; control characters and invalid Unicode are no text."""
    assert warning_value(text) == value


def test_each_once() -> None:
    """C6: one line a text, in order."""
    assert warning_headers(["b", "a", "b", "\n"]) == (
        (b"Warning", b'299 - "b"'),
        (b"Warning", b'299 - "a"'),
    )


@given(st.text())
def test_one_line(text: str) -> None:
    """No text breaks out of its line."""
    for _, value in warning_headers([text]):
        assert value.translate(None, b"\r\n\0") == value
