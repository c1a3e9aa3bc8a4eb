"""A gap counts exactly, and its event is one that receivers know."""

import hashlib

import msgspec

from auditproxy.apis.audit import Event
from auditproxy.audit import gaps
from auditproxy.audit.encode import json_line
from auditproxy.audit.gaps import Gap, gap_event


def digest(*audit_ids: str) -> str:
    """As docs/spool.md gives it: what ``jq -r .auditID | sha256sum`` prints."""
    return hashlib.sha256("".join(f"{each}\n" for each in audit_ids).encode()).hexdigest()


def gap_of(*events: tuple[str, str]) -> Gap:
    """A gap of events with these audit IDs and times."""
    gap = Gap()
    for audit_id, time in events:
        gap.add(audit_id, time, "spool-full")
    return gap


def test_event() -> None:
    """The event is valid, and says how many, when, which and why."""
    gap = gap_of(("a", "2026-01-01T00:00:02Z"), ("b", "2026-01-01T00:00:01Z"))
    gap.add("c\udcff", "2026-01-01T00:00:03Z", "buffer-full")
    line = json_line(gap_event(gap, "2026-01-01T00:00:04.000000Z"))
    event = msgspec.json.decode(line, type=Event)
    assert event.annotations == {
        "auditproxy.io/gap-events": "3",
        "auditproxy.io/gap-first": "2026-01-01T00:00:01Z",
        "auditproxy.io/gap-last": "2026-01-01T00:00:03Z",
        "auditproxy.io/gap-audit-ids-sha256": digest("a", "b", "c\ufffd"),
        "auditproxy.io/gap-reason": "buffer-full,spool-full",
    }
    assert (event.level, event.stage, event.verb) == ("Metadata", "ResponseComplete", "create")
    assert (event.user.username, event.request_uri) == ("system:auditproxy", "/auditproxy/gaps")
    assert (
        event.request_received_timestamp == event.stage_timestamp == "2026-01-01T00:00:04.000000Z"
    )
    again = gap_event(gap, "2026-01-01T00:00:04.000000Z")
    assert again.audit_id == event.audit_id
    gap.add("d", "2026-01-01T00:00:03Z", "buffer-full")
    assert gap_event(gap, "2026-01-01T00:00:04.000000Z").audit_id != event.audit_id


def test_damage() -> None:
    """Of what a disk has lost neither times nor audit IDs are known."""
    gap = Gap()
    gap.add_unknown(2, 100, "damaged")
    assert gap_event(gap, "t").annotations == {
        "auditproxy.io/gap-events": "2",
        "auditproxy.io/gap-reason": "damaged",
        "auditproxy.io/gap-bytes": "100",
    }


def test_absorb() -> None:
    """Two gaps that meet are as one from the start, unless the second is too long."""
    first, second = gap_of(("a", "2")), gap_of(("b", "1"), ("c", "3"))
    assert first.absorb(second)
    assert first.digest == digest("a", "b", "c")
    assert (first.events, first.first, first.last) == (3, "1", "3")
    assert first.absorb(gap_of(("d", "1")))
    assert first.digest == digest("a", "b", "c", "d")
    long = gap_of(*((str(number), "1") for number in range(gaps.MOST_IDS + 1)))
    assert not first.absorb(long)
    assert first.events == 4
    assert long.absorb(gap_of(("x", "1")))
    assert long.events == gaps.MOST_IDS + 2
    unknown = Gap()
    unknown.add_unknown(1, 1, "damaged")
    assert not first.absorb(unknown)


def test_a_gap_of_gaps() -> None:
    """An event that counted others, and is missing itself, counts as these."""
    inner = gap_of(("a", "2"), ("b", "5"))
    gap = gap_of(("c", "3"))
    gap.add_gap("id-of-gap", gap_event(inner, "t").annotations)
    assert (gap.events, gap.first, gap.last) == (3, "2", "5")
    assert gap.digest == digest("c", "id-of-gap")
