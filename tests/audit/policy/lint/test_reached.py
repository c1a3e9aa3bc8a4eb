"""Rules and values that decide nothing, with what decides instead."""

import pytest

from auditproxy.audit.policy.evaluator import load_policy
from auditproxy.audit.policy.findings import Finding
from auditproxy.audit.policy.lint import reached
from auditproxy.audit.policy.lint.reached import never_reached, values_taken
from tests.documents import ROOT
from tests.fakes.policies import policy_of, resources


def unreached(*rules: str) -> list[str]:
    """Texts about rules."""
    return [finding.text for finding in never_reached(policy_of(*rules).rules)]


def taken(*rules: str) -> list[Finding]:
    """Findings about values."""
    return list(values_taken(policy_of(*rules).rules))


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (
            (resources("pods/*"), resources("pods", "pods/exec")),
            "rules[1] is never reached: rules[0] matches all that it matches; put it before, or "
            "remove it",
        ),
        (
            (resources("a"), resources("b"), resources("c"), resources("a", "c")),
            "rules[3] is never reached: rules[0] and rules[2] together match all that it matches; "
            "put it before, or remove it",
        ),
        (
            (resources("*"), resources("a"), resources("b")),
            "rules[1] to rules[2] are never reached: rules[0] matches all that they match; put "
            "them before, or remove them",
        ),
        (
            ("nonResourceURLs: [/api/v1/pods]",),
            "rules[0] is never reached: requests for these paths are for resources; select them "
            "by resources and namespaces",
        ),
        (
            ("namespaces: [a], verbs: [post]",),
            "rules[0] is never reached: no request is as it says; correct what it selects, or "
            "remove it",
        ),
    ],
)
def test_never_reached(rules: tuple[str, ...], text: str) -> None:
    """Which, why, and what to do."""
    assert unreached(*rules) == [text]


def test_reached() -> None:
    """Exceptions first, and what has another finding."""
    assert unreached(resources("pods"), resources("*"), "verbs: [exec]", "") == []


@pytest.mark.parametrize(
    ("rules", "path", "problem"),
    [
        (
            (resources("secrets"), resources("pods", "secrets")),
            "rules[1].resources[0].resources",
            'has "secrets", which rules[0] decides before',
        ),
        (
            ("verbs: [get]", "verbs: [list]", "verbs: [get, list, create]"),
            "rules[2].verbs",
            'has "get", which rules[0] decides before',
        ),
        (
            ("resources: [{group: apps}]", "resources: [{group: ''}, {group: apps}]"),
            "rules[1].resources[1]",
            'has all of the group "apps", which rules[0] decides before',
        ),
        (
            ("users: [a]", "userGroups: ['system:authenticated']", "users: [a, 'system:anonymous']"),
            "rules[2].users",
            'has "a", which rules[0] decides before',
        ),
        (
            ("nonResourceURLs: ['/a*']", "nonResourceURLs: ['/ab', '/b']"),
            "rules[1].nonResourceURLs",
            'has "/ab", which rules[0] decides before',
        ),
        (
            ("nonResourceURLs: ['/a', '/apis/apps/v1/deployments']",),
            "rules[0].nonResourceURLs",
            'has "/apis/apps/v1/deployments", which no request of this rule matches',
        ),
        (
            (resources("a") + ", namespaces: [x]", resources("a") + ", namespaces: [x, z]"),
            "rules[1].namespaces",
            'has "x", which rules[0] decides before',
        ),
    ],
)  # fmt: skip
def test_values(rules: tuple[str, ...], path: str, problem: str) -> None:
    """A value of a list that changes nothing where it is."""
    found = [(finding.path, finding.problem) for finding in taken(*rules)]
    assert found[0] == (path, problem)


def test_together() -> None:
    """Several rules take one value."""
    (found,) = taken(resources("a"), resources("a/*"), resources("a/x", "b"))
    assert found.problem == 'has "a/x", which rules[1] decides before'
    (found,) = taken(
        "users: [a], verbs: [get]", "users: [a], verbs: [list]", "users: [a, b], verbs: [get, list]"
    )
    assert found.text == (
        'rules[2].users has "a", which rules[0] and rules[1] together decide before; remove it '
        "here, or put this rule before"
    )


def test_values_left() -> None:
    """A value of which something is left is not named."""
    assert taken(resources("pods"), resources("pods/exec", "services"), "users: [a, b]") == []


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy with too many rules, or with too many combinations, is not judged."""
    rules = policy_of("", "users: [a, b]").rules
    assert never_reached(rules)
    assert [finding.check for finding in never_reached(rules, work=0)] == ["not-judged"]
    monkeypatch.setattr("auditproxy.audit.policy.lint.reached.MOST_WORK", 0)
    assert [finding.check for finding in values_taken(rules)] == ["not-judged"]
    monkeypatch.undo()
    monkeypatch.setattr(reached, "MOST_RULES", 1)
    assert never_reached(rules) == values_taken(rules)
    assert [finding.check for finding in values_taken(rules)] == ["not-judged"]


def test_what_was_judged_is_kept() -> None:
    """Rules that were judged before the search ended are found."""
    rules = policy_of("", *[resources(f"r{number}") for number in range(30)]).rules
    enough = next(
        work for work in range(0, 100_000, 50) if len(never_reached(rules, work=work)) > 1
    )
    first, last = never_reached(rules, work=enough)
    assert (first.check, last.check) == ("not-judged", "unreachable-rule")
    assert first.severity == "note"


def test_the_sample_is_reached() -> None:
    """Ours, value by value."""
    policy, _ = load_policy((ROOT / "manifests" / "policy-sample.yaml").read_bytes())
    assert never_reached(policy.rules) == values_taken(policy.rules) == ()
