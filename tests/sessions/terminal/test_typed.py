"""What is typed of one line."""

import pytest

from auditproxy.sessions.terminal.keys import Key, Press
from auditproxy.sessions.terminal.typed import TypedKeys

TEXT = Key(Press.TEXT, b"id")


def typed(*keys: Key) -> TypedKeys:
    """A line with some keys."""
    line = TypedKeys(None, 0.0, 0)
    for key in keys:
        line.press(key)
    return line


@pytest.mark.parametrize(
    ("keys", "text", "plain", "completes"),
    [
        ([TEXT], "id", True, True),
        ([TEXT, Key(Press.BACKSPACE, b"\x7f")], "i", True, True),
        ([TEXT, Key(Press.OTHER, b"\t")], "id", False, True),
        ([TEXT, Key(Press.OTHER, b"\x1b[A")], "id", False, False),
        ([TEXT, Key(Press.OTHER, b"\x1b[A"), Key(Press.OTHER, b"\t")], "id", False, False),
        ([Key(Press.TEXT, b"a\nb")], "a\nb", True, False),
    ],
)
def test_what_keys_make_of_it(keys: list[Key], text: str, plain: bool, completes: bool) -> None:
    """Characters, whether they are all of it, and whether choices may be listed below it."""
    line = typed(*keys)
    assert (line.typed, line.plain, line.completes) == (text, plain, completes)


@pytest.mark.parametrize(
    ("keys", "echoed", "is_unseen"),
    [
        ([TEXT, Key(Press.KILL, b"\x15")], False, True),
        ([TEXT, Key(Press.KILL, b"\x15")], True, False),
        ([Key(Press.KILL, b"\x15")], False, False),
    ],
)
def test_what_was_never_shown_may_be_there_still(
    keys: list[Key], echoed: bool, is_unseen: bool
) -> None:
    """Keys that take away may mean nothing to the program."""
    line = typed(*keys)
    line.echoed = echoed
    assert (line.typed, line.is_unseen, line.has_keys) == ("", is_unseen, is_unseen)
