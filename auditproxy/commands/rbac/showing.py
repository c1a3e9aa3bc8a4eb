"""What ``auditproxy rbac unused`` found, as text and as one object of JSON."""

from collections.abc import Iterator
from typing import Any

import msgspec

from auditproxy.apis.user import MASTERS
from auditproxy.app.standardstreams import counted
from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.rbac.manifests import GROUP_KIND
from auditproxy.reading.rbac.rules import AskedRight, RbacRule
from auditproxy.reading.rbac.unused import (
    PARTLY,
    UNKNOWN,
    UNUSED,
    GrantUse,
    RightsUse,
    RuleUse,
    narrower,
    state_of,
    unseen_verbs,
)
from auditproxy.serializer.json import go_text

_LONGEST_RULE = 200
_CORE = '""'
_SECOND = len("2026-11-23T10:00:00")


class RightsFound(msgspec.Struct):
    """The use of rights, and of which time."""

    use: RightsUse
    first: str = ""
    last: str = ""
    left_out: int = 0
    """Uses of rights that were not compared: what seems unused may have been used by them."""

    def state(self, one: GrantUse, number: int) -> str:
        """What a rule of a grant is."""
        rule, use = one.grant.rules[number], one.uses.get(number)
        state = state_of(rule, use, is_namespaced=bool(one.grant.namespace))
        return UNKNOWN if self.left_out and state == UNUSED else state

    def narrower(self, one: GrantUse, number: int) -> tuple[RbacRule, ...]:
        """Rules that are enough for what a rule is used for; () where they are not known."""
        use = one.uses.get(number)
        if use is None or self.left_out or self.state(one, number) != PARTLY:
            return ()
        return narrower(one.grant.rules[number], use)


def as_object(found: RightsFound) -> dict[str, Any]:
    """Everything, for other programs."""
    return {
        "from": found.first,
        "to": found.last,
        "leftOut": found.left_out,
        "grants": [_grant(found, one) for one in found.use.grants],
        "withoutGrant": [
            {
                "user": go_text(user),
                "requests": one.requests,
                "masters": one.masters,
                "last": one.last,
                "examples": [msgspec.to_builtins(each) for each in one.examples],
            }
            for user, one in sorted(found.use.without.items())
        ],
    }


def _grant(found: RightsFound, one: GrantUse) -> dict[str, Any]:
    grant = one.grant
    rules = []
    for number, rule in enumerate(grant.rules):
        use = one.uses.get(number)
        state = found.state(one, number)
        shown: dict[str, Any] = {"rule": msgspec.to_builtins(rule), "state": state}
        if use is not None:
            shown |= {"requests": use.requests, "alone": use.alone, "last": use.last}
        if state == PARTLY and use is not None:
            shown["narrower"] = msgspec.to_builtins(found.narrower(one, number))
        if unseen_verbs(rule):
            shown["unseenVerbs"] = unseen_verbs(rule)
        rules.append(shown)
    return {
        "subject": {"kind": grant.kind, "name": grant.subject},
        "seen": one.is_seen,
        "binding": grant.binding,
        "role": grant.role,
        "roleFound": grant.is_found,
        "rules": rules,
    }


