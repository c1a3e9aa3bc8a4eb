"""``auditproxy sessions list``: one line for each recording, as a table or as JSON."""

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from auditproxy.commands.sessions.selecting import Locked, started_at
from auditproxy.recordings.reading import RecordingSummary
from auditproxy.serializer.times import micro_time, rfc3339
from auditproxy.sessions.playback import visible

HEADINGS = (
    "STARTED",
    "USER",
    "NAMESPACE",
    "POD",
    "KIND",
    "DURATION",
    "STATE",
    "EXIT",
    "SESSION",
    "COMMAND",
)
PAGE = 200
"""Rows that are held, so that their columns are one below the other."""
_LONGEST_CELL = 60


def table(found: Iterable[RecordingSummary | Locked]) -> Iterator[str]:
    """Lines of a table; without a recording, none."""
    widths = [len(heading) for heading in HEADINGS]
    page: list[tuple[str, ...]] = []
    first = True
    for each in found:
        page.append(_cells(each))
        if len(page) == PAGE:
            yield from _lines(page, widths, first=first)
            page, first = [], False
    if page:
        yield from _lines(page, widths, first=first)


def as_object(each: RecordingSummary | Locked) -> dict[str, Any]:
    """A recording as JSON has it; members without a value are left out."""
    if isinstance(each, Locked):
        return {
            "path": str(each.path),
            "encrypted": True,
            "started": each.name.started,
            "namespace": each.name.namespace,
            "pod": each.name.pod,
            "auditID": each.name.audit_id,
            "sessionID": each.name.session_id,
        }
    session, end = each.header.auditproxy, each.end
    members = {
        "sessionID": session.session_id,
        "auditID": session.audit_id,
        "kind": session.kind,
        "record": session.record,
        "user": session.user,
        "groups": session.groups,
        "impersonatedUser": session.impersonated_user,
        "impersonatedGroups": session.impersonated_groups,
        "sourceIPs": session.source_ips,
        "userAgent": session.user_agent,
        "namespace": session.namespace,
        "pod": session.pod,
        "container": session.container,
        "node": session.node,
        "command": session.command,
        "stopped": each.stopped,
        "reason": end.reason if end else "",
        "message": end.message if end else "",
    }
    known: dict[str, Any] = {"path": str(each.path), "started": micro_time(started_at(each.header))}
    known |= {key: value for key, value in members.items() if value}
    known |= {
        "tty": session.tty,
        "state": each.state,
        "durationSeconds": round(each.seconds, 6),
        "size": each.size,
    }
    if end is not None:
        known |= {"bytesIn": end.bytes_in, "bytesOut": end.bytes_out}
        if end.missing_bytes:
            known["missingBytes"] = end.missing_bytes
        if end.exit_code is not None:
            known["exitCode"] = end.exit_code
    return known


def as_json(value: dict[str, Any]) -> str:
    """One line of JSON; nothing in it is a control, not even for a terminal."""
    return json.dumps(value) + "\n"


def duration(seconds: float) -> str:
    """``4.2s``, ``3m07s``, ``2h05m``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def _cells(each: RecordingSummary | Locked) -> tuple[str, ...]:
    if isinstance(each, Locked):
        name = each.name
        started = name.started.partition(".")[0]
        cells = (
            f"{started}Z" if started else "-",
            "(encrypted)",
            name.namespace,
            name.pod,
            "-",
            "-",
            "-",
            "-",
            name.session_id or each.path.name,
            "-",
        )
    else:
        session, end = each.header.auditproxy, each.end
        code = "" if end is None or end.exit_code is None else str(end.exit_code)
        user = session.user
        if session.impersonated_user:
            user = f"{session.impersonated_user} (by {session.user})"
        cells = (
            rfc3339(started_at(each.header)),
            user,
            session.namespace,
            session.pod or session.node,
            session.kind,
            duration(each.seconds),
            each.state,
            code,
            session.session_id or each.path.name,
            shlex.join(session.command),
        )
    return tuple(_cut(visible(cell)) or "-" for cell in cells)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 3]}..."


def _lines(page: list[tuple[str, ...]], widths: list[int], *, first: bool) -> Iterator[str]:
    rows = [HEADINGS, *page] if first else page
    for row in rows:
        for place, cell in enumerate(row):
            widths[place] = max(widths[place], len(cell))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "   ".join(cells).rstrip() + "\n"
