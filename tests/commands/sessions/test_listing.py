"""The table: columns, pages, and how long a session was."""

from pathlib import Path

import pytest

from auditproxy.apis.session import Outcome, Record
from auditproxy.commands.sessions.listing import HEADINGS, PAGE, as_object, duration, table
from auditproxy.recordings.reading import summary_of
from tests.fakes.recorded import Stores, a_session, three_recordings


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (4.24, "4.2s"), (59.96, "60.0s"), (187, "3m07s"), (7530, "2h05m")],
)
def test_duration(seconds: float, text: str) -> None:
    """Short, for a column."""
    assert duration(seconds) == text


def test_table(tmp_path: Path) -> None:
    """Columns begin at the same place in each line of a page; headings come once."""
    summaries = [summary_of(path) for path in three_recordings(tmp_path)]
    lines = list(table(summaries * PAGE))
    assert sum(line.startswith(HEADINGS[0]) for line in lines) == 1
    assert len(lines) == 3 * PAGE + 1
    place = lines[0].index("NAMESPACE")
    assert {line[place : place + 6] for line in lines[1:PAGE]} == {"team-a", "team-b"}
    assert "carol (by bob)" in lines[2]
    assert list(table([])) == []


def test_a_gap(tmp_path: Path) -> None:
    """A recording with one is Cut, in the table and as an object."""
    recording = Stores(tmp_path).new().open(a_session(), Record.OUTPUT, moment=0)
    recording.gap(1, 7)
    recording.gap(2, 5)
    summary = summary_of(Path(recording.finish(3, Outcome(0)).path))
    assert list(table([summary]))[1].split()[6] == "Cut"
    known = as_object(summary)
    assert (known["state"], known["missingBytes"]) == ("Cut", 12)
