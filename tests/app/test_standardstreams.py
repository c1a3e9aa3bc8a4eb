"""One line for whatever went wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.app.standardstreams import counted, one_line, refusal


@given(st.text())
def test_one_line(text: str) -> None:
    """Whatever a file or a peer says, it is one printable line."""
    line = one_line(text)
    assert line == "" or line.isprintable()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/x"), "/x cannot be used: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("gone"), "gone"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_refusal(error: OSError, said: str) -> None:
    """C4: the file where there is one, and the system's reason."""
    assert refusal(error) == said


def test_counted() -> None:
    """The noun of a count, before what it is of."""
    assert [counted(count, "line of sessions") for count in (0, 1, 2)] == [
        "0 lines of sessions",
        "1 line of sessions",
        "2 lines of sessions",
    ]
    assert counted(1, "alert") == "1 alert"
