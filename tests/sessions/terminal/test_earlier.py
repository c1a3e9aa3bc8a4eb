"""What came before the first key of a line, and is in the line or not."""

from auditproxy.sessions.terminal.earlier import Earlier
from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.keys import Key, Press
from auditproxy.sessions.terminal.places import Places


def shown(output: bytes) -> Places:
    """A screen that shows some output."""
    places = Places()
    show(places, output)
    return places


def show(places: Places, output: bytes) -> None:
    """Let the screen read more."""
    for _ in places.screen.feed(output):
        places.line_feed()


def begun(places: Places) -> TypedLine:
    """A line that begins at the cursor."""
    return TypedLine(places.here(), 0.0, 0)


def test_an_answer_that_nothing_shows_is_none_of_the_line() -> None:
    """As a terminal sends it."""
    places = shown(b"$ ")
    earlier = Earlier(places)
    earlier.report(b"\x1b[24;80R", placed=True)
    entry = begun(places)
    earlier.settle(entry, marked=False)
    assert entry.plain
    assert not entry.uncertain
    assert entry.judge("") is None


def test_an_answer_that_is_shown_begins_the_line() -> None:
    """A program took it for keys."""
    places = shown(b"$ ")
    earlier = Earlier(places)
    earlier.report(b"\x1b[M;id", placed=True)
    show(places, b"^[[M;id")
    entry = begun(places)
    earlier.settle(entry, marked=False)
    command = entry.judge(places.text(entry, 0))
    assert command is not None
    assert (command.line, command.flags) == ("^[[M;id", ())


def test_something_else_behind_the_prompt_is_in_the_line_too() -> None:
    """It may be what an editor made of it."""
    places = shown(b"$ ")
    earlier = Earlier(places)
    earlier.report(b"\x1b_", placed=True)
    show(places, b"recalled")
    entry = begun(places)
    earlier.settle(entry, marked=False)
    command = entry.judge(places.text(entry, 0))
    assert command is not None
    assert (command.line, command.flags) == ("recalled", ("prompt?",))


def test_an_answer_before_an_unknown_prompt_leaves_a_doubt() -> None:
    """Enter alone is then hidden, not nothing."""
    places = shown(b"")
    earlier = Earlier(places)
    earlier.report(b"\x1b[?1;2c", placed=True)
    show(places, b"out\r\n$ ")
    entry = begun(places)
    earlier.settle(entry, marked=False)
    command = entry.judge("")
    assert command is not None
    assert command.flags == ("hidden", "prompt?")


def test_an_interrupted_line_goes_on_where_the_cursor_stays() -> None:
    """And ends with a line feed."""
    places = shown(b"$ ")
    earlier = Earlier(places)
    entry = begun(places)
    entry.press(Key(Press.TEXT, b"id"))
    show(places, b"id")
    earlier.stop(entry)
    assert earlier.resume(pending=False) is entry
    earlier.stop(entry)
    show(places, b"^C\r\n$ ")
    assert earlier.resume(pending=False) is None
    after = begun(places)
    earlier.settle(after, marked=False)
    assert not after.uncertain, "^C says that it has ended"


def test_a_line_that_left_its_row_without_an_interrupt_leaves_a_doubt() -> None:
    """An editor that is told a wrong place wraps it anywhere; the ^C above is an older one."""
    places = shown(b"$ ^C\r\n$ ")
    earlier = Earlier(places)
    entry = begun(places)
    entry.press(Key(Press.TEXT, b"id"))
    show(places, b"i\r\nd")
    earlier.stop(entry)
    assert earlier.resume(pending=False) is None
    after = begun(places)
    earlier.settle(after, marked=False)
    assert after.uncertain


def test_a_line_that_was_lost_leaves_a_doubt() -> None:
    """Its place is void."""
    places = shown(b"$ ")
    earlier = Earlier(places)
    earlier.stop(begun(places))
    earlier.lose()
    assert earlier.resume(pending=False) is None
    entry = begun(places)
    earlier.settle(entry, marked=False)
    assert entry.uncertain


def test_keys_from_before_the_prompt_are_behind_it() -> None:
    """When the line is entered."""
    places = shown(b"$ ")
    known = begun(places)
    show(places, b"ls")
    places.text(known, places.screen.row)
    show(places, b"\r\n$ id")
    entry = TypedLine(None, 0.0, 0)
    entry.press(Key(Press.OTHER, b"\x1b[C"))
    Earlier(places).place(entry)
    assert entry.anchor is not None
    assert entry.anchor.column == 2
