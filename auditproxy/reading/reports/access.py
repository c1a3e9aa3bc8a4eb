"""``report access``: who touched secrets, was in a container, used or changed rights, was refused.

Pure. A request may be in several sections; those that were refused are counted in each.
"""

from collections.abc import Sequence

from auditproxy.reading.meaning.events import TrailEvent
from auditproxy.reading.meaning.facts import kind_of_name, short_user
from auditproxy.reading.reports.report import COUNT, TIME, Column, Row, Section, bars
from auditproxy.reading.reports.tallies import Key, RequestTally, Tallies

NAME = "access"
TITLE = "Access to secrets, containers and rights"
SECRETS, SESSIONS, RIGHTS, REFUSED = ("secrets", "sessions", "rights", "refused")
_RBAC = "rbac.authorization.k8s.io"
_READS = frozenset(("get", "list", "watch"))
_INSIDE = {
    "pods": frozenset(("exec", "attach", "portforward", "ephemeralcontainers", "proxy")),
    "nodes": frozenset(("proxy",)),
    "services": frozenset(("proxy",)),
}
"""Subresources that lead into a container or past the API server."""
_RIGHTS = {
    ("serviceaccounts", "token"): frozenset(("create",)),
    ("certificatesigningrequests", ""): frozenset(("create",)),
    ("certificatesigningrequests", "approval"): frozenset(("update", "patch")),
}
_REFUSALS = (401, 403)
_KINDS = ("human", "unknown", "anonymous", "serviceaccount", "node", "control-plane")
"""People first."""


def keys_of(event: TrailEvent, received: str) -> Sequence[Key]:
    """The groups of a request: table, user, user acted as, namespace, verb, resource, code."""
    reference = event.object_ref
    acting = event.impersonated_user
    status = event.response_status
    code = 0 if status is None else status.code
    sections: list[str] = []
    if reference is not None:
        resource, subresource = reference.resource, reference.subresource
        if resource == "secrets" and not reference.api_group:
            sections.append(SECRETS)
        elif subresource and subresource in _INSIDE.get(resource, ()):
            if subresource != "ephemeralcontainers" or event.verb != "get":
                sections.append(SESSIONS)
        elif reference.api_group == _RBAC:
            if event.verb not in _READS:
                sections.append(RIGHTS)
        elif event.verb in _RIGHTS.get((resource, subresource), ()):
            sections.append(RIGHTS)
    if code in _REFUSALS:
        sections.append(REFUSED)
    if acting is not None and acting.username != event.user.username:
        if RIGHTS not in sections:
            sections.append(RIGHTS)
    elif not sections:
        return ()
    namespace, what = "", event.request_uri.partition("?")[0]
    if reference is not None:
        namespace = reference.namespace
        what = "/".join(part for part in (reference.resource, reference.subresource) if part)
        what += f".{reference.api_group}" if reference.api_group else ""
    user, as_whom = event.user.username, "" if acting is None else acting.username
    found: list[Key] = []
    for section in sections:
        of = str(code) if section == REFUSED else ""
        found.append((section, user, as_whom, namespace, event.verb, what, of))
    return found


def sections_of(tallies: Tallies, days: float | None) -> tuple[Section, ...]:
    """The tables of what was counted."""
    allowed = (
        Column("USER", "who"),
        Column("NAMESPACE", "namespace"),
        Column("WHAT", "what"),
        Column("REQUESTS", "requests", COUNT),
        Column("REFUSED", "refused", COUNT),
        Column("FIRST", "first", TIME),
        Column("LAST", "last", TIME),
    )
    refused = (*allowed[:3], Column("CODE", "code", COUNT), allowed[3], *allowed[5:])
    return (
        _section(
            tallies,
            SECRETS,
            "Secrets",
            allowed,
            "No request for a secret.",
            ("list and watch give the contents of secrets, as get does",),
        ),
        _section(
            tallies,
            SESSIONS,
            "Into containers: exec, attach, port-forward, debug containers, proxies",
            allowed,
            "No request that leads into a container.",
        ),
        _section(
            tallies,
            RIGHTS,
            "Rights: impersonation, RBAC, tokens and certificates",
            allowed,
            "No request that used or changed the rights of others.",
        ),
        _section(
            tallies,
            REFUSED,
            "Refused",
            refused,
            "No request was refused.",
            ("a 401 has no user: its credentials were not valid",),
        ),
    )


def _section(
    tallies: Tallies,
    member: str,
    title: str,
    columns: tuple[Column, ...],
    empty: str,
    remarks: tuple[str, ...] = (),
) -> Section:
    rows = [_row(key, tally) for key, tally in tallies.of(member).items()]
    rows.sort(key=_order)
    by_user: dict[str, int] = {}
    for row in rows:
        by_user[row["who"]] = by_user.get(row["who"], 0) + row["requests"]
    ranked = sorted(by_user.items(), key=lambda item: (-item[1], item[0]))
    chart = bars(
        f"{title.partition(':')[0]}: requests by user",
        [{"who": who, "requests": count} for who, count in ranked],
        ("who",),
        "requests",
    )
    return Section(
        member=member,
        title=title,
        columns=columns,
        rows=rows,
        empty=empty,
        chart=chart,
        remarks=remarks if rows else (),
    )


def _row(key: Key, tally: RequestTally) -> Row:
    _, user, as_whom, namespace, verb, what, code = key
    row: Row = {
        "user": user,
        "impersonatedUser": as_whom,
        "who": who(user, as_whom),
        "kind": kind_of_name(as_whom or user),
        "namespace": namespace,
        "verb": verb,
        "resource": what,
        "what": f"{verb} {what}",
        "requests": tally.requests,
        "refused": tally.refused,
        "first": tally.first,
        "last": tally.last,
    }
    return row | {"code": int(code)} if code else row


def who(user: str, as_whom: str) -> str:
    """``alice``, ``alice as bob``, or a dash where no user was authenticated."""
    name = short_user(user) or "-"
    return f"{name} as {short_user(as_whom)}" if as_whom and as_whom != user else name


def _order(row: Row) -> tuple[int, int, str, str, str, str]:
    kind = _KINDS.index(row["kind"])
    return kind, -row["requests"], row["who"], row["namespace"], row["what"], row["first"]
