"""``auditproxy events show``: one request whole."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import yaml

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.app.standardstreams import counted
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.commands.events.printing import Shown, Text
from auditproxy.commands.events.rows import as_object, user_of
from auditproxy.commands.events.sessionlines import commands_of
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.changes import FieldChange, in_words, masked
from auditproxy.reading.meaning.conditions import ColumnFilter
from auditproxy.reading.meaning.explanations import explanation
from auditproxy.reading.meaning.facts import RequestFacts
from auditproxy.reading.meaning.history import changes_of
from auditproxy.reading.meaning.moments import iso, length_of
from auditproxy.reading.meaning.requests import SeenEvent
from auditproxy.reading.meaning.sentences import result, sentence
from auditproxy.reading.trail.newest import newest
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import TrailFile
from auditproxy.serializer.json import go_text

SHORTEST_BEGINNING = 6
"""Characters of an audit ID that are enough to mean the whole one."""
_EARLIER = 20
"""Requests for the same object that are read to know what it was before."""
LONGEST_BODY = 400
"""Lines of a body that are shown; --output=json has all of it."""
_LONGEST_TEXT = 1 << 16


def run_show(
    audit_id: str,
    files: Sequence[TrailFile],
    session_logs: Sequence[str],
    how: Shown,
    out: Text,
    err: Text,
) -> int:
    """Print the request of an audit ID, or of its beginning; the exit code. Raises Unusable."""
    if "*" in audit_id or len(audit_id) < SHORTEST_BEGINNING:
        raise Unusable(f"give the audit ID, or its first {SHORTEST_BEGINNING} characters or more")
    found = newest(files, Search(conditions=(ColumnFilter("audit-id", (f"{audit_id}*",)),)), 1000)
    for note in notes_of(found.counts, found.forms):
        err.write(f"auditproxy: warning: {note}\n")
    requests = [one for one in found.requests if one.event.audit_id == audit_id] or found.requests
    ids = {one.event.audit_id for one in requests}
    if not ids:
        check_has_events(found.counts, files)
        raise Unusable(f"no event has the audit ID {go_quote(audit_id)}")
    if len(ids) > 1:
        raise Unusable(f"several audit IDs begin with {go_quote(audit_id)}; give more of it")
    for place, request in enumerate(requests):
        facts = RequestFacts(request)
        changed = _changes(facts, files)
        commands = list(commands_of(session_logs, request.event.audit_id))
        if how.output == "json":
            out.write(f"{json.dumps(_object(facts, changed, commands))}\n")
            continue
        if place:
            out.write("\n")
        for line in _lines(facts, changed, commands, how):
            out.write(f"{line}\n")
    return 0


def _changes(facts: RequestFacts, files: Sequence[TrailFile]) -> list[FieldChange] | None:
    """What a write changed, against an earlier answer anywhere in the trail."""
    reference = facts.reference
    if facts.event.verb not in ("patch", "update") or not facts.name or facts.asked is None:
        return changes_of([facts]).get(facts.request)
    same = (
        ColumnFilter("name", (facts.name,)),
        ColumnFilter("namespace", (facts.namespace,)),
        ColumnFilter("resource", (reference.resource,)),
    )
    search = Search(conditions=same, until=facts.request.received)
    earlier = [RequestFacts(one) for one in newest(files, search, _EARLIER).requests]
    return changes_of([*earlier, facts]).get(facts.request)


def _lines(
    facts: RequestFacts, changed: list[FieldChange] | None, commands: list[str], how: Shown
) -> Iterator[str]:
    event = facts.event
    yield _safe(f"{user_of(facts) or 'a client without a user'} {sentence(facts, changed)}")
    yield ""
    status = event.response_status
    rows = [
        ("Audit ID", event.audit_id),
        ("User", user_text(event.user)),
        ("Acting as", user_text(event.impersonated_user) if event.impersonated_user else ""),
        ("Kind", facts.kind),
        ("From", f"{facts.peer} {claims_text(event.source_ips)}".strip()),
        ("Client", event.user_agent),
        ("Request", f"{event.verb} {event.request_uri}"),
        ("Command", json.dumps(facts.command, ensure_ascii=False) if facts.command else ""),
        ("Received", iso(received, how.zone) if (received := facts.request.received) else ""),
        ("Took", "" if facts.duration is None else length_of(facts.duration)),
        ("Result", f"{result(facts)}, {facts.outcome}"),
        ("Message", status.message if status is not None else ""),
        ("Allowed by", facts.granted_by),
        ("Level", event.level),
    ]
    for name, value in rows:
        if value:
            yield f"{name + ':':<12}{_safe(value)}"
    yield from _section("Stages", _stages(facts, how))
    yield from _section("Annotations", _annotations(event.annotations))
    yield from _section("Changes", map(in_words, changed or ()))
    yield from _section("Commands of the session", commands)
    yield from _section("Body of the request", body_lines(facts.asked, facts.resource))
    yield from _section("Body of the answer", body_lines(facts.answered, facts.resource))


def _section(heading: str, lines: Any) -> Iterator[str]:
    first = True
    for line in lines:
        if first:
            yield ""
            yield f"{heading}:"
            first = False
        yield f"  {_safe(line)}"


def _stages(facts: RequestFacts, how: Shown) -> Iterator[str]:
    several = facts.witnesses > 1
    for account in facts.request.accounts:
        for seen in account:
            after = length_of(seen.staged - seen.received)
            status = seen.event.response_status
            code = f"  {status.code}" if status is not None and status.code else ""
            where = f"  {seen.origin}" if several else ""
            stage = seen.event.stage or "-"
            yield f"{iso(seen.staged, how.zone)}  {stage:<16}  +{after}{code}{where}"


def _annotations(annotations: dict[str, str]) -> Iterator[str]:
    for key, value in sorted(annotations.items()):
        what = explanation(key) if value else ""
        yield f"{key}: {value or '(empty)'}" + (f"   ({what})" if what else "")


def user_text(user: Any) -> str:
    """A user with its groups, uid and extra values."""
    parts = [user.username or "(none)"]
    parts += [f"groups {', '.join(user.groups)}"] if user.groups else []
    parts += [f"uid {user.uid}"] if user.uid else []
    parts += [f"{key} {', '.join(values)}" for key, values in sorted(user.extra.items())]
    return "; ".join(parts)


def claims_text(addresses: Sequence[str]) -> str:
    """The addresses that the client or a front proxy named."""
    return f"(it names {', '.join(addresses[:-1])})" if len(addresses) > 1 else ""


def body_lines(value: Any, resource: str) -> Iterator[str]:
    """A body as YAML, at most LONGEST_BODY lines; what is secret is hidden."""
    if value is None:
        return
    shown = yaml.safe_dump(masked(value, resource), sort_keys=False, allow_unicode=True)
    lines = shown.splitlines()
    yield from lines[:LONGEST_BODY]
    if len(lines) > LONGEST_BODY:
        yield f"and {counted(len(lines) - LONGEST_BODY, 'more line')}"


def _object(
    facts: RequestFacts, changed: list[FieldChange] | None, commands: list[str]
) -> dict[str, Any]:
    row = as_object(facts, changed)
    row["changes"] = [in_words(change) for change in changed or ()]
    row["commands"] = commands
    row["annotations"] = facts.event.annotations
    row["requestObject"] = masked(facts.asked, facts.resource)
    row["responseObject"] = masked(facts.answered, facts.resource)
    row["accounts"] = [[_stage(seen) for seen in account] for account in facts.request.accounts]
    return row


def _stage(seen: SeenEvent) -> dict[str, Any]:
    status = seen.event.response_status
    return {
        "origin": seen.origin,
        "form": seen.form,
        "stage": seen.event.stage,
        "stageTimestamp": seen.event.stage_timestamp,
        "afterSeconds": round((seen.staged - seen.received) / SECOND, 6),
        "responseStatus": None if status is None else msgspec.to_builtins(status),
    }


def _safe(text: str) -> str:
    return visible(go_text(text), _LONGEST_TEXT)
