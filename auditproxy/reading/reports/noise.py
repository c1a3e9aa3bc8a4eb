"""``report noise``: what fills a log, and the policy rule that would drop each part of it.

Pure. A part is what one rule of a policy can name: a user or the group of nodes, a verb, and a
resource or the beginning of a path. No rule is given for what an auditor asks about: requests of
people, without a user, of secrets, tokens, rights and sessions, those that were refused, and
changes by machines but for those that only report a state.
"""

from collections.abc import Sequence
from typing import Any

from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import kind_of_name, short_user
from auditproxy.reading.reports.report import BYTES, COUNT, SHARE, Column, Row, Section, bars
from auditproxy.reading.reports.tallies import Key, RequestTally, Tallies

NAME = "noise"
TITLE = "What fills the log"
PARTS = "parts"
_NODES = "system:nodes"
_KEPT_GROUPS = ("rbac.authorization.k8s.io", "certificates.k8s.io")
_KEPT = {
    "secrets": "secrets",
    "serviceaccounts/token": "tokens",
    "tokenreviews": "credentials",
    "pods/exec": "sessions",
    "pods/attach": "sessions",
    "pods/portforward": "sessions",
    "pods/ephemeralcontainers": "sessions",
    "pods/proxy": "sessions",
    "services/proxy": "sessions",
    "nodes/proxy": "sessions",
}
_READS = frozenset(("get", "list", "watch"))
_REPORTED = frozenset(
    (
        "endpoints",
        "endpointslices",
        "events",
        "leases",
        "localsubjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "subjectaccessreviews",
    )
)
"""Resources of which machines write states and questions all the time."""
_DELETIONS = frozenset(("delete", "deletecollection"))
_PEOPLE = {"human": "people", "anonymous": "no user", "unknown": "no user"}
_HEARTBEATS = "leases"


def keys_of(event: TrailEvent, received: str) -> Sequence[Key]:
    """The part that an event belongs to: whether a group, user, verb, API group, resource, path."""
    user, is_group = event.user.username, ""
    if user.startswith("system:node:") and _NODES in event.user.groups:
        user, is_group = _NODES, "group"
    reference = event.object_ref
    if reference is None:
        return ((PARTS, is_group, user, event.verb, "", "", _paths(event.request_uri)),)
    resource = reference.resource
    if reference.subresource:
        resource = f"{resource}/{reference.subresource}"
    return ((PARTS, is_group, user, event.verb, reference.api_group, resource, ""),)


def sections_of(tallies: Tallies, days: float | None) -> tuple[Section, ...]:
    """The table of parts, largest first; amounts of a day where ``days`` are known."""
    found = tallies.of(PARTS)
    total = sum(tally.size for tally in found.values()) + tallies.others.size
    rows = [_row(key, tally, total, days) for key, tally in found.items()]
    rows.sort(key=lambda row: (-row["bytes"], row["who"], row["what"]))
    section = Section(
        member="parts",
        title="Parts of the log",
        columns=(
            Column("USER", "who"),
            Column("WHAT", "what"),
            Column("REQUESTS", "requests", COUNT),
            Column("EVENTS", "events", COUNT),
            Column("BYTES", "bytes", BYTES),
            Column("BYTES A DAY", "bytesPerDay", BYTES),
            Column("SHARE", "share", SHARE),
            Column("RULE", "ruleOrWhyNot"),
        ),
        rows=rows,
        empty="No event.",
        chart=bars("Bytes of the log by part", rows, ("who", "what"), "bytes", BYTES),
        remarks=_remarks(rows),
    )
    return (section,)


def rule_of(key: Key) -> dict[str, Any] | None:
    """The rule of a policy that drops a part; None where none can name it."""
    _, is_group, user, verb, group, resource, path = key
    if not user or not verb:
        return None
    rule: dict[str, Any] = {"level": "None"}
    rule["userGroups" if is_group else "users"] = [user]
    rule["verbs"] = [verb]
    if path:
        rule["nonResourceURLs"] = [path]
    else:
        rule["resources"] = [{"group": group, "resources": [resource]}]
    return rule


def _row(key: Key, tally: RequestTally, total: int, days: float | None) -> Row:
    _, is_group, user, verb, group, resource, path = key
    what = f"{verb} {path or resource}" + (f".{group}" if group else "")
    kept = _why_kept(key, tally)
    rule = None if kept else rule_of(key)
    return {
        "user": "" if is_group else user,
        "userGroup": user if is_group else "",
        "who": short_user(user) or "-",
        "verb": verb,
        "apiGroup": group,
        "resource": resource,
        "path": path,
        "what": what,
        "requests": tally.requests,
        "refused": tally.refused,
        "events": tally.events,
        "bytes": tally.size,
        "bodyBytes": tally.bodies,
        "bytesPerDay": None if days is None else round(tally.size / days),
        "share": tally.size / total if total else 0.0,
        "rule": rule,
        "kept": kept,
        "ruleOrWhyNot": f"keep: {kept}" if kept else "below" if rule else "-",
    }


def _why_kept(key: Key, tally: RequestTally) -> str:
    """Why no rule is given for a part, or ""."""
    _, is_group, user, verb, group, resource, path = key
    kind = "node" if is_group else kind_of_name(user)
    if kind in _PEOPLE:
        return _PEOPLE[kind]
    if resource in _KEPT:
        return _KEPT[resource]
    if group in _KEPT_GROUPS:
        return "rights"
    if tally.refused:
        return "refused"
    is_state = resource.endswith("/status") or (resource in _REPORTED and verb not in _DELETIONS)
    return "" if path or verb in _READS or is_state else "changes"


def _paths(uri: str) -> str:
    """The path of what is not a resource, or the beginning that such paths share."""
    path = uri.partition("?")[0]
    first, slash, _ = path[1:].partition("/")
    return f"/{first}/*" if slash else path


def _remarks(rows: Sequence[Row]) -> tuple[str, ...]:
    if not rows:
        return ()
    remarks = [
        "put such a rule before those that record the same; it hides refusals that come later too",
        "a rule with the level Metadata instead of None drops the bodies alone",
    ]
    if any(row["rule"] and row["resource"] == _HEARTBEATS for row in rows):
        remarks.append(
            "leases are the heartbeat of a log: without any, nothing shows that it has a gap"
        )
    return tuple(remarks)
