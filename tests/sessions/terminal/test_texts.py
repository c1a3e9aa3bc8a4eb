"""Texts of a terminal, compared."""

import pytest

from auditproxy.sessions.terminal.texts import as_shown, could_show, printable, squeezed


@pytest.mark.parametrize(
    ("sent", "text", "expected"),
    [
        pytest.param(b"ls", "ls", True, id="text"),
        pytest.param(b"\x1b[M;id", "^[[M;id", True, id="the kernel's echo"),
        pytest.param(b"\x1b];id\x07", ";id", True, id="what an editor inserts of it"),
        pytest.param(b"a b", "ab", True, id="blanks do not matter"),
        pytest.param(b"\x1b[I", "$ ", False, id="a prompt"),
        pytest.param(b"id", "di", False, id="another order"),
    ],
)
def test_what_could_be_an_echo(sent: bytes, text: str, expected: bool) -> None:
    """In order, and perhaps not all of it."""
    assert could_show(sent, text) is expected


def test_controls_are_shown_as_the_kernel_does() -> None:
    """But for tabs and newlines."""
    assert as_shown(b"\x1b\x07\x7f\t\n\xc3\xa9") == "^[^G^?\t\n\u00e9"


def test_what_would_not_be_text_is_left_out() -> None:
    """Controls and formats."""
    assert printable("a\x1b\u202eb\u200dc") == "ab\u200dc"
    assert squeezed(" a\nb ") == "ab"
