"""Lines that wait for what the terminal shows of them."""

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.found import FoundLines
from auditproxy.sessions.terminal.keys import Key, Press
from auditproxy.sessions.terminal.places import Places
from auditproxy.sessions.terminal.waiting import MOST_PENDING, WaitingLines


def entered(*keys: Key | bytes) -> TypedLine:
    """A line that was entered before its place was known."""
    entry = TypedLine(None, 0.0, 0)
    for key in keys:
        entry.press(Key(Press.TEXT, key) if isinstance(key, bytes) else key)
    entry.enter(0.0, 0, editor=False)
    return entry


def waiting(*lines: TypedLine) -> tuple[WaitingLines, FoundLines]:
    """Lines, and what comes of them."""
    found = FoundLines()
    pending = WaitingLines(found, Places())
    for entry in lines:
        pending.add(entry)
    return pending, found


def test_too_many_give_way() -> None:
    """They are hidden, with a gap."""
    pending, found = waiting(*(entered(b"ls") for _ in range(MOST_PENDING + 2)))
    assert [command.flags for command in found.take()] == [("hidden", "gap")] * 2
    assert len(list(pending)) == MOST_PENDING


def test_those_before_one_that_is_shown_are_hidden() -> None:
    """They had their time."""
    pending, found = waiting(entered(b"one"), entered(b"two"), entered(b"three"))
    assert pending.find_ahead("$ two")
    assert [command.line for command in found.take()] == [None, "two"]
    assert not pending.find_ahead("$ four")
    assert [entry.typed for entry in pending] == ["three"]


def test_a_line_is_given_up_with_its_flags() -> None:
    """Unless there was no key at all."""
    pending, found = waiting(entered(), entered(b"ls"), entered(Key(Press.OTHER, b"\x1b[A")))
    while pending:
        pending.give_up("unfinished")
    assert [command.flags for command in found.take()] == [("hidden", "unfinished")] * 2


def test_another_key_than_enter_splits_a_line_that_its_row_shows_in_part() -> None:
    """As bash does with ^O; and not where the kernel shows all of it in one row."""
    accept = Key(Press.ACCEPT, b"\x0f")
    pending, _ = waiting(entered(b"one", accept, b"two"))
    pending.split("one^Otwo")
    assert len(list(pending)) == 1
    pending.split("one")
    assert [entry.typed for entry in pending] == ["one", "two"]


def test_a_line_that_was_shown_before_its_prompt_is_shown_again_once() -> None:
    """Whatever blanks are between."""
    pending, _ = waiting(entered(b"echo one"))
    assert not pending.was_ahead("echo one")
    assert pending.find_ahead("echo one")
    assert pending.was_ahead("echo  one")
    assert not pending.was_ahead("echo one")


def test_a_split_is_bounded() -> None:
    """Each line costs more than its byte."""
    accept = Key(Press.ACCEPT, b"\x0f")
    pending, _ = waiting(entered(*(key for _ in range(500) for key in (b"x", accept)), b"y"))
    pending.split("x")
    assert len(list(pending)) <= MOST_PENDING + 1
    assert pending.first.flags == ["gap"]
