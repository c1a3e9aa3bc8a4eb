"""Gap: events that a receiver will never get, and the event that says so in their place."""

import hashlib
import re
from collections.abc import Mapping

from auditproxy.apis.audit import Event
from auditproxy.audit.ownevents import own_event

EVENTS = "auditproxy.io/gap-events"
FIRST = "auditproxy.io/gap-first"
LAST = "auditproxy.io/gap-last"
DIGEST = "auditproxy.io/gap-audit-ids-sha256"
REASON = "auditproxy.io/gap-reason"
BYTES = "auditproxy.io/gap-bytes"

URI = "/auditproxy/gaps"

MOST_IDS = 10_000
"""Audit IDs that a gap remembers, so that it can still be added to one before it."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Written as U+FFFD in lines, and so here."""


class Gap:
    """What is missing in one place: how many events, of which times, with which audit IDs.

    ``digest`` is SHA-256 over the audit IDs, each with a newline behind it, in their order. Times
    are those of ``stageTimestamp``; the earliest and the latest count. ``lost_bytes`` are bytes of
    a file in which no event was found.
    """

    def __init__(self) -> None:
        self.events = 0
        self.first = self.last = ""
        self.lost_bytes = 0
        self._ids: list[str] | None = []
        self._hash = hashlib.sha256()
        self._is_known = True
        self._reasons: set[str] = set()

    def add(self, audit_id: str, time: str, reason: str) -> None:
        """Count an event."""
        self.events += 1
        self._span(time, time)
        self._reasons.add(reason)
        known = _SURROGATE.sub("\ufffd", audit_id)
        self._hash.update(known.encode() + b"\n")
        if self._ids is not None:
            self._ids.append(known)
            if len(self._ids) > MOST_IDS:
                self._ids = None

    def add_unknown(self, events: int, lost_bytes: int, reason: str) -> None:
        """Count events of which no more is known; there is no digest then."""
        self.events += events
        self.lost_bytes += lost_bytes
        self._is_known = False
        self._ids = None
        self._reasons.add(reason)

    def add_gap(self, audit_id: str, annotations: Mapping[str, str]) -> None:
        """Count what an event stood for that has these annotations, and is missing now itself."""
        self.add(audit_id, annotations.get(FIRST, ""), annotations.get(REASON, ""))
        self._span(self.first, annotations.get(LAST, ""))
        self.events += int(annotations.get(EVENTS, "1")) - 1

    def absorb(self, later: "Gap") -> bool:
        """Add the gap right behind this one; false, and nothing is done, where it is too long."""
        if later._ids is None:
            return False
        for audit_id in later._ids:
            self._hash.update(audit_id.encode() + b"\n")
        if self._ids is not None:
            self._ids += later._ids
            if len(self._ids) > MOST_IDS:
                self._ids = None
        self.events += later.events
        if later.first:
            self._span(later.first, later.last)
        self._reasons |= later._reasons
        return True

    def _span(self, first: str, last: str) -> None:
        if first:
            self.first = min(self.first, first) if self.first else first
        self.last = max(self.last, last)

    @property
    def digest(self) -> str:
        """That of the audit IDs, "" where they are not known."""
        return self._hash.hexdigest() if self._is_known else ""

    @property
    def reason(self) -> str:
        """The words of all reasons, with commas between them."""
        return ",".join(sorted(self._reasons))


def gap_annotations(gap: Gap) -> dict[str, str]:
    """What is said of a gap."""
    said = {EVENTS: str(gap.events), REASON: gap.reason}
    if gap.first:
        said |= {FIRST: gap.first, LAST: gap.last}
    if gap.digest:
        said[DIGEST] = gap.digest
    if gap.lost_bytes:
        said[BYTES] = str(gap.lost_bytes)
    return said


def gap_event(gap: Gap, time: str) -> Event:
    """Return the event that stands for a gap; ``time`` is a MicroTime.

    The same gap at the same time has the same audit ID.
    """
    said = gap_annotations(gap)
    own = hashlib.sha256(repr((sorted(said.items()), time)).encode()).hexdigest()
    audit_id = f"{own[:8]}-{own[8:12]}-{own[12:16]}-{own[16:20]}-{own[20:32]}"
    return own_event(audit_id, URI, said, time)
