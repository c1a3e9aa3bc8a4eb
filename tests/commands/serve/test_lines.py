"""The events of a proxy as lines: those of ``auditproxy events tail``."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from auditproxy.commands.events.tailing import run_stream
from auditproxy.commands.serve.lines import RequestLines, lines_of
from auditproxy.commands.serve.terminal import LONGEST_PIECE
from auditproxy.reading.meaning.arrivals import Arrivals
from auditproxy.reading.trail.scanning import Search
from tests.commands.events.how import shown
from tests.fakes.trails import RECEIVED, event, line_of

EVENTS = [
    event(name="web-1", stage=RECEIVED, audit_id="a"),
    event(name="web-1", audit_id="a"),
    event("delete", name="web-2", code=403, audit_id="b"),
]


def test_as_events_tail_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the letter, however the lines come."""
    lines = [line_of(one) for one in EVENTS]
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(lines))))
    run_stream(Search(), shown(is_colored=True, width=80), out, io.StringIO())
    requests = RequestLines(shown(is_colored=True, width=80))
    assert "".join(requests.take([line]) for line in lines) == out.getvalue()
    assert "\x1b[31m" in out.getvalue()
    assert out.getvalue().count("\n") == 3


def test_what_is_no_event() -> None:
    """It is shown in its place, and steers no terminal."""
    requests = RequestLines(shown())
    text = requests.take([line_of(EVENTS[1]), b'{"kind":"Other"} \x1b[2J', b"", line_of(EVENTS[2])])
    heading, one, other, two = text.splitlines()
    assert heading.startswith("TIME")
    assert "web-1" in one
    assert "web-2" in two
    assert other == '{"kind":"Other"} \\x1b[2J'


def test_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hides no event."""

    def fail(self: Arrivals, seen: Any) -> None:
        raise KeyError(seen)

    monkeypatch.setattr(Arrivals, "take", fail)
    assert RequestLines(shown()).take([line_of(EVENTS[1])]) == line_of(EVENTS[1]).decode() + "\n"


def test_lines_come_whole() -> None:
    """At once, those that are; the rest with what follows it, or at the end."""
    reader, writer = os.pipe()
    found = lines_of(reader)
    os.write(writer, b"one\ntwo\nth")
    assert next(found) == [b"one", b"two"]
    os.write(writer, b"ree\nfour")
    assert next(found) == [b"three"]
    os.close(writer)
    assert list(found) == [[b"four"]]
    os.close(reader)


def test_a_long_line(tmp_path: Path) -> None:
    """Of several pieces, and what is behind it."""
    path = tmp_path / "lines"
    path.write_bytes(b"x" * 3 * LONGEST_PIECE + b"\n" + b"y\nz")
    with path.open("rb") as file:
        assert list(lines_of(file.fileno())) == [[b"x" * 3 * LONGEST_PIECE, b"y"], [b"z"]]
