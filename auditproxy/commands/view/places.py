"""Places: where in a trail the events of one request are, found without reading all of it."""

from collections.abc import Sequence

from auditproxy.reading.meaning.conditions import ColumnFilter
from auditproxy.reading.meaning.requests import SeenEvent, TrailRequest, joined
from auditproxy.reading.trail.blocks import Block
from auditproxy.reading.trail.scanning import Search, scan

MOST_EVENTS = 1000
"""Events with one audit ID that are read: clients may choose one ID for many requests."""


def read_request(
    blocks: Sequence[Block], audit_id: str, received: int, staged: int
) -> TrailRequest | None:
    """The request of an audit ID that came at ``received``; None where its events are gone.

    ``staged`` is when its last event was written; both are nanoseconds. Raises OSError.
    """
    search = Search(conditions=(ColumnFilter("audit-id", (audit_id,)),), most=MOST_EVENTS)
    seen: list[SeenEvent] = []
    for block in blocks:
        # An event is written at its time, and the first ones when the request came.
        if any(block.first <= moment <= block.last for moment in (received, staged)):
            seen += scan(block, search).events
    requests = [one for one in joined(seen) if one.event.audit_id == audit_id]
    return min(requests, key=lambda one: abs(one.received - received), default=None)
