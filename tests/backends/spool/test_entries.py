"""Entries: events as records, and what is missing between them."""

import pytest

from auditproxy.audit.encode import LARGE, json_line
from auditproxy.backends.log import EncodingError
from auditproxy.backends.spool.entries import Entry, EventEntry, GapEntry, drop, join
from auditproxy.backends.spool.records import SpoolRecord, next_record
from tests.fakes.backends import event


def entry(audit_id: str) -> EventEntry:
    """One of a small event."""
    return EventEntry(event(audit_id), is_intent=False)


def counts(entries: list[Entry]) -> list[int | str]:
    """Audit IDs, and of gaps how many events are missing."""
    return [each.gap.events if isinstance(each, GapEntry) else each.identity for each in entries]


@pytest.mark.parametrize("size", [10, LARGE])
def test_record(size: int) -> None:
    """The record is the event's line; that of a large one is made when it is stored."""
    one = event("a", level="Request", body=b'"%s"' % (b"x" * size))
    made = EventEntry(one, is_intent=True)
    assert (made.record == b"") == (size == LARGE)
    found = next_record(made.made(), 0, is_whole=True)
    assert isinstance(found, SpoolRecord)
    assert found.line + b"\n" == json_line(one)


def test_unspeakable() -> None:
    """An event that cannot be a line is an error that does not show it."""
    with pytest.raises(EncodingError, match=r"^encoding failed: \w+$"):
        EventEntry(event(annotations={"a": object()}), is_intent=False)  # type: ignore[dict-item]


def test_gaps() -> None:
    """Drops in one place are one gap, and gaps that meet are one."""
    entries: list[Entry] = [entry("a")]
    drop(entries, "b", "", "x")
    drop(entries, "c", "", "x")
    assert counts(entries) == ["a", 2]
    more: list[Entry] = []
    drop(more, "d", "", "x")
    more.append(entry("e"))
    assert counts(join(entries, more)) == ["a", 3, "e"]
    assert counts(join([entry("f")], [entry("g")])) == ["f", "g"]
    assert counts(join([], [])) == []
