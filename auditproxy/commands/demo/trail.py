"""Events put together to requests: one row for each, discovery folded into a count.

    RequestReceived -> [ResponseStarted] -> ResponseComplete | Panic   one row, at the end
    exec, attach, port-forward with a 101                              one row, at its beginning
    ResponseStarted alone (refused before it was received)             one row, at once

A request between its ResponseStarted and its end is open: a watch, an exec.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditproxy.commands.demo.rows import Row, facts_of, row_of

_DISCOVERY = ("/api", "/apis", "/openapi", "/version", "/.well-known")
SWITCHING_PROTOCOLS = 101
MOST_WAITING = 10_000
"""Requests whose end is awaited; the oldest is forgotten first."""


@dataclass(slots=True)
class Trail:
    """What is known of requests under way, and how many discovery requests were folded."""

    folded: Counter[str] = field(default_factory=Counter)
    _under_way: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> Row | None:
        """The row of a request that ends with this event, and of a session that begins with it.

        None when it continues or is folded, and at the end of a session, which the line of the
        session log shows.
        """
        audit_id, stage = event["auditID"], event["stage"]
        if stage == "RequestReceived":
            self._under_way[audit_id] = None
            if len(self._under_way) > MOST_WAITING:
                del self._under_way[next(iter(self._under_way))]
            return None
        if stage == "ResponseStarted" and audit_id in self._under_way:
            self._under_way[audit_id] = event
            return row_of(event) if _is_running(event) else None
        started = self._under_way.pop(audit_id, None)
        if started is not None and _is_running(started) and stage != "Panic":
            return None
        if is_discovery(event):
            self.folded[discovery_root(event)] += 1
            return None
        return row_of(event)

    def open_rows(self) -> list[Row]:
        """The requests that have been answered and are still open, oldest first."""
        return [row_of(event) for event in self._under_way.values() if event is not None]

    def folded_in_words(self) -> str:
        """``14 discovery requests: /api, /apis, /version``, or nothing."""
        count = self.folded.total()
        if not count:
            return ""
        return f"{count} discovery request{'s' * (count > 1)}: {', '.join(sorted(self.folded))}"


def is_discovery(event: Mapping[str, Any]) -> bool:
    """Whether a client only asked what the server offers, and was answered.

    ``/api/v1`` and ``/apis/apps/v1`` belong to it; 404 and 406 make kubectl ask for an older form.
    """
    path = event["requestURI"].partition("?")[0]
    code = event.get("responseStatus", {}).get("code", 0)
    known = any(path == root or path.startswith(f"{root}/") for root in _DISCOVERY)
    return (
        event.get("objectRef") is None
        and event["verb"] == "get"
        and known
        and (code < 400 or code in (404, 406))
    )


def discovery_root(event: Mapping[str, Any]) -> str:
    """The first segment of a discovery path, ``/apis`` for ``/apis/apps/v1``."""
    path: str = event["requestURI"].partition("?")[0]
    return f"/{path.split('/')[1]}"


def _is_running(event: Mapping[str, Any]) -> bool:
    """Whether a ResponseStarted begins a session."""
    facts = facts_of(event)
    return facts.is_session and facts.code == SWITCHING_PROTOCOLS
