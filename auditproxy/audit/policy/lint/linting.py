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
_INDEX = re.compile(r"(?<!^rules)\[\d+\]")
"""Of an item: texts of refusals do not have them all."""
_BESIDE = re.compile(r"\.level$|omitStages(\[\d+\])?$")
"""What is refused beside the selectors."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


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
        refused = tuple(map(_refused, error.reasons))
        return Linted(None, (*refused, *map(_ignored, strict), *_of_refused(error, refused)))
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


def _of_refused(error: PolicyError, refused: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What else is wrong with selectors that could be read: nothing that was said already.

    Levels are not judged: which were meant is not known where one is refused. Whether rules are
    reached is only known where all selectors could be read and are legal.
    """
    if error.readable is None:
        return ()
    rules = error.readable.rules
    found: list[Finding] = []
    for index, rule in enumerate(rules):
        found += never_matching(rule, f"rules[{index}]")
    if not error.unread and all(_BESIDE.search(each.path) for each in refused):
        found += never_reached(rules)
        found += values_taken(rules)
    unread = tuple(map(_list_of, error.unread))
    said = {(_INDEX.sub("", each.path), value) for each in refused for value in _quoted(each)}
    return _in_order(
        [
            each
            for each in found
            if not each.path.startswith(unread)
            and not said.intersection((_INDEX.sub("", each.path), value) for value in _quoted(each))
        ]
    )


def _list_of(path: str) -> str:
    """The list of a rule that a path is in: ``rules[0].resources``."""
    return ".".join(path.split(".")[:2]).rstrip("]0123456789[") if "." in path else path


def _quoted(finding: Finding) -> list[str]:
    return _QUOTED.findall(finding.problem)


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
