"""One line for whatever went wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.app.standardstreams import one_line, refusal


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
