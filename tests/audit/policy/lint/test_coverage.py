"""What a policy leaves out."""

import pytest

from auditproxy.audit.policy.findings import Finding
from auditproxy.audit.policy.lint.coverage import coverage
from tests.fakes.policies import policy_of, resources


def found(*rules: str, check: str) -> list[Finding]:
    """The findings of one check."""
    return [finding for finding in coverage(policy_of(*rules)) if finding.check == check]


@pytest.mark.parametrize(
    ("rules", "lost"),
    [
        (
            (resources("pods"),),
            "pods/exec, pods/attach, pods/portforward, pods/proxy, pods/ephemeralcontainers, "
            "pods/eviction",
        ),
        ((resources("pods", "pods/exec", "pods/attach", "pods/portforward"),),
         "pods/proxy, pods/ephemeralcontainers, pods/eviction"),
        ((resources("pods"), "verbs: [create, patch, update]"),
         "pods/exec, pods/attach, pods/portforward, pods/proxy"),
        ((resources("deployments", group="apps"),), "deployments/scale"),
        ((resources("serviceaccounts"),), "serviceaccounts/token"),
        (("users: [a], " + resources("nodes"), "users: [b]"), "nodes/proxy"),
        ((resources("pods/*"),), ""),
        ((resources("pods"), ""), ""),
        (("level: None, " + resources("pods"),), ""),
        (("users: [a], " + resources("nodes"), "users: [a, b]"), ""),
        (("userGroups: [dev], " + resources("nodes"), "userGroups: [dev]"), ""),
        (("namespaces: [x], " + resources("services"), "namespaces: [x]"), ""),
        # What a rule leaves out by name is meant.
        (("level: None, " + resources("nodes/proxy"), resources("nodes")), ""),
    ],
)  # fmt: skip
def test_subresources(rules: tuple[str, ...], lost: str) -> None:
    """A resource's name does not match its subresources."""
    findings = found(*rules, check="subresources")
    problems = [finding.problem.partition("requests for ")[2] for finding in findings]
    assert problems == ([lost] if lost else [])


@pytest.mark.parametrize(
    ("rule", "rest", "problem"),
    [
        ("verbs: [create], ", (), "has create and not get, so it does not match pods/exec of "
         "every client: kubectl since 1.31 sends GET (WebSocket)"),
        ("verbs: [get], ", (), "has get and not create, so it does not match pods/exec of every "
         "client: kubectl before 1.31 sends POST (SPDY)"),
        ("level: Request, verbs: [create], ", ("",), "has create and not get, so it does not match "
         "pods/exec of every client: kubectl since 1.31 sends GET (WebSocket)"),
        ("verbs: [create], ", ("",), ""),
        ("verbs: [create, get], ", (), ""),
        ("", (), ""),
        ("verbs: [delete], ", (), ""),
    ],
)  # fmt: skip
def test_verbs_of_sessions(rule: str, rest: tuple[str, ...], problem: str) -> None:
    """The same exec is a GET or a POST."""
    findings = found(rule + resources("pods/exec"), *rest, check="verbs-of-sessions")
    assert [finding.problem for finding in findings] == ([problem] if problem else [])


def test_cis() -> None:
    """Covered or not, it is one note."""
    (covered,) = found("", check="cis-3.2.2")
    assert covered.text.startswith("CIS 3.2.2 is covered")
    assert covered.severity == "note"
    (missing,) = found(
        "level: None, verbs: [get], " + resources("secrets", "pods/exec"),
        resources("*"),
        resources("tokenreviews", group="authentication.k8s.io"),
        check="cis-3.2.2",
    )
    assert missing.text == (
        "CIS 3.2.2 is not covered: nothing is recorded of secrets (get); deployments (create, "
        "update, patch, delete); pods/exec (get); add rules with the level Metadata for them"
    )


def test_rbac() -> None:
    """Bindings without their bodies."""
    assert found("", check="rbac-bodies")
    rbac = "level: Request, resources: [{group: rbac.authorization.k8s.io}]"
    assert not found(rbac, "", check="rbac-bodies")
