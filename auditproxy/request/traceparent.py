"""The header traceparent: which trace a client's request belongs to (W3C Trace Context).

00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
"""

import re
from typing import NamedTuple

from auditproxy.request.headers import ClientHeaders

TRACEPARENT = "traceparent"
LONGEST_TRACEPARENT = 256
"""Characters of a value that is read; those of later versions may be longer than ours."""
SAMPLED = 1

_VALUE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceParent(NamedTuple):
    """A span of another program; both ids are above 0."""

    trace_id: int
    span_id: int
    sampled: bool

    def __str__(self) -> str:
        """Return the value of the header."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.sampled:02x}"


def trace_parent(headers: ClientHeaders) -> TraceParent | None:
    """Return what a request's traceparent says; None without one, and for one that is not valid."""
    values = headers.values(TRACEPARENT)
    if len(values) != 1 or len(values[0]) > LONGEST_TRACEPARENT:
        return None
    found = _VALUE.fullmatch(values[0])
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    # Version 0 has nothing behind its flags, and there is no version ff.
    if version == "ff" or (version == "00" and more is not None):
        return None
    parent = TraceParent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & SAMPLED))
    return parent if parent.trace_id and parent.span_id else None
