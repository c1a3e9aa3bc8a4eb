"""What is said of lines that are not whole events."""

from auditproxy.commands.events.notes import notes_of
from auditproxy.reading.meaning.events import EVENTS, FOREIGN, TORN, TRUNCATED, Counts


def test_notes() -> None:
    """A line for each kind, in the singular and the plural; nothing for events."""
    counts = Counts({EVENTS: 10, TORN: 1, FOREIGN: 2, TRUNCATED: 3})
    assert list(notes_of(counts, Counts())) == [
        "1 line is torn (begins as an event and does not end as one)",
        "3 events are cut on the way (the bodies and what follows them are missing)",
        "2 lines are not an audit event",
    ]
    assert list(notes_of(Counts({EVENTS: 10}), Counts())) == []
