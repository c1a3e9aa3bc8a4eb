"""Levels and stages without an effect, or with too large a one."""

import pytest

from auditproxy.audit.policy.lint.levels import levels
from tests.fakes.policies import policy_of, resources

HEAD = "omitStages: [RequestReceived]\nomitManagedFields: true\n"


def found(*rules: str, head: str = HEAD) -> list[tuple[str, str, str]]:
    """Check, severity and text."""
    return [(f.check, f.severity, f.text) for f in levels(policy_of(*rules, head=head))]


@pytest.mark.parametrize(
    ("rule", "check", "severity", "start"),
    [
        (
            "omitStages: [ResponseStarted, ResponseComplete]",
            "no-stage",
            "error",
            "rules[0] has the level Metadata, and every stage is omitted but Panic, so nothing",
        ),
        (
            "omitStages: [Panic, ResponseStarted, ResponseComplete]",
            "no-stage",
            "error",
            "rules[0] has the level Metadata, and every stage is omitted, so nothing",
        ),
        (
            "omitStages: [ResponseComplete]",
            "no-result",
            "warning",
            "rules[0].omitStages omits ResponseComplete, so requests of rules[0] leave no event",
        ),
        (
            "omitStages: [ResponseStarted]",
            "no-start",
            "warning",
            "rules[0].omitStages omits ResponseStarted, so in rules[0] requests whose "
            "authentication failed leave no event, and exec",
        ),
        (
            "users: [a], omitStages: [ResponseStarted]",
            "no-start",
            "note",
            "rules[0].omitStages omits ResponseStarted, so in rules[0] exec and watches",
        ),
        (
            "level: None, omitStages: [Panic]",
            "member-without-effect",
            "note",
            "rules[0].omitStages has no effect with the level None",
        ),
        (
            "level: None, omitManagedFields: false",
            "member-without-effect",
            "note",
            "rules[0].omitManagedFields has no effect with the level None",
        ),
        (
            "omitManagedFields: true",
            "member-without-effect",
            "note",
            "rules[0].omitManagedFields has no effect with the level Metadata",
        ),
        (
            "level: RequestResponse, nonResourceURLs: ['/x']",
            "level-without-effect",
            "note",
            "rules[0].level is RequestResponse and records no more than Metadata would but the "
            "Status of errors: of these requests no body is recorded",
        ),
        (
            "level: RequestResponse, users: [a], verbs: [watch]",
            "level-without-effect",
            "note",
            "rules[0].level is RequestResponse and records no more than Metadata would but the "
            "Status of errors: of watches",
        ),
        (
            "level: Request, " + resources("pods/exec", "pods/log"),
            "level-without-effect",
            "note",
            "rules[0].level is Request and records no more than Metadata would: these streams",
        ),
        (
            "level: Request, verbs: [get, list]",
            "level-without-effect",
            "note",
            "rules[0].level is Request and records no more than Metadata would: these requests",
        ),
        (
            "level: RequestResponse",
            "responses-of-reads",
            "warning",
            "rules[0] records the responses to reads of every resource",
        ),
        (
            "level: Request, omitManagedFields: false",
            "managed-fields",
            "note",
            "rules[0] records metadata.managedFields in bodies",
        ),
    ],
)
def test_findings(rule: str, check: str, severity: str, start: str) -> None:
    """Each with its place."""
    ((is_check, is_severity, text),) = found(rule)
    assert (is_check, is_severity) == (check, severity)
    assert text.startswith(start)


@pytest.mark.parametrize(
    "rule",
    [
        "level: None",
        "level: Request",
        "level: Request, verbs: [get, create]",
        "level: Request, resources: [{resources: [pods/exec]}, {group: apps}]",
        "level: RequestResponse, users: [a], verbs: [get, watch]",
        "level: RequestResponse, " + resources("pods/exec", "pods"),
    ],
)
def test_none(rule: str) -> None:
    """Levels that do something."""
    assert found(rule) == []


def test_the_policy_itself() -> None:
    """Stages and managed fields of the policy are one finding each, at its place."""
    for head, wanted in (
        ("omitManagedFields: true\n", "omitStages does not omit RequestReceived everywhere"),
        (
            "omitStages: [RequestReceived]\n",
            "rules[1] records metadata.managedFields in bodies, which is",
        ),
        (
            HEAD.replace("[", "[ResponseStarted, "),
            "omitStages omits ResponseStarted, so in rules[1] requests",
        ),
    ):
        (one,) = found("level: None, users: [a]", "level: Request", head=head)
        assert one[2].startswith(wanted)
    assert found("level: None", head="") == []
