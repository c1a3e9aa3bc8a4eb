"""Columns of characters, as wcwidth of a C library has them."""

import pytest
from wcwidth import wcwidth

from auditproxy.sessions.terminal.widths import width


@pytest.mark.parametrize(
    ("character", "columns"),
    [
        pytest.param("a", 1, id="ASCII"),
        pytest.param("é", 1, id="Latin"),
        pytest.param("語", 2, id="ideograph"),
        pytest.param("한", 2, id="Hangul syllable"),
        pytest.param("\u1161", 0, id="Hangul vowel that joins"),
        pytest.param("ア", 2, id="full width"),
        pytest.param("ｱ", 1, id="half width"),
        pytest.param("😀", 2, id="emoji"),
        pytest.param("\u0301", 0, id="combining mark"),
        pytest.param("\u200d", 0, id="joiner"),
        pytest.param("\xad", 1, id="soft hyphen"),
        pytest.param("\x9b", 0, id="control"),
    ],
)
def test_row(character: str, columns: int) -> None:
    """One code point."""
    assert width(character) == columns


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0x20, 0x7E),
        (0xA1, 0x2FF),
        (0x300, 0x36F),
        (0x3041, 0x3096),
        (0x4E00, 0x9FFF),
        (0xAC00, 0xD7A3),
    ],
)
def test_blocks_are_as_wcwidth_has_them(first: int, last: int) -> None:
    """Whole blocks that line editors meet."""
    differing = [
        hex(code)
        for code in range(first, last + 1, 7)
        if code != 0xAD and width(chr(code)) != wcwidth(chr(code))
    ]
    assert not differing
