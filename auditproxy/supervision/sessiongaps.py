"""Lines of the session log in a spool: the line of a gap, and what a gap counts of a line."""

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.apis.session import SESSION_API_VERSION, MissingLines, SessionGap
from auditproxy.audit.gaps import EVENTS, FIRST, LAST, REASON, Gap
from auditproxy.backends.spool.form import CountedLine, SpoolForm
from auditproxy.metrics.spool import SESSION_LINES
from auditproxy.serializer.json import encode


@prepared
class _Line(msgspec.Struct):
    """What is read of a line of either kind."""

    timestamp: str
    session_id: str = msgspec.field(name="sessionID", default="")
    gap: MissingLines | None = None


def session_gap_line(gap: Gap, time: str) -> bytes:
    """The line that stands for missing ones, whose session IDs the gap has; no session's own."""
    missing = MissingLines(
        lines=gap.events,
        first=gap.first,
        last=gap.last,
        session_ids_sha256=gap.digest,
        reason=gap.reason,
        bytes=gap.lost_bytes,
    )
    return encode(
        SessionGap(
            kind="SessionEvent",
            api_version=SESSION_API_VERSION,
            type="Gap",
            timestamp=time,
            gap=missing,
        )
    )


def session_counted(line: bytes) -> CountedLine:
    """What a gap counts of a line; a Gap that is missing itself is counted by its digest."""
    found = msgspec.json.decode(line, type=_Line)
    if found.gap is None:
        return CountedLine(found.session_id, found.timestamp)
    gap = found.gap
    said = {EVENTS: str(gap.lines), FIRST: gap.first, LAST: gap.last, REASON: gap.reason}
    return CountedLine(gap.session_ids_sha256, found.timestamp, said)


def session_form(owner: str) -> SpoolForm:
    """The form of these lines; ``owner`` is the flag that names their receiver."""
    return SpoolForm(
        owner,
        SESSION_LINES,
        session_gap_line,
        session_counted,
        lambda line: session_counted(line).time,
    )
