"""What is said of lines that are not whole events."""

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.reading.meaning.events import EVENTS, FOREIGN, TORN, TRUNCATED, Counts
from auditproxy.reading.trail.lines import DAMAGED
from auditproxy.reading.trail.sources import TrailFile


def test_notes() -> None:
    """A line for each kind, in the singular and the plural; nothing for events."""
    counts = Counts({EVENTS: 10, TORN: 1, FOREIGN: 2, TRUNCATED: 3})
    assert list(notes_of(counts, Counts())) == [
        "1 line is torn (an event begins and does not end)",
        "3 events are cut on the way (the bodies and what follows them are missing)",
        "2 lines are not audit events",
    ]
    assert list(notes_of(Counts({EVENTS: 10}), Counts())) == []


@pytest.mark.parametrize(
    ("counts", "names", "said"),
    [
        ({FOREIGN: 29}, ["/etc/passwd"], "/etc/passwd is not an audit log: it has no audit event"),
        ({TORN: 1}, ["-"], "standard input is not an audit log"),
        ({FOREIGN: 1}, ["a.gz", "b.gz"], "none of the 2 files is an audit log"),
        ({FOREIGN: 29, EVENTS: 1}, ["/etc/passwd", "audit.log"], ""),
        ({}, ["empty.log"], ""),
        ({DAMAGED: 1}, ["damaged.log.gz"], ""),
    ],
)
def test_no_event(counts: dict[str, int], names: list[str], said: str) -> None:
    """What is no log is a fault with the exit code 1; an empty log is a log."""
    files = [TrailFile(name, name) for name in names]
    if not said:
        check_has_events(Counts(counts), files)
        return
    with pytest.raises(Unusable, match=said) as caught:
        check_has_events(Counts(counts), files)
    assert caught.value.code == 1
    assert "docs/reading.md" in str(caught.value)
