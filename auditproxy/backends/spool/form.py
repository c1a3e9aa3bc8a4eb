"""SpoolForm: what a spool has to know of its lines: how a gap becomes one, and what a gap counts
of one. That of audit events is the default.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.audit.encode import json_line
from auditproxy.audit.gaps import Gap, gap_event
from auditproxy.metrics.spool import AUDIT_EVENTS, SpoolWords
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import parse_time

_TIME = b'"stageTimestamp":"'


@prepared
class CountedLine(msgspec.Struct):
    """What a gap counts of a line; ``annotations`` are those of a gap event."""

    identity: str = msgspec.field(name="auditID")
    time: str = msgspec.field(name="stageTimestamp", default="")
    annotations: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class SpoolForm:
    """The form of lines; ``owner`` is whose spool it is for operators, ``words`` what waits in it.

    ``gap_line`` makes the line of a gap at a MicroTime, without its end; ``counted`` returns what a
    gap counts of one, and ``time`` when one was made, "" if it does not say.
    """

    owner: str
    words: SpoolWords
    gap_line: Callable[[Gap, str], bytes]
    counted: Callable[[bytes], CountedLine]
    time: Callable[[bytes], str]

    def made_at(self, line: bytes) -> int:
        """When a line was made, in nanoseconds since the epoch; 0 if it does not say."""
        try:
            return parse_time(self.time(line))
        except (SerializationError, ValueError):
            return 0


def event_gap_line(gap: Gap, time: str) -> bytes:
    """The line of the event that stands for a gap."""
    return json_line(gap_event(gap, time))[:-1]


def event_counted(line: bytes) -> CountedLine:
    """What a gap counts of an event."""
    return msgspec.json.decode(line, type=CountedLine)


def event_time(line: bytes) -> str:
    """The stageTimestamp of an event, without reading its bodies: they come before it."""
    start = line.rfind(_TIME) + len(_TIME)
    return line[start : line.find(b'"', start)].decode("ascii", "replace")


def event_form(plugin: str) -> SpoolForm:
    """That of audit events, for a plugin."""
    owner = f"audit plugin '{plugin}'"
    return SpoolForm(owner, AUDIT_EVENTS, event_gap_line, event_counted, event_time)
