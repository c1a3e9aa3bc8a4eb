"""Lines that an editor accepts without a key that is known to be in them."""

import pytest

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.keys import Press
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.unseen import UnseenLines
from auditproxy.sessions.terminal.waiting import WaitingLines


class Session:
    """A screen with a known prompt, and what is found on it."""

    def __init__(self, columns: int = 80) -> None:
        self.places = Places(columns, 24)
        self.found = FoundLines()
        self.pending = WaitingLines(self.found, self.places)
        self.unseen = UnseenLines(self.places, self.found, self.pending)
        self.show(b"$ ")
        known = TypedLine(self.places.here(), 0.0, 0)
        self.show(b"ls")
        self.places.text(known, self.places.screen.row)
        self.show(b"\r\n")

    def show(self, output: bytes) -> None:
        """Let the screen read some output."""
        self.unseen.output(output)
        for _ in self.places.screen.feed(output):
            self.places.line_feed()

    def end(self) -> list[tuple[str | None, ...]]:
        """What is found when the editor has a line."""
        self.unseen.end(1.0)
        return self.taken()

    def taken(self) -> list[tuple[str | None, ...]]:
        """What was found."""
        return [(command.line, *command.flags) for command in self.found.take()]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"$ id\r\n", [("id", "prompt?")]),
        (b"$ id", [("id", "prompt?")]),
        (b"$ \r\n", []),
        (b"out", []),
    ],
)
def test_what_stands_behind_the_prompt_was_entered(
    output: bytes, expected: list[tuple[str | None, ...]]
) -> None:
    """Before or after the line feed that ends it."""
    session = Session()
    session.unseen.begin(0.0, alternate=False)
    session.show(output)
    assert session.end() == expected


def test_a_line_that_was_given_is_given_once() -> None:
    """Before its prompt, or behind it."""
    session = Session()
    ahead = TypedLine(None, 0.0, 0)
    ahead.was_ahead("id")
    session.pending.add(ahead)
    assert session.pending.find_ahead("id")
    session.found.take()
    for expected in ([], [("id", "prompt?")]):
        session.unseen.begin(0.0, alternate=False)
        session.show(b"$ id\r\n")
        assert session.end() == expected


def test_a_line_may_wrap() -> None:
    """The prompt is in its first row."""
    session = Session(10)
    session.unseen.begin(0.0, alternate=False)
    session.show(b"$ echo one two")
    assert session.end() == [("echo one two", "prompt?")]


@pytest.mark.parametrize(
    ("press", "stopped", "shown", "expected"),
    [
        (Press.INTERRUPT, "id^C", b"$ id^C", []),
        (Press.INTERRUPT, None, b"$ ^C", []),
        (Press.INTERRUPT, None, b"$ id #^C", [("id #^C", "prompt?")]),
        (Press.OTHER, None, b"$ id^C", [("id^C", "prompt?")]),
    ],
)
def test_an_interrupt_enters_nothing(
    press: Press, stopped: str | None, shown: bytes, expected: list[tuple[str | None, ...]]
) -> None:
    """If it was the last key, and is shown behind nothing but a line that it is known to end."""
    session = Session()
    session.unseen.begin(0.0, alternate=False)
    session.show(shown)
    session.unseen.press(press)
    if stopped is not None:
        session.unseen.stop(stopped)
    assert session.end() == expected


DOUBT: list[tuple[str | None, ...]] = [(None, "hidden", "prompt?")]


@pytest.mark.parametrize(
    ("press", "shown", "expected"),
    [
        (Press.TEXT, b"~/a $ ", []),
        (Press.OTHER, b"~/a $ ", []),
        (Press.TEXT, b"~/a $ id", DOUBT),
        (Press.TEXT, b"~/a $ id # $ ", DOUBT),
        (Press.TEXT, b"7 $ ", []),
        (Press.TEXT, b">>> ", []),
        (Press.TEXT, b"", []),
        (Press.OTHER, b">>> id", DOUBT),
        (Press.INTERRUPT, b"~/a $ ^C", []),
        (Press.INTERRUPT, b"~/a $ id #^C", DOUBT),
    ],
)
def test_another_prompt(press: Press, shown: bytes, expected: list[tuple[str | None, ...]]) -> None:
    """Of what was entered behind it only that is said; an empty line is none."""
    session = Session()
    session.unseen.begin(0.0, alternate=False)
    session.show(shown)
    session.unseen.press(press)
    assert session.end() == expected


def test_a_line_that_was_found_before_another_prompt() -> None:
    """It is shown again, once."""
    session = Session()
    session.pending.shown_before("cd /tmp")
    for expected in ([], DOUBT):
        session.unseen.begin(0.0, alternate=False)
        session.show(b"\r\n~/a $ cd  /tmp")
        assert session.end() == expected


def test_each_doubtful_key_is_said_once() -> None:
    """Behind the prompts of another program, which are not known."""
    session = Session()
    for press in (Press.REPORT, Press.ACCEPT, Press.TEXT):
        session.unseen.press(press)
    session.unseen.begin(0.0, alternate=False)
    session.show(b"\r\n>>> ")
    assert [session.end() for _ in range(3)] == [DOUBT, DOUBT, []]


ALTERNATE: list[tuple[str | None, ...]] = [(None, "hidden", "alternate")]


def test_lines_on_the_alternate_screen_are_noted() -> None:
    """Where an editor has one and begins again, as shells do, whatever key it was."""
    session = Session()
    session.unseen.begin(0.0, alternate=True)
    assert not session.unseen.end_alternate(1.0)
    assert session.taken() == []
    session.unseen.begin(2.0, alternate=True)
    assert session.taken() == ALTERNATE


def test_an_editor_that_began_on_the_main_screen_has_a_line() -> None:
    """At once: what shows the main screen again may come next."""
    session = Session()
    session.unseen.begin(0.0, alternate=False)
    assert session.unseen.end_alternate(1.0)
    assert session.taken() == ALTERNATE


@pytest.mark.parametrize("is_found", [False, True], ids=["again", "after a line"])
def test_a_program_that_leaves(is_found: bool) -> None:
    """It ends as a shell's editor does; on the main screen an editor begins, or a line is found."""
    session = Session()
    session.unseen.begin(0.0, alternate=True)
    session.unseen.end_alternate(1.0)
    if is_found:
        session.found.give(TypedLine(None, 0.0, 0).command("vim"))
    else:
        session.unseen.begin(2.0, alternate=False)
    session.taken()
    session.unseen.begin(3.0, alternate=True)
    assert session.taken() == []


def test_a_flood_is_said_once_a_second() -> None:
    """However many lines it may have had."""
    session = Session()
    for now in (1.0, 1.1, 1.9, 2.0):
        session.unseen.flood(now)
    assert session.taken() == [(None, "hidden", "gap")] * 2


def test_a_line_that_cannot_be_read_is_said() -> None:
    """As part of a flood."""
    session = Session()
    session.places.skip(b"x" * 8192)
    session.places.spend(b"x" * 60_000)
    assert session.end() == [(None, "hidden", "gap")]
