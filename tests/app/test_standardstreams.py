"""One line for whatever went wrong."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.app.standardstreams import counted, one_line, refusal, write_all


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
    assert [counted(2, noun) for noun in ("body", "day", "body of a request")] == [
        "2 bodies",
        "2 days",
        "2 bodies of a request",
    ]
    assert counted(1, "body") == "1 body"
    assert counted(1, "alert") == "1 alert"


def test_write_all() -> None:
    """More than a pipe holds, as it is read."""
    reader, writer = os.pipe()
    text = bytes(range(256)) * 1000
    writing = threading.Thread(target=write_all, args=(writer, text))
    writing.start()
    read = b""
    while len(read) < len(text):
        read += os.read(reader, 65536)
    writing.join(10)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write_all(writer, b"more")
    os.close(writer)
    assert read == text
