"""Response codes that a rule names, and requests whose outcome no event shows.

A client that leaves before its answer comes does not undo its request, and kube-apiserver's event
of it has the code 200. The same goes for a deadline, a broken connection to the API server, and a
crash. ``unknown`` among the codes of a rule stands for all of them.
"""

import re
from collections.abc import Iterable
from typing import Any

from auditproxy.apis.audit import Event, Stage

UNKNOWN = 0
"""Stands for ``unknown`` among the codes of a rule; no answer has it."""

_WORD = "unknown"
_CODE = re.compile(r"[1-5](?:[0-9]{2}|xx)")
_CLOSED_EARLY = "Connection closed early"
"""kube-apiserver's message for an answer that was never begun (apiserver filters/audit.go)."""
_UNANSWERED = frozenset({502, 504})
"""Codes of a server that asked another one and got no answer, or none in time."""
_SESSION_REASON = "auditproxy.io/session-reason"
_UNSEEN = 503
"""Code of a session that the proxy ended before the client saw any of it; it has a reason then,
and none where it was refused before it began."""


def codes_of(written: Iterable[Any]) -> tuple[frozenset[int], tuple[str, ...]]:
    """The codes that a file names, UNKNOWN among them, and the entries that are not valid."""
    found: set[int] = set()
    faults = []
    for code in written:
        text = str(code).lower()
        if text == _WORD:
            found.add(UNKNOWN)
        elif isinstance(code, bool) or not _CODE.fullmatch(text):
            faults.append(str(code))
        elif text.endswith("xx"):
            found.update(range(int(text[0]) * 100, int(text[0]) * 100 + 100))
        else:
            found.add(int(text))
    return frozenset(found), tuple(faults)


def is_unknown(event: Event) -> bool:
    """Whether the API server may have done what an event asks for, and its answer is not known."""
    if event.stage in (Stage.REQUEST_RECEIVED, Stage.PANIC):
        return event.stage == Stage.PANIC
    status = event.response_status
    if status is None or not status.code or status.code in _UNANSWERED:
        return True
    if status.code == _UNSEEN:
        return _SESSION_REASON in event.annotations
    return status.message == _CLOSED_EARLY and status.code == 200
