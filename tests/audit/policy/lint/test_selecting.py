"""Selectors that match other requests than they seem to."""

import pytest

from auditproxy.audit.policy.findings import Finding, Severity
from auditproxy.audit.policy.lint.selecting import never_matching, selecting
from tests.fakes.policies import policy_of, resources


def found(*rules: str) -> list[Finding]:
    """Findings about rules that end with a catch-all."""
    return list(selecting(policy_of(*rules, "").rules))


CLUSTER = "which has no namespace, and so this rule, which has namespaces, does not match it"


@pytest.mark.parametrize(
    ("rule", "check", "severity", "start"),
    [
        (
            resources("pods", "nodes") + ", namespaces: [x], verbs: [get]",
            "cluster-scoped",
            "error",
            f'rules[0].resources[0].resources has "nodes", {CLUSTER}; move it',
        ),
        (
            resources("clusterroles", group="rbac.authorization.k8s.io")
            + ", namespaces: [x], verbs: [get]",
            "cluster-scoped",
            "error",
            f'rules[0].resources[0].resources has "clusterroles", {CLUSTER}; move it',
        ),
        (
            "namespaces: [x], verbs: [list]",
            "all-namespaces",
            "note",
            "rules[0].namespaces does not match requests for all namespaces together",
        ),
        (
            "resources: [{resources: [pods], resourceNames: [a]}], verbs: [create]",
            "names-of-nothing",
            "error",
            "rules[0].resources[0].resourceNames restricts create, whose requests have no name",
        ),
        (
            "resources: [{resources: [pods], resourceNames: [a]}], verbs: [create, get]",
            "names-of-collections",
            "note",
            "rules[0].resources[0].resourceNames does not match create",
        ),
        (
            "resources: [{resources: [pods], resourceNames: [a]}]",
            "names-of-collections",
            "note",
            "rules[0].resources[0].resourceNames does not match create",
        ),
        (
            "nonResourceURLs: [/healthz]",
            "path-without-children",
            "note",
            'rules[0].nonResourceURLs has "/healthz", which does not match paths below it, such '
            "as /healthz/ping",
        ),
        (
            "users: ['system:unsecured']",
            "old-user",
            "note",
            'rules[0].users has "system:unsecured"',
        ),
        (
            "level: None, namespaces: [kube-system], verbs: [get]",
            "hides-much",
            "warning",
            "rules[0].namespaces leaves no event of reads of every resource in the namespace",
        ),
        (
            "level: None, userGroups: ['system:masters']",
            "hides-much",
            "warning",
            "rules[0].userGroups leaves no event of requests of every resource in the group",
        ),
    ],
)
def test_findings(rule: str, check: str, severity: str, start: str) -> None:
    """Each with its place."""
    (one,) = found(rule)
    assert (one.check, one.severity) == (check, severity)
    assert one.text.startswith(start)


@pytest.mark.parametrize(
    "rule",
    [
        resources("nodes") + ", namespaces: ['', x]",
        resources("namespaces") + ", namespaces: [x], verbs: [get]",
        resources("widgets", group="example.com") + ", namespaces: [x], verbs: [get]",
        "resources: [{resources: [pods], resourceNames: [a]}], verbs: [get, delete]",
        "resources: [{resources: [pods/exec], resourceNames: [a]}], verbs: [get, create]",
        "nonResourceURLs: ['/healthz*', /version]",
        "nonResourceURLs: ['/healthz', '/healthz*']",
        "level: None, userGroups: ['system:nodes']",
        "level: None, userGroups: ['system:masters'], resources: [{resources: [events]}]",
        "namespaces: [kube-system], verbs: [get]",
    ],
)
def test_none(rule: str) -> None:
    """What is as it seems."""
    assert found(rule) == []


def test_no_catch_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several rules may be one together."""
    (one,) = selecting(policy_of(resources("*", group="*")).rules)
    assert (one.check, one.severity, one.rule) == ("no-catch-all", Severity.NOTE, None)
    both = policy_of(resources("*", group="*"), "nonResourceURLs: ['*']").rules
    assert list(selecting(both)) == []
    monkeypatch.setattr("auditproxy.audit.policy.lint.selecting.MOST_WORK", 0)
    assert list(selecting(policy_of(resources("*", group="*")).rules)) == []


def test_never_matching() -> None:
    """Asterisks, verbs, groups and resources that no request has."""
    (rule,) = policy_of(
        "users: ['a*'], verbs: [exec], resources: [{group: core, resources: [pods]}, "
        "{resources: [pod]}]"
    ).rules
    assert [finding.check for finding in never_matching(rule, "r")] == [
        "literal-asterisk",
        "unknown-verb",
        "unknown-group",
        "unknown-resource",
    ]