def as_text(found: RightsFound, roles: int, bindings: int) -> Iterator[str]:
    """Lines for people: subjects that were seen, those that were not, requests without a grant."""
    period = f", {found.first[:_SECOND]}Z to {found.last[:_SECOND]}Z" if found.first else ""
    yield f"{counted(roles, 'role')} and {counted(bindings, 'binding')}{period}"
    if not found.first:
        yield "No request of such a user is in the log"
    if found.left_out:
        yield f"Incomplete: {counted(found.left_out, 'use')} of rights left out: there are too many"
    subjects: dict[tuple[str, str], list[GrantUse]] = {}
    for one in found.use.grants:
        subjects.setdefault((one.grant.kind, one.grant.subject), []).append(one)
    seen = {key: grants for key, grants in subjects.items() if grants[0].is_seen}
    for key, grants in sorted(seen.items()):
        yield from _subject(found, *key, grants)
    if len(seen) < len(subjects):
        yield ""
        where = " in what was compared" if found.left_out else ""
        yield f"Never seen{where}, neither allowed nor refused:"
        for (kind, subject), grants in sorted(subjects.items()):
            if (kind, subject) not in seen:
                yield f"  {kind} {_shown(subject)}"
                for one in grants:
                    yield f"    {_place(one)}: {counted(len(one.grant.rules), 'rule')}"
    if found.use.without:
        yield ""
        yield "Allowed, and by none of the manifests:"
        for user, without in sorted(found.use.without.items()):
            masters = f", {without.masters} as a member of {MASTERS}" if without.masters else ""
            last = without.last[:_SECOND]
            yield f"  {_shown(user)}: {counted(without.requests, 'request')}, last {last}Z{masters}"
            for asked in without.examples:
                yield f"    such as {_asked(asked)}"


def _subject(found: RightsFound, kind: str, subject: str, grants: list[GrantUse]) -> Iterator[str]:
    yield ""
    states = [found.state(one, number) for one in grants for number in range(len(one.grant.rules))]
    unused, partly = states.count(UNUSED), states.count(PARTLY)
    yield (
        f"{kind} {_shown(subject)}: of {counted(len(states), 'rule')} {unused} unused, "
        f"{partly} partly used"
    )
    if (kind, subject) == (GROUP_KIND, MASTERS):
        yield "  RBAC is not asked about its members"
    for one in grants:
        yield f"  {_place(one)}"
        if not one.grant.is_found:
            yield "    the role is not in the manifests"
        for number, rule in enumerate(one.grant.rules):
            use = one.uses.get(number)
            state = found.state(one, number)
            yield f"    {state:<11}  {_rule(rule)}{_evidence(use)}"
            if rule.non_resource_urls and one.grant.namespace:
                yield "                 paths have no effect in a RoleBinding"
            hidden = unseen_verbs(rule)
            if hidden:
                yield f"                 no log shows: {_shown(_list(hidden))}"
            if state == PARTLY and use is not None:
                rules = found.narrower(one, number)
                for each in rules:
                    yield f"                 narrower: {_rule(each)}"
                if not rules:
                    yield "                 no narrower rule can be given"


def _place(one: GrantUse) -> str:
    return f"{_shown(one.grant.binding)} -> {_shown(one.grant.role)}"


def _evidence(use: RuleUse | None) -> str:
    if use is None or not use.is_used:
        return ""
    if not use.requests:
        return "  (asked besides other requests)"
    also = "" if use.alone else "; other rules allow them too"
    return f"  ({counted(use.requests, 'request')}, last {use.last[:_SECOND]}Z{also})"


def _rule(rule: RbacRule) -> str:
    """Verbs, then paths or resources with their groups; "" is the core group."""
    what = list(rule.non_resource_urls)
    if rule.resources:
        groups = rule.api_groups
        what.append(_list(rule.resources))
        if groups != ("",):
            what.append(f"({_list(tuple(group or _CORE for group in groups))})")
    names = f" named {_list(rule.resource_names)}" if rule.resource_names else ""
    return visible(go_text(f"{_list(rule.verbs)} {' '.join(what)}{names}"), _LONGEST_RULE)


def _asked(asked: AskedRight) -> str:
    if asked.path:
        return _shown(f"{asked.verb} {asked.path}")
    what = asked.resource + (f".{asked.group}" if asked.group else "")
    what += f" {asked.name}" if asked.name else ""
    return _shown(f"{asked.verb} {what}" + (f" -n {asked.namespace}" if asked.namespace else ""))


def _list(texts: tuple[str, ...]) -> str:
    return ",".join(texts)


def _shown(text: str) -> str:
    return visible(go_text(text), _LONGEST_RULE)
