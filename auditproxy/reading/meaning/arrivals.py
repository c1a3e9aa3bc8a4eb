"""Arrivals: events as they come, put together to requests when something can be said of them.

Pure; memory is bounded.

    RequestReceived                        waited for
    ResponseStarted of a session, 101      the request, open; once more when it ends
    ResponseStarted with an error          the request, once
    ResponseComplete, Panic                the request
"""

from auditproxy.apis.audit import Stage
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.requests import SeenEvent, TrailRequest

MOST_WAITING = 10_000
"""Requests whose end is awaited; of more the oldest are forgotten, and their ends come alone."""
_ENDS = (Stage.RESPONSE_COMPLETE, Stage.PANIC)


class Arrivals:
    """Takes events in order, and gives requests."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, int], tuple[SeenEvent, ...]] = {}

    def take(self, seen: SeenEvent) -> TrailRequest | None:
        """The request that this event ends, or that begins a session with it."""
        key = (seen.origin, seen.event.audit_id, seen.received)
        account = (*self._waiting.pop(key, ()), seen)
        request = TrailRequest((account,))
        if seen.event.stage in _ENDS:
            return request
        facts = RequestFacts(request)
        if not facts.is_open:
            return request
        self._waiting[key] = account[-3:]
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        return request if facts.is_session and facts.code else None
