"""One request as one row of text: its columns, safe for a terminal and cut to its width.

    time      user             request                        result             recorded
    13:06:31  admin as viewer  exec in default/hello: env     101, 0.4 s         metadata

Names in events are chosen by clients. Whatever could steer a terminal, hide or
reorder text is spelled out, and columns are counted as terminals show them.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from auditproxy.commands.demo.words import request_in_words

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


def row_of(event: Mapping[str, Any], *, is_open: bool = False) -> Row:
    """The row of a request by its last event, or by its ResponseStarted when it ``is_open``."""
    return Row(
        event["stageTimestamp"][11:19],
        user_of(event),
        request_in_words(event),
        "open" if is_open else _result(event),
        _recorded(event),
        "open" if is_open else _tone(event),
        event["requestReceivedTimestamp"],
    )


def user_of(event: Mapping[str, Any]) -> str:
    """``admin``, ``admin as viewer``, or a dash if no user was authenticated."""
    user = event["user"].get("username") or "-"
    if "impersonatedUser" in event:
        user += f" as {event['impersonatedUser'].get('username') or '-'}"
    return str(user)


def is_session(event: Mapping[str, Any]) -> bool:
    """Whether an exec, an attach or a port-forward is asked for."""
    return _subresource(event) in ("exec", "attach", "portforward")


def cells(row: Row, width: int) -> list[tuple[str, str]]:
    """The columns of a row and their texts, padded; together at most ``width`` columns wide."""
    width = max(NARROWEST, width)
    widths = next(fixed for least, fixed in _FIXED if width >= least)
    room = width - sum(widths.values()) - len(GAP) * len(widths)
    names = [name for name in _ORDER if name == "request" or name in widths]
    return [(name, fitted(getattr(row, name), widths.get(name, room))) for name in names]


def text_of(row: Row, width: int) -> str:
    """A row as plain text of at most ``width`` columns."""
    return GAP.join(text for _, text in cells(row, width)).rstrip()


def fitted(text: str, width: int) -> str:
    """Safe text of exactly ``width`` columns: padded, or cut with an ellipsis."""
    shown = visible(text)
    if columns(shown) > width:
        room, kept = width - 1, ""
        for char in shown:
            room -= columns(char)
            if room < 0:
                break
            kept += char
        shown = f"{kept.rstrip()}…"
    return shown + " " * (width - columns(shown))


def visible(text: str) -> str:
    """Text without characters that steer a terminal or cannot be seen; those become ``\\x1b``."""
    return "".join(
        char if char.isprintable() and not _is_selector(char) else ascii(char)[1:-1]
        for char in text[:_LONGEST]
    )


def columns(text: str) -> int:
    """How many columns of a terminal visible text takes."""
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "FW" else 1


def _is_selector(char: str) -> bool:
    """Variation selectors change how wide the character before them is."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _result(event: Mapping[str, Any]) -> str:
    """``200``, ``403 Forbidden``, ``101, 3.2 s`` of what was long-running."""
    status = event.get("responseStatus", {})
    code = status.get("code", 0)
    if event["stage"] == "Panic":
        return f"{code or 500} Panic"
    if code >= 400:
        return f"{code} {status.get('reason') or _phrase(code)}".rstrip()
    return f"{code}, {_duration(event)}" if _is_long(event) else str(code or "no answer")


def _is_long(event: Mapping[str, Any]) -> bool:
    return event["verb"] == "watch" or is_session(event) or _subresource(event) in ("log", "proxy")


def _subresource(event: Mapping[str, Any]) -> str:
    return str(event.get("objectRef", {}).get("subresource", ""))


def _duration(event: Mapping[str, Any]) -> str:
    first, last = (
        datetime.fromisoformat(event[key]) for key in ("requestReceivedTimestamp", "stageTimestamp")
    )
    return seconds_in_words((last - first).total_seconds())


def seconds_in_words(seconds: float) -> str:
    """``40 ms``, ``1.4 s``, ``12 s``, ``3 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""


def _recorded(event: Mapping[str, Any]) -> str:
    """Which bodies are in the event, and how much of it: ``both bodies, 1.2 kB``."""
    held = [key for key in ("requestObject", "responseObject") if key in event]
    if not held:
        return "metadata"
    size = sum(len(json.dumps(event[key], separators=(",", ":"))) for key in held)
    what = {"requestObject": "request", "responseObject": "answer"}[held[0]]
    return f"{'both bodies' if len(held) == 2 else what}, {size / 1000:.1f} kB"


def _tone(event: Mapping[str, Any]) -> Tone:
    code = event.get("responseStatus", {}).get("code", 0)
    if event["stage"] == "Panic" or code >= 500:
        return "failed"
    if code >= 400:
        return "refused"
    is_read = event["verb"] in ("get", "list", "watch") and not is_session(event)
    return "read" if is_read else "changed"
