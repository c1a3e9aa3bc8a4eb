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

from auditproxy.commands.demo.rows import Row, is_session, row_of
from auditproxy.commands.demo.words import discovery_root, is_discovery

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
            return row_of(event, is_open=True) if _is_running(event) else None
        started = self._under_way.pop(audit_id, None)
        if started is not None and _is_running(started) and stage != "Panic":
            return None
        if is_discovery(event):
            self.folded[discovery_root(event)] += 1
            return None
        return row_of(event)

    def open_rows(self) -> list[Row]:
        """The requests that have been answered and are still open, oldest first."""
        return [
            row_of(event, is_open=True) for event in self._under_way.values() if event is not None
        ]

    def folded_in_words(self) -> str:
        """``14 discovery requests: /api, /apis, /version``, or nothing."""
        count = self.folded.total()
        if not count:
            return ""
        return f"{count} discovery request{'s' * (count > 1)}: {', '.join(sorted(self.folded))}"


def _is_running(event: Mapping[str, Any]) -> bool:
    """Whether a ResponseStarted begins a session."""
    return is_session(event) and event.get("responseStatus", {}).get("code") == SWITCHING_PROTOCOLS
