"""Advice on a valid policy: logged for the operator at the start, never a fault."""

import re
from collections.abc import Sequence

from auditproxy.apis.audit import Level, Policy, PolicyRule, Selectors, Stage
from auditproxy.apis.gotext import go_quote
from auditproxy.audit.policy.decoding import FIELDS
from auditproxy.audit.policy.neverseen import unknown_resources, unknown_verbs

_UNKNOWN = re.compile(r'unknown field "(?:[^" ]*\.)?([A-Za-z]+)"')

_READS = frozenset({"get", "list"})


def advice(policy: Policy, *, strict: str) -> tuple[str, ...]:
    """Texts about a policy; ``strict`` is a backend's mode that refuses what it cannot store."""
    found: list[str] = []
    reads_decided: set[str] = set()
    for index, rule in enumerate(policy.rules):
        found += (f"the policy's {text}" for text in never_matching(rule, f"rules[{index}]"))
        if not _means_every_resource(rule):
            continue
        if rule.level is Level.REQUEST_RESPONSE and _reads(rule) - reads_decided:
            found.append(
                f"the policy's rules[{index}] records the responses to reads of every resource "
                f"(level RequestResponse), so events are as large as the lists; name resources, "
                f"or put "
                "a rule with level Metadata for the verbs get, list and watch before it"
            )
        reads_decided |= _reads(rule)
    found += (f"the policy's {text}" for text in never_reached(policy.rules))
    omitting = [policy.omit_stages, *(rule.omit_stages for rule in policy.rules)]
    if strict and any(Stage.REQUEST_RECEIVED in stages for stages in omitting):
        found.append(
            f"the policy omits RequestReceived, but the mode {strict} writes it anyway: it "
            "forwards a request only after this event is stored"
        )
    return tuple(found)


def never_matching(selectors: Selectors, path: str) -> tuple[str, ...]:
    """A text for each value in a rule at ``path`` that matches nothing."""
    return (
        *literal_asterisks(selectors, path),
        *unknown_verbs(selectors, path),
        *unknown_resources(selectors, path),
    )


def literal_asterisks(selectors: Selectors, path: str) -> tuple[str, ...]:
    """A text for each list of a rule at ``path`` whose asterisk is not a pattern, as it looks."""
    return tuple(
        f"{path}.{name} has {go_quote(value)}, and its asterisk stands for itself: names are "
        "compared whole; give each name, or leave the list out to mean all"
        for name, values in (
            ("users", selectors.users),
            ("userGroups", selectors.user_groups),
            ("namespaces", selectors.namespaces),
        )
        for value in values
        if "*" in value
    )


def never_reached(rules: Sequence[Selectors]) -> tuple[str, ...]:
    """A text for the rules behind one that has no selectors, where there are any."""
    for index, rule in enumerate(rules[:-1]):
        if not _has_selectors(rule):
            behind = len(rules) - index - 1
            last = f" to rules[{len(rules) - 1}] are" if behind > 1 else " is"
            return (
                f"rules[{index + 1}]{last} never reached: rules[{index}] has no selectors and so "
                "matches everything; put it last",
            )
    return ()


def _has_selectors(rule: Selectors) -> bool:
    return any(
        (
            rule.users,
            rule.user_groups,
            rule.verbs,
            rule.resources,
            rule.namespaces,
            rule.non_resource_urls,
        )
    )


def spelling(warning: str) -> str:
    """A warning about unknown fields with the names that were perhaps meant."""
    known = {name.lower(): name for name in FIELDS}

    def hint(found: re.Match[str]) -> str:
        import difflib

        match = difflib.get_close_matches(found[1].lower(), known, n=1, cutoff=0.7)
        return f"{found[0]} (did you mean {known[match[0]]}?)" if match else found[0]

    return _UNKNOWN.sub(hint, warning)


def _means_every_resource(rule: PolicyRule) -> bool:
    """Whether a rule applies to all users and to every resource of the core group."""
    if rule.users or rule.user_groups or rule.namespaces:
        return False
    if not rule.resources:
        return not rule.non_resource_urls
    return any(
        not entry.group
        and not entry.resource_names
        and (not entry.resources or "*" in entry.resources)
        for entry in rule.resources
    )


def _reads(rule: PolicyRule) -> frozenset[str]:
    """The verbs among get and list that a rule decides."""
    return _READS & frozenset(rule.verbs) if rule.verbs else _READS
