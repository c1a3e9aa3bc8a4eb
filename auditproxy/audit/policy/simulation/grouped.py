"""LoggedGroup: events of a log about which every policy in question decides alike, as one."""

import msgspec

from auditproxy.apis.audit import LEVEL_WORDS, Level
from auditproxy.audit.policy.simulation.logged import (
    REQUEST_KEY,
    RESPONSE_KEY,
    LoggedEvent,
)


class LoggedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one level, stage, asker and meaning; numbers are sums, in bytes but ``count``.

    ``event`` has what they have in common, with words that no rule mentions for others of these.
    ``example`` is the first of them.
    """

    event: LoggedEvent
    example: LoggedEvent
    count: int
    is_new: bool
    """Whether they are the first events of their requests."""
    first: str
    last: str
    size: int
    request_objects: int | None
    """None where they have none."""
    response_objects: int | None
    arrivals: int
    """About the RequestReceived events of their requests, at Metadata."""

    def size_at(self, level: Level) -> int:
        """As LoggedEvent.size_at, of all."""
        size = self.size + self.count * (len(LEVEL_WORDS[level]) - len(self.event.level))
        if level < Level.REQUEST and self.request_objects is not None:
            size -= self.count * REQUEST_KEY + self.request_objects
        if level < Level.REQUEST_RESPONSE and self.response_objects is not None:
            size -= self.count * RESPONSE_KEY + self.response_objects
        return size

    def size_of_arrivals(self, level: Level) -> int:
        """As LoggedEvent.size_of_arrival, of all."""
        return self.arrivals + self.count * (len(LEVEL_WORDS[level]) - len("Metadata"))
