"""``auditproxy rbac derive``: roles and bindings of what users did, as manifests."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
import yaml

from auditproxy.app.standardstreams import Output, counted
from auditproxy.commands.events.notes import check_has_events, notes_of
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.conditions import conditions_of, is_user
from auditproxy.reading.meaning.events import GONE
from auditproxy.reading.meaning.facts import kind_of_name, short_user
from auditproxy.reading.rbac.rights import (
    ALLOWED,
    DERIVED,
    SERVICE_ACCOUNT,
    RightKey,
    groups_in,
    is_master,
    right_of,
)
from auditproxy.reading.rbac.roles import (
    DerivedRole,
    DerivedRule,
    RightUse,
    derive,
    gives_rights,
    is_default,
    with_escalation,
)
from auditproxy.reading.rbac.rules import AskedRight
from auditproxy.reading.reports.blockpass import PassTask
from auditproxy.reading.reports.onepass import pass_once
from auditproxy.reading.reports.tallies import Tallies
from auditproxy.reading.trail.lines import DAMAGED
from auditproxy.reading.trail.sources import files_of
from auditproxy.serializer.json import go_text

GROUP = "rbac.authorization.k8s.io"
_VERSION = f"{GROUP}/v1"
_DERIVED = ("human", "serviceaccount")
"""Kinds of users that are meant where none is named."""
FEWER = "give --user, or a shorter period with --since and --until"
"""What makes room where there are too many rights."""
_NOT_A_NAME = re.compile(r"[^a-z0-9.-]+")
_LONGEST_NAME = 40
_MOST_REFUSED = 50
"""Refused rights of one user that are listed."""


class SubjectUse(msgspec.Struct):
    """What one user or group did."""

    allowed: dict[AskedRight, RightUse]
    refused: dict[AskedRight, RightUse]
    masters: int = 0
    """Requests for which RBAC was not asked."""


def run_derive(
    task: PassTask,
    logs: Sequence[str],
    spool: str,
    settings: Mapping[str, Any],
    output: str,
    out: Output,
    err: Output,
) -> int:
    """Write the roles; the exit code. Raises Unusable and OSError."""
    files = files_of(logs, spool)
    passed = pass_once(files, _for_roles(task, settings))
    for note in notes_of(passed.counts, passed.forms):
        err.write(f"auditproxy: warning: {note}\n")
    check_has_events(passed.counts, files)
    subjects = subjects_of(
        {
            # What is only added was not requested itself.
            key: RightUse(0 if key[3] else tally.requests, tally.first, tally.last, key[3])
            for key, tally in passed.tallies.groups.items()
        },
        settings["user"],
        settings["group"],
    )
    incomplete = left_out(passed.tallies)
    if incomplete:
        err.write(f"auditproxy: warning: {incomplete}, and no role has them; {FEWER}\n")
    if not subjects:
        err.write("auditproxy: no request of such a user was allowed or refused\n")
    manifests: list[dict[str, Any]] = []
    if incomplete and output != "json":
        out.write(f"# Incomplete: {incomplete}\n")
    for subject in sorted(subjects):
        use = subjects[subject]
        defaults = [asked for asked in use.allowed if is_default(asked)]
        if not settings["defaults"]:
            for asked in defaults:
                del use.allowed[asked]
        if settings["escalation"]:
            use.allowed = with_escalation(use.allowed)
        roles = derive(use.allowed, settings["resource-names"], settings["namespaces"])
        if output == "json":
            for role in roles:
                manifests += _manifests(subject, role, is_group=bool(settings["group"]))
            continue
        left = 0 if settings["defaults"] else len(defaults)
        for text in _documents(
            subject,
            use,
            roles,
            left,
            is_group=bool(settings["group"]),
            hides_escalation=not settings["escalation"],
        ):
            out.write(text)
    if output == "json":
        out.write(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}) + "\n")
    return 1 if incomplete or passed.counts[DAMAGED] or passed.counts[GONE] else 0


def left_out(tallies: Tallies) -> str:
    """What is not in the groups, because there are too many; "" where all is."""
    others = tallies.others.requests
    return f"{counted(others, 'use')} of rights left out, because there are too many" * bool(others)


def _for_roles(task: PassTask, settings: Mapping[str, Any]) -> PassTask:
    """Without what no role is made of, so that it does not take the place of what is."""
    users = conditions_of({"user": settings["user"]})
    if not users and not settings["group"]:
        users = conditions_of({"kind": _DERIVED})
    return msgspec.structs.replace(task, subject=DERIVED, users=users)


def subjects_of(
    used: Mapping[RightKey, RightUse], users: Sequence[str], group: str
) -> dict[str, SubjectUse]:
    """What each user did, or with a group what its members did together."""
    wanted = conditions_of({"user": users})
    found: dict[str, SubjectUse] = {}
    for key, use in used.items():
        name, groups = key[1], groups_in(key)
        if group and group not in groups:
            continue
        if not is_user(wanted, name) or not (wanted or group or kind_of_name(name) in _DERIVED):
            continue
        whole = found.setdefault(group or name, SubjectUse({}, {}))
        rights = whole.allowed if key[0] == ALLOWED else whole.refused
        asked = right_of(key)
        known = rights.get(asked)
        if known is None:
            rights[asked] = use
        else:
            known.add(use)
        if is_master(groups):
            whole.masters += use.requests
    return found


def _documents(
    subject: str,
    use: SubjectUse,
    roles: Sequence[DerivedRole],
    defaults: int,
    *,
    is_group: bool,
    hides_escalation: bool,
) -> Iterator[str]:
    """The manifests of one subject, each with comments that say what it comes from."""
    yield f"# {'Group' if is_group else 'User'} {_comment(subject)}\n"
    if use.masters:
        yield (
            f"# {counted(use.masters, 'request')} as a member of system:masters, which RBAC is not "
            "asked about\n"
        )
    if defaults:
        yield (
            f"# Left out: {counted(defaults, 'right')} that every authenticated user has "
            "(--defaults)\n"
        )
    if hides_escalation and any(map(gives_rights, use.allowed)):
        yield (
            "# Who writes roles or bindings also needs what is in them, or the verbs escalate and "
            "bind, which no log shows (--escalation)\n"
        )
    if use.refused:
        yield f"# Refused, and not granted: {counted(len(use.refused), 'right')}\n"
        for asked in sorted(use.refused, key=_order)[:_MOST_REFUSED]:
            yield f"#   {_evidence(use.refused[asked])}: {_comment(_told(asked))}\n"
        if len(use.refused) > _MOST_REFUSED:
            yield f"#   and {len(use.refused) - _MOST_REFUSED} more\n"
    if not roles:
        yield "# No right was used\n"
    for role in roles:
        first, second = _manifests(subject, role, is_group=is_group)
        rules = first.pop("rules")
        yield "---\n" + yaml.safe_dump(first, sort_keys=False, allow_unicode=False) + "rules:\n"
        for derived, rule in zip(role.rules, rules, strict=True):
            yield f"# {_evidence(derived.use)}\n"
            for added in derived.added:
                yield f"# added {_comment(added)}\n"
            for reason in derived.wide:
                yield f"# in all namespaces: {_comment(reason)}\n"
            yield yaml.safe_dump([rule], sort_keys=False, allow_unicode=False)
        yield "---\n" + yaml.safe_dump(second, sort_keys=False, allow_unicode=False)


def _order(asked: AskedRight) -> tuple[str, ...]:
    return asked.namespace, asked.group, asked.resource, asked.path, asked.verb, asked.name


def _told(asked: AskedRight) -> str:
    if asked.path:
        return f"{asked.verb} {asked.path}"
    what = asked.resource + (f".{asked.group}" if asked.group else "")
    what += f" {asked.name}" if asked.name else ""
    where = f" -n {asked.namespace}" if asked.namespace else ""
    return f"{asked.verb} {what}{where}"


def _evidence(use: RightUse) -> str:
    days = sorted({use.first[:10], use.last[:10]} - {""})
    return f"{counted(use.requests, 'request')}, {' to '.join(days)}"


def _comment(text: str) -> str:
    """A text that stays in its comment."""
    return visible(go_text(text), 500)


def _manifests(subject: str, role: DerivedRole, *, is_group: bool) -> list[dict[str, Any]]:
    """A role and its binding."""
    kind = "Role" if role.namespace else "ClusterRole"
    metadata = {"name": role_name(subject, is_group=is_group)}
    metadata |= {"namespace": role.namespace} if role.namespace else {}
    head = {"apiVersion": _VERSION, "kind": kind, "metadata": metadata}
    return [
        {**head, "rules": [_rule(derived) for derived in role.rules]},
        {
            "apiVersion": _VERSION,
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": metadata["name"]},
            "subjects": [_subject(subject, is_group=is_group)],
        },
    ]


def _rule(derived: DerivedRule) -> dict[str, Any]:
    rule: dict[str, Any] = msgspec.to_builtins(derived.rule)
    return rule


def _subject(name: str, *, is_group: bool) -> dict[str, str]:
    if not is_group and name.startswith(SERVICE_ACCOUNT) and name.count(":") == 3:
        namespace, _, account = name.removeprefix(SERVICE_ACCOUNT).partition(":")
        return {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {"apiGroup": GROUP, "kind": "Group" if is_group else "User", "name": name}


def role_name(subject: str, *, is_group: bool) -> str:
    """The name of a subject's roles: always the same, and of no other subject."""
    short = short_user(subject)
    plain = _NOT_A_NAME.sub("-", short.lower().replace("/", "."))[:_LONGEST_NAME].strip("-.")
    if plain == subject and not is_group:
        return f"used-by-{plain}"
    kind = "group" if is_group else "user"
    digest = sha256(f"{kind} {subject}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"used-by-{plain or kind}-{digest}"
