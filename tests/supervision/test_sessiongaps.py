"""supervision/sessiongaps.py: the line in the place of missing ones, and what a gap counts."""

import hashlib
import json

from auditproxy.audit.gaps import Gap
from auditproxy.supervision.sessiongaps import session_form

FORM = session_form("--flag")
FIRST, LAST, NOW = (f"2026-11-28T21:00:0{second}.000000Z" for second in range(3))


def gap(*session_ids: str) -> Gap:
    """Lines of these sessions, the first of them the oldest."""
    found = Gap()
    for number, session_id in enumerate(session_ids):
        found.add(session_id, LAST if number else FIRST, "spool-full")
    return found


def test_the_line() -> None:
    """It has the session log's kind and version, how many, when, and a digest to compare."""
    assert json.loads(FORM.gap_line(gap("s1", "s1", "s2"), NOW)) == {
        "kind": "SessionEvent",
        "apiVersion": "auditproxy.io/v1alpha1",
        "type": "Gap",
        "timestamp": NOW,
        "gap": {
            "lines": 3,
            "first": FIRST,
            "last": LAST,
            "sessionIDsSHA256": hashlib.sha256(b"s1\ns1\ns2\n").hexdigest(),
            "reason": "spool-full",
        },
    }


def test_damage() -> None:
    """Of what cannot be read only the bytes are known."""
    damage = Gap()
    damage.add_unknown(2, 100, "damaged")
    line = json.loads(FORM.gap_line(damage, NOW))
    assert line["gap"] == {"lines": 2, "reason": "damaged", "bytes": 100}


def test_counted() -> None:
    """A line counts as its session and time; a Gap as what it stood for, by its digest."""
    told = FORM.counted(json.dumps({"timestamp": NOW, "sessionID": "s1", "line": "x"}).encode())
    assert (told.identity, told.time, told.annotations) == ("s1", NOW, {})
    inner = gap("s1", "s2")
    told = FORM.counted(FORM.gap_line(inner, NOW))
    outer = Gap()
    outer.add_gap(told.identity, told.annotations)
    assert (outer.events, outer.first, outer.last) == (2, FIRST, LAST)
    assert outer.reason == "spool-full"
    assert outer.digest == hashlib.sha256(inner.digest.encode() + b"\n").hexdigest()
