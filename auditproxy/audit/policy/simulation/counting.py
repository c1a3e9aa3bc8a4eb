"""What is counted of a log besides decisions: its requests, its time, and groups of changes."""

from collections import OrderedDict
from typing import Generic, TypeVar

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.policy.simulation.logged import LoggedEvent

MAXIMUM_OPEN = 100_000
"""Requests that have begun and not ended, and are remembered to be counted once."""

MAXIMUM_GROUPS = 2000
"""Groups of changes; what is in none of them is counted together."""

_BEGINS = ("RequestReceived", "ResponseStarted")
Key = TypeVar("Key")


class Requests:
    """Finds the first event of each request."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, None] = OrderedDict()
        self.forgotten = 0
        """Requests that were too many to be remembered; such a one may be counted twice."""

    def is_new(self, event: LoggedEvent) -> bool:
        """Whether it is the first event of its request."""
        audit_id = event.audit_id
        known = audit_id in self._open
        if event.stage not in _BEGINS:
            self._open.pop(audit_id, None)
        elif not known:
            if len(self._open) >= MAXIMUM_OPEN:
                self._open.popitem(last=False)
                self.forgotten += 1
            self._open[audit_id] = None
        return not known


class Span:
    """The first and the last time of a log, as it has them."""

    def __init__(self) -> None:
        self.first = ""
        self.last = ""

    def take(self, event: LoggedEvent) -> None:
        """Read the time of one more event."""
        self.take_time(event.stage_timestamp)

    def take_time(self, time: str) -> None:
        """Read one more time."""
        # RFC 3339 in UTC with six digits, in any order: texts sort as their times.
        if time > self.last:
            self.last = time
        if not self.first or time < self.first:
            self.first = time


def shown_resource(info: RequestInfo) -> str:
    """What a request is for, without names: a resource, or the beginning of a path."""
    if not info.is_resource_request:
        return f"/{info.path.strip('/').partition('/')[0]}"
    return f"{info.resource}/{info.subresource}" if info.subresource else info.resource


class Group:
    """Events or requests with the same change, and one of them.

    ``bytes`` is what the change adds to ``bytes_before``, and ``written`` how many of the ``count``
    events are still written after it.
    """

    __slots__ = ("bytes", "bytes_before", "count", "example", "written")

    def __init__(self, example: str) -> None:
        self.count = 0
        self.written = 0
        self.bytes_before = 0
        self.bytes = 0
        self.example = example


class Groups(dict[Key, Group], Generic[Key]):
    """Groups by what their members have in common, within a bound."""

    def __init__(self) -> None:
        super().__init__()
        self.others = 0
        """Members of groups that were one too many."""

    def add(
        self,
        key: Key,
        event: LoggedEvent,
        size: int = 0,
        count: int = 1,
        *,
        written: int = 0,
        before: int = 0,
    ) -> None:
        """Count more members, of which ``event`` may be the group's example."""
        group = self.get(key)
        if group is None:
            if len(self) >= MAXIMUM_GROUPS:
                self.others += count
                return
            user = event.user.username or "(no user)"
            group = self[key] = Group(f"{user}: {event.verb} {event.request_uri}")
        group.count += count
        group.written += written
        group.bytes_before += before
        group.bytes += size
