"""lint: every finding of a policy file, in the order of its rules."""

import re
from dataclasses import dataclass

from auditproxy.apis.audit import Policy
from auditproxy.audit.policy.advice import spelling
from auditproxy.audit.policy.decoding import PolicyError
from auditproxy.audit.policy.evaluator import LENIENT, load_policy, strict_decoding_error
from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.lint.coverage import coverage
from auditproxy.audit.policy.lint.credentials import credential_bodies
from auditproxy.audit.policy.lint.levels import levels
from auditproxy.audit.policy.lint.reached import never_reached, values_taken
from auditproxy.audit.policy.lint.selecting import never_matching, selecting

_PLACE = re.compile(r"(?:failed decoding: )?((?:rules\[\d+\]|omitStages)[^: ]*): (.*)", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r'(?:unknown|duplicate) field "((?:[^".]+\.)*[^".]+)"')


@dataclass(frozen=True, slots=True)
class Linted:
    """What was found; ``policy`` is None where kube-apiserver refuses the file."""

    policy: Policy | None
    findings: tuple[Finding, ...]


def lint(text: bytes) -> Linted:
    """The findings of a file's text, JSON or YAML; never raises."""
    try:
        policy, not_strict = load_policy(text)
    except PolicyError as error:
        strict = strict_decoding_error(error.strict_errors)
        return Linted(None, (*map(_refused, error.reasons), *map(_ignored, strict)))
    found = [_ignored(text.removeprefix(LENIENT)) for text in not_strict]
    for index, rule in enumerate(policy.rules):
        found += never_matching(rule, f"rules[{index}]")
    found += never_reached(policy.rules)
    found += values_taken(policy.rules)
    found += selecting(policy.rules)
    found += credential_bodies(policy.rules)
    found += levels(policy)
    found += coverage(policy)
    return Linted(policy, _in_order(found))


def _in_order(found: list[Finding]) -> tuple[Finding, ...]:
    """The findings of the rules in their order, then those of the policy; each once."""
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda each: (
                each.rule is None,
                each.rule or 0,
                tuple(Severity).index(each.severity),
            ),
        )
    )


def _refused(reason: str) -> Finding:
    """What kube-apiserver does not start with."""
    place = _PLACE.match(reason)
    path, why = (place[1], place[2]) if place else ("", reason)
    return Finding(
        check="refused",
        severity=Severity.ERROR,
        path=path,
        problem=f"is refused: {why}" if path else f"the policy is refused: {why}",
        fix="kube-apiserver does not start with it",
    )


def _ignored(warning: str) -> Finding:
    """What strict decoding refuses, and kube-apiserver loads without it."""
    place = _UNKNOWN_FIELD.search(warning)
    return Finding(
        check="ignored-field",
        severity=Severity.ERROR,
        path=place[1] if place else "",
        problem=f"is not read as written: {spelling(warning)}"
        if place
        else f"the policy is not read as written: {spelling(warning)}",
        fix="kube-apiserver only logs this, and ignores the field or all but its last value",
    )
