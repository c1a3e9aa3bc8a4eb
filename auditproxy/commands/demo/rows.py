"""One request as one row of text: its columns, safe for a terminal and cut to its width.

    time      user             request                        result             recorded
    13:06:31  admin as viewer  exec hello -n default -- env   101, 0.4 s         metadata

What is said of a request is what ``auditproxy events`` says of it. Names in events are chosen by
clients: whatever could steer a terminal, hide or reorder text is spelled out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from auditproxy.apis.units import SECOND
from auditproxy.commands.events.rows import user_of
from auditproxy.reading.meaning.cells import fitted, visible
from auditproxy.reading.meaning.events import Counts, event_of
from auditproxy.reading.meaning.facts import ALLOWED, RequestFacts
from auditproxy.reading.meaning.requests import TrailRequest, seen_event
from auditproxy.reading.meaning.sentences import result, sentence

Tone = Literal["heading", "read", "changed", "open", "refused", "failed"]

GAP = "  "
NARROWEST = 40
_ORDER = ("time", "user", "request", "result", "recorded")
_FIXED = (
    (100, {"time": 8, "user": 18, "result": 18, "recorded": 20}),
    (60, {"time": 8, "user": 15, "result": 16}),
    (NARROWEST, {"user": 10, "result": 8}),
)
"""Which columns there is room for from which width on, and theirs; the request has the rest."""
_LONGEST = 2000
"""Characters of one field that are read; no terminal shows more of it in one line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request: the texts of its columns, and how it ended."""

    time: str
    user: str
    request: str
    result: str
    recorded: str
    tone: Tone
    since: str = ""
    """When the request was received, RFC 3339."""


HEADING = Row("TIME", "USER", "REQUEST", "RESULT", "RECORDED", "heading")


def facts_of(event: Mapping[str, Any]) -> RequestFacts:
    """What readers know of a request by one of its events."""
    return RequestFacts(TrailRequest(((seen_event(event_of(dict(event), Counts())),),)))


def row_of(event: Mapping[str, Any]) -> Row:
    """The row of a request by its last event, or by its ResponseStarted while it is open."""
    facts = facts_of(event)
    return Row(
        event["stageTimestamp"][11:19],
        user_of(facts) or "-",
        sentence(facts),
        _result(facts),
        _recorded(event),
        _tone(facts),
        event["requestReceivedTimestamp"],
    )


def cells(row: Row, width: int) -> list[tuple[str, str]]:
    """The columns of a row and their texts, padded; together at most ``width`` columns wide."""
    width = max(NARROWEST, width)
    widths = next(fixed for least, fixed in _FIXED if width >= least)
    room = width - sum(widths.values()) - len(GAP) * len(widths)
    names = [name for name in _ORDER if name == "request" or name in widths]
    return [
        (name, fitted(visible(getattr(row, name), _LONGEST), widths.get(name, room)))
        for name in names
    ]


def text_of(row: Row, width: int) -> str:
    """A row as plain text of at most ``width`` columns."""
    return GAP.join(text for _, text in cells(row, width)).rstrip()


def _result(facts: RequestFacts) -> str:
    """``200``, ``403 Forbidden``, ``101 open``, ``101, 3.2 s`` of what was long-running."""
    text = result(facts) or "no answer"
    if facts.outcome != ALLOWED or not facts.code or facts.duration is None or not _is_long(facts):
        return text
    return f"{text}, {seconds_in_words(facts.duration / SECOND)}"


def _is_long(facts: RequestFacts) -> bool:
    is_stream = facts.reference.subresource in ("log", "proxy")
    return facts.event.verb == "watch" or facts.is_session or is_stream


def seconds_in_words(seconds: float) -> str:
    """``40 ms``, ``1.4 s``, ``12 s``, ``3 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _recorded(event: Mapping[str, Any]) -> str:
    """Which bodies are in the event, and how much of it: ``both bodies, 1.2 kB``."""
    held = [key for key in ("requestObject", "responseObject") if key in event]
    if not held:
        return "metadata"
    size = sum(len(json.dumps(event[key], separators=(",", ":"))) for key in held)
    what = {"requestObject": "request", "responseObject": "answer"}[held[0]]
    return f"{'both bodies' if len(held) == 2 else what}, {size / 1000:.1f} kB"


def _tone(facts: RequestFacts) -> Tone:
    if facts.event.stage == "Panic" or facts.code >= 500:
        return "failed"
    if facts.code >= 400:
        return "refused"
    if facts.is_open:
        return "open"
    is_read = facts.event.verb in ("get", "list", "watch") and not facts.is_session
    return "read" if is_read else "changed"
