"""The screen that is followed only while it matters."""

import pytest

from auditproxy.sessions.terminal.entries import TypedLine
from auditproxy.sessions.terminal.places import RATE, TAIL_LIMIT, Places


def entry_at(places: Places) -> TypedLine:
    """A line that begins at the cursor."""
    return TypedLine(places.here(), 0.0, 0)


def show(places: Places, output: bytes) -> None:
    """Let the screen read output at once."""
    for _ in places.screen.feed(output):
        places.line_feed()


def test_what_was_kept_is_read_when_it_is_needed() -> None:
    """The prompt is where the cursor is."""
    places = Places()
    places.keep(b"out\r\n$ ")
    assert places.screen.display()[0] == ""
    assert places.catch_up()
    assert places.here().prompt == "$ "


def test_of_much_output_the_end_is_enough() -> None:
    """A fresh screen reads the last 8 KiB, from the first whole line on."""
    places = Places()
    places.keep(b"x" * 100 + b"\r\n" * TAIL_LIMIT + b"\x1b[1mend\r\n$ ")
    assert places.lost
    assert places.catch_up()
    assert places.here().prompt == "$ "


def test_reading_is_bounded_by_time() -> None:
    """64 KiB a second."""
    places = Places()
    assert places.spend(b"x" * RATE)
    assert not places.spend(b"x")
    places.keep(b"$ ")
    assert not places.catch_up()
    places.clock(0.5)
    assert places.catch_up()
    assert not places.spend(b"x" * RATE)


def test_what_is_kept_can_always_be_read() -> None:
    """Even when every byte of it is a line feed or begins a sequence."""
    for costly in (b"\n", b"\x1b", "\u8a9e".encode()):
        places = Places(1, 1)
        places.keep(costly * 3 * TAIL_LIMIT)
        assert places.catch_up()


def test_sequences_cost_more_than_text() -> None:
    """The rate bounds the work, not only the bytes."""
    places = Places()
    assert not places.spend(b"\x1b[A" * (RATE // 4))


def test_a_wrap_costs_more_than_text() -> None:
    """Every character of a terminal with one column is a row."""
    places = Places(1, 1)
    assert not places.spend(b"x" * (RATE // 4))
    places.keep(b"x" * 3 * TAIL_LIMIT)
    assert places.catch_up()
    assert Places(80, 24).spend(b"x" * (RATE // 4))


def test_a_redrawn_prompt_is_where_the_line_begins() -> None:
    """After a list of choices."""
    places = Places()
    show(places, b"$ ")
    entry = entry_at(places)
    show(places, b"ls f\r\nf1 f2\r\n$ ls f1")
    assert places.text(entry, places.screen.row) == "ls f1"
    assert entry.flags == []


def test_a_line_without_a_known_place_is_a_whole_row() -> None:
    """And marked so."""
    places = Places()
    show(places, b"% ls")
    entry = TypedLine(None, 0.0, 0)
    assert places.text(entry, places.screen.row) == "% ls"
    assert entry.flags == ["prompt?"]


def test_a_line_that_was_typed_ahead_may_wrap() -> None:
    """Its place is in the row where it begins, wide characters or not."""
    for ahead in ("echo one two", "echo \u8a9e\u8a9e\u8a9e"):
        places = Places(10, 24)
        show(places, b"$ " + ahead.encode())
        anchor = places.here(ahead)
        assert anchor[:3] == (0, 2, "$ ")
        assert places.here("other")[:2] == (places.screen.row, places.screen.column)


def test_a_prompt_at_the_right_is_not_text() -> None:
    """As zsh shows it."""
    places = Places(20, 5)
    show(places, b"$ \x1b[15C[ok]\r\x1b[2C")
    entry = entry_at(places)
    show(places, b"ls")
    assert places.text(entry, places.screen.row) == "ls"


def test_what_costs_more_spends_more() -> None:
    """Text that is not ASCII, controls, and text on a narrow terminal, where it wraps."""
    for output, columns, times in (
        (b"x" * 1000, 80, 64),
        ("\u8a9e".encode() * 250, 80, 43),
        (b"x" * 1000, 10, 43),
        (b"x" * 1000, 1, 9),
        (b"\n" * 1000, 80, 9),
    ):
        places = Places(columns, 24)
        assert sum(places.spend(output) for _ in range(100)) == pytest.approx(times, abs=3), output
