"""What is taken for a line, by what was typed and what the screen shows of it."""

import pytest

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.keys import Key, Press
from auditproxy.sessions.terminal.reported import TEXT_LIMIT
from auditproxy.sessions.terminal.typed import Anchor


def entered(*keys: Key | str, echoed: bool = True, editor: bool = False) -> TypedLine:
    """A line after Enter."""
    entry = TypedLine(Anchor(0, 2, "$ "), 0.0, 0)
    for key in keys:
        entry.press(Key(Press.TEXT, key.encode()) if isinstance(key, str) else key)
    entry.echoed = echoed
    entry.enter(0.5, 0, editor=editor)
    return entry


def narrow(entry: TypedLine) -> TypedLine:
    """The same on a terminal that does not show all of it."""
    entry.partial = True
    return entry


LEFT = Key(Press.OTHER)
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("entry", "text", "expected"),
    [
        pytest.param(entered("ls"), "ls", ("ls",), id="as typed"),
        pytest.param(entered("ls"), "ls ", ("ls ",), id="blanks do not matter"),
        pytest.param(entered("ls", echoed=False), "ls", ("ls",), id="all in one piece"),
        pytest.param(entered(""), "", None, id="Enter alone"),
        pytest.param(entered(""), "output", None, id="Enter alone, before output"),
        pytest.param(entered(SECRET, echoed=False), "", (None, "hidden"), id="without echo"),
        pytest.param(
            entered(SECRET, echoed=False),
            "got hunter2",
            (None, "hidden", "no-echo"),
            id="shown later",
        ),
        pytest.param(
            entered(SECRET, echoed=True), "*******", (None, "hidden", "no-echo"), id="as stars"
        ),
        pytest.param(
            entered("hunt", LEFT, "er2", echoed=False),
            "got hunter2",
            (None, "hidden", "no-echo"),
            id="edited",
        ),
        pytest.param(
            entered("hunt", LEFT, echoed=False), "", (None, "hidden"), id="edited, nothing"
        ),
        pytest.param(
            entered("ec", LEFT, "ho", echoed=False),
            "echo ho",
            ("echo ho",),
            id="edited, in one piece",
        ),
        pytest.param(entered(LEFT), "ls -l", ("ls -l",), id="from history"),
        pytest.param(entered(LEFT, "x"), "", None, id="killed to nothing"),
        pytest.param(entered("gco", editor=True), "git checkout", ("git checkout",), id="expanded"),
        pytest.param(
            entered("ls"), "git checkout", (None, "hidden", "no-echo"), id="not an editor"
        ),
        pytest.param(
            entered("ls"), "l\nnoise\ns", ("l\nnoise\ns", "prompt?"), id="noise in between"
        ),
        pytest.param(entered("lx", Key(Press.BACKSPACE), "s"), "ls", ("ls",), id="backspace"),
        pytest.param(entered("rm", Key(Press.KILL), "ls"), "ls", ("ls",), id="^U"),
        pytest.param(
            entered("echo one", editor=True), "<ne", ("<ne", "cut"), id="not all that was typed"
        ),
        pytest.param(narrow(entered(LEFT)), "<ne", ("<ne", "cut"), id="on a narrow terminal"),
        pytest.param(narrow(entered("ls", LEFT)), "", (None, "hidden"), id="nothing is left there"),
    ],
)
def test_row(entry: TypedLine, text: str, expected: tuple[str | None, ...] | None) -> None:
    """One line."""
    command = entry.judge(text)
    assert (None if command is None else (command.line, *command.flags)) == expected
    if command is not None and command.line is None:
        assert SECRET not in repr(command)


def test_a_second_of_silence_is_no_echo() -> None:
    """A text that equals what was typed is output, when nothing was shown while it was typed."""
    entry = TypedLine(Anchor(0, 0), 10.0, 5)
    entry.press(Key(Press.TEXT, b"hunter2"))
    entry.enter(11.5, 5, editor=False)
    command = entry.judge("hunter2")
    assert command is not None
    assert command.line is None


def test_a_text_is_cut_and_without_controls() -> None:
    """At most 4 KiB, and nothing that would not be text in a log."""
    command = entered(LEFT).command("é" * TEXT_LIMIT)
    assert command is not None
    assert command.line is not None
    assert len(command.line.encode()) == TEXT_LIMIT
    assert command.flags == ("cut",)
    odd = entered(LEFT).command("a\x1b[31m\x07b\u202ec\nd")
    assert odd is not None
    assert odd.line == "a[31mbc\nd"


def test_what_was_typed_is_in_no_repr() -> None:
    """It may be a password."""
    assert SECRET not in repr(entered(SECRET))
