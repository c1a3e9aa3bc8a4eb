"""Lines on their way out: at once, or when a program has said what they were."""

from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.reported import TerminalCommand


def line(text: str) -> TerminalCommand:
    """A line as it was found."""
    return TerminalCommand(line=text, entered=1.0)


def test_a_line_goes_out_at_once() -> None:
    """And only once; an exit code without marks is not of any line."""
    found = FoundLines()
    found.give(line("ls"))
    found.done(0)
    assert found.take() == [line("ls")]
    assert found.take() == []


def test_an_exit_code_follows_its_line() -> None:
    """Once, and only where there was a line."""
    found = FoundLines()
    found.marks = True
    found.done(1)
    found.give(line("ls"))
    found.done(2)
    found.done(3)
    assert [(c.line, c.exit_code) for c in found.take()] == [("ls", None), ("ls", 2)]


def test_a_claim_takes_the_place_of_the_text() -> None:
    """It is redacted too, and marked."""
    found = FoundLines(lambda text: text.upper())
    found.claims = True
    found.give(line("ls"))
    assert found.take() == []
    found.claim("rm")
    found.release()
    assert [(c.line, c.flags) for c in found.take()] == [("RM", ("client-claimed",))]


def test_a_line_is_held_until_the_next_at_most() -> None:
    """A program that claims nothing holds nothing back."""
    found = FoundLines()
    found.claims = True
    found.give(line("one"))
    found.give(line("two"))
    assert found.take() == [line("one")]
