"""Findings of rules that record bodies with credentials, named or by a catch-all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditproxy.apis.audit import GroupResources, Level, PolicyRule, Selectors
from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.reach import MOST_WORK, Reach, UndecidedError

CHECK = "credential-bodies"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What holds credentials: in the bodies of which requests, and of which answers."""

    group: str
    resource: str
    requests: tuple[str, ...]
    answers: tuple[str, ...]
    severity: Severity

    def verbs(self, level: Level) -> tuple[str, ...]:
        """The verbs of which a level records a body."""
        return self.requests + (self.answers if level is Level.REQUEST_RESPONSE else ())


_WRITES = ("create", "update", "patch")
_EXTENSION = "extension.invalid"
"""A group that no rule names."""
_OTHERS = ("get", "list", "delete", "deletecollection")
_KINDS = (
    _Kind("", "secrets", _WRITES, _OTHERS, Severity.ERROR),
    _Kind("", "serviceaccounts/token", (), ("create",), Severity.ERROR),
    _Kind("authentication.k8s.io", "tokenreviews", ("create",), (), Severity.ERROR),
    _Kind("", "configmaps", _WRITES, _OTHERS, Severity.WARNING),
    _Kind("certificates.k8s.io", "certificatesigningrequests", _WRITES, _OTHERS, Severity.WARNING),
    # Of any extension.
    _Kind(_EXTENSION, "*", _WRITES, _OTHERS, Severity.NOTE),
)


def credential_bodies(rules: Sequence[PolicyRule]) -> Iterator[Finding]:
    """A finding for each rule and severity; rules before that take the requests are seen."""
    with_bodies = [index for index, rule in enumerate(rules) if rule.level >= Level.REQUEST]
    asked = [
        (index, kind) for index in with_bodies for kind in _KINDS if kind.verbs(rules[index].level)
    ]
    probes = [
        Selectors(
            verbs=kind.verbs(rules[index].level),
            resources=(GroupResources(group=kind.group, resources=(kind.resource,)),),
        )
        for index, kind in asked
    ]
    found: dict[tuple[int, Severity], list[str]] = {}
    try:
        reach = Reach(rules, probes, MOST_WORK)
        for place, (index, kind) in enumerate(asked):
            if reach.decides(index, place):
                found.setdefault((index, kind.severity), []).append(kind.resource)
    except UndecidedError:
        return
    for (index, severity), resources in sorted(found.items(), key=lambda item: item[0][0]):
        level = rules[index].level.word
        if severity is Severity.NOTE:
            yield Finding(
                check="custom-resources",
                severity=severity,
                path=f"rules[{index}]",
                problem=f"has the level {level} and records bodies of custom resources, some of "
                "which hold credentials",
                fix="put a rule with the level Metadata for those that do before it",
            )
            continue
        yield Finding(
            check=CHECK,
            severity=severity,
            path=f"rules[{index}]",
            problem=f"has the level {level} and records bodies of {_listed(resources)}"
            f"{_why(severity)}",
            fix="put a rule with the level Metadata for these resources before it",
        )


def _why(severity: Severity) -> str:
    if severity is Severity.ERROR:
        return ", with their credentials unless what writes the log redacts them"
    return ", in which passwords and keys are found"


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
