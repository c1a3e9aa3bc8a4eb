"""One request as a row of a table, and as an object for other programs."""

from collections.abc import Sequence
from typing import Any

from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.changes import FieldChange
from auditproxy.reading.meaning.facts import DECISION, OPEN, RequestFacts, short_user
from auditproxy.reading.meaning.moments import length_of
from auditproxy.reading.meaning.sentences import result, sentence
from auditproxy.serializer.json import go_text

TABLE = ("TIME", "USER", "REQUEST", "RESULT", "FROM")
WIDE = ("TIME", "USER", "REQUEST", "RESULT", "TOOK", "FROM", "CLIENT", "ALLOWED BY", "AUDIT ID")
SENSITIVE = frozenset(
    ("secrets", "pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token")
)
SCHEMA = 1
"""Version of the objects."""


def cells(
    facts: RequestFacts, moment: str, changed: list[FieldChange] | None, *, wide: bool
) -> tuple[str, ...]:
    """The visible texts of a row, under TABLE or WIDE; a dash where there is nothing."""
    texts = [moment, user_of(facts), sentence(facts, changed), result(facts)]
    if wide:
        texts += [
            length_of(facts.duration) if facts.duration is not None else "",
            facts.peer,
            facts.client,
            facts.granted_by,
            facts.event.audit_id,
        ]
    else:
        texts.append(facts.peer)
    return tuple(visible(go_text(text)) or "-" for text in texts)


def user_of(facts: RequestFacts) -> str:
    """``alice``, ``alice as bob``, ``shop/web``, or nothing where no user was authenticated."""
    user = short_user(facts.user)
    return f"{user} as {short_user(facts.impersonated)}" if facts.impersonated else user


def tone(facts: RequestFacts) -> str:
    """What a row is shown as: refused, failed, deleted, sensitive, created or plain."""
    if facts.code >= 400 or facts.event.stage == "Panic":
        return "refused"
    if facts.event.verb in ("delete", "deletecollection"):
        return "deleted"
    if facts.resource in SENSITIVE:
        return "sensitive"
    return "created" if facts.event.verb == "create" else "plain"


def as_object(facts: RequestFacts, changed: list[FieldChange] | None = None) -> dict[str, Any]:
    """A request for other programs; members without a value are left out."""
    event, request = facts.event, facts.request
    first = request.accounts[0][0]
    status = event.response_status
    members: dict[str, Any] = {
        "auditID": event.audit_id,
        "received": event.request_received_timestamp,
        "ended": "" if facts.is_open else event.stage_timestamp,
        "user": facts.user,
        "impersonatedUser": facts.impersonated,
        "groups": list(facts.groups),
        "verb": event.verb,
        "apiGroup": facts.reference.api_group,
        "resource": facts.resource,
        "namespace": facts.namespace,
        "name": facts.name,
        "requestURI": event.request_uri,
        "command": list(facts.command),
        "code": facts.code,
        "reason": status.reason if status is not None else "",
        "message": status.message if status is not None else "",
        "sourceIPs": list(event.source_ips),
        "userAgent": event.user_agent,
        "level": event.level,
        "decision": event.annotations.get(DECISION, ""),
        "decisionReason": facts.reason,
        "grantedBy": facts.granted_by,
    }
    known: dict[str, Any] = {"schema": SCHEMA}
    known |= {key: value for key, value in members.items() if value}
    known |= {
        "sentence": sentence(facts, changed),
        "kind": facts.kind,
        "outcome": facts.outcome,
        "open": facts.outcome == OPEN,
        "dryRun": facts.is_dry_run,
        "stages": list(request.stages),
        "witnesses": facts.witnesses,
        "form": first.form,
    }
    if facts.duration is not None:
        known["durationSeconds"] = round(facts.duration / SECOND, 6)
    return known


CSV_COLUMNS = (
    "received",
    "user",
    "impersonatedUser",
    "sentence",
    "verb",
    "apiGroup",
    "resource",
    "namespace",
    "name",
    "code",
    "outcome",
    "durationSeconds",
    "sourceIPs",
    "userAgent",
    "grantedBy",
    "auditID",
)
CHANGES = "changes"
"""The column of --diff, behind the others."""


def csv_cells(row: dict[str, Any], columns: Sequence[str] = CSV_COLUMNS) -> list[str]:
    """A row for spreadsheets: what one would run as a formula begins with an apostrophe."""
    found = []
    for column in columns:
        value = row.get(column, "")
        between = "; " if column == CHANGES else " "
        text = between.join(value) if isinstance(value, list) else str(value)
        found.append(csv_text(text, 1 << 20))
    return found


def csv_text(text: str, longest: int) -> str:
    """A visible text; one that a spreadsheet would run as a formula begins with an apostrophe."""
    shown = visible(text, longest)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown
