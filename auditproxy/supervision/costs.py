"""What events of a session cost in the bounds of what may wait for the recorder: their work.

Bytes are a measure of it only where they are carried. A key of a terminal that is followed is as
much work as an event, and takes a single byte.
"""

from collections.abc import Iterable

from auditproxy.apis.session import Carried, Channel, StreamEvent
from auditproxy.supervision.account import Missing, Timed

EVENT_COST = 64
"""Bytes that an event takes in the bound, in addition to what it carries."""
KEY_COST = 64
"""Bytes that a key of a terminal takes in addition, unless it is text."""

_CONTROLS = bytes((*range(32), 127))


def cost_of(event: StreamEvent | Missing, *, keys: bool) -> int:
    """What an event takes; ``keys``: its session's terminal is followed."""
    if isinstance(event, Carried):
        size = len(event.data)
        if keys and event.channel is Channel.STDIN:
            # Every key but text begins with one of these.
            size += KEY_COST * (size - len(event.data.translate(None, _CONTROLS)))
        return EVENT_COST + size
    return 0 if isinstance(event, Missing) else EVENT_COST


def cost_of_all(batch: Iterable[Timed], *, keys: bool) -> int:
    """What a batch takes."""
    return sum(cost_of(event, keys=keys) for _, event in batch)
