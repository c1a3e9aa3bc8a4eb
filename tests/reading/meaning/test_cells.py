"""Text for a terminal: nothing steers it, and columns are what it shows."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.cells import (
    ELLIPSIS,
    aligned,
    columns,
    cut,
    fitted,
    visible,
    widest,
)

HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            "\x00\x1b\x07\r\n\t\x7f\x9b\u202e\u2066\u200b\u200f\ufe0f\u3164\U000e0101宽é"
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\x00b", "a\\x00b"),
        ("two\nlines", "two\\nlines"),
        ("\u3164", "\\u3164"),
        ("a\ufe0f", "a\\ufe0f"),
        ("\ud800", "\\ud800"),
        ("<b>", "<b>"),
        ("漢字", "漢字"),
        ("e\u0301\u0302\u0303\u0304o\u0301", "e\u0301\u0302\u0303\u0304o\u0301"),
        ("e" + "\u0301" * 6 + "o\u0301", "e" + "\u0301" * 4 + r"\u0301\u0301o" + "\u0301"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    """Controls, directions and what cannot be seen are spelled out; other text is as it is."""
    assert visible(text) == shown


@given(HOSTILE)
def test_nothing_steers(text: str) -> None:
    """No character of the result has a category of controls, formats, surrogates or separators."""
    shown = visible(text)
    categories = {unicodedata.category(char) for char in shown}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert re.search("[\ufe00-\ufe0f\u3164]", shown) is None
    shown.encode()


@given(HOSTILE, st.integers(0, 40))
def test_widths(text: str, width: int) -> None:
    """What is cut is never wider than asked for, and what is fitted is exactly as wide."""
    shown = visible(text)
    assert columns(cut(shown, width)) <= width
    assert columns(fitted(shown, width)) == width
    if columns(shown) <= width:
        assert cut(shown, width) == shown
    elif width:
        assert cut(shown, width).endswith(ELLIPSIS)


def test_long_text_is_not_read_whole() -> None:
    """A field of a megabyte is a field of some thousand characters."""
    assert len(visible("a" * 1_000_000, 100)) == 100


def test_columns() -> None:
    """Wide characters take two columns, combining ones none."""
    assert columns("漢a") == 3
    assert columns("e\u0301") == 1
    rows = [("漢", "b"), ("a", "ccc")]
    assert widest(rows, [0, 0]) == [2, 3]
    assert widest([], [4, 1]) == [4, 1]
    assert aligned(rows, [2, 3]) == ["漢  b", "a   ccc"]
