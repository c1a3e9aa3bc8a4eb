"""Verbs and resources that no request has."""

import pytest

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.audit.policy.findings import texts
from auditproxy.audit.policy.neverseen import unknown_groups, unknown_resources, unknown_verbs


def resources(*texts: str, group: str = "") -> Selectors:
    """A rule for these resources."""
    return Selectors(resources=(GroupResources(group=group, resources=texts),))


@pytest.mark.parametrize(
    ("verb", "fix"),
    [
        ("exec", "it is the subresource pods/exec among resources, with the verbs get and create"),
        ("GET", "did you mean get?"),
        ("read", "did you mean get, list, watch?"),
        ("Write", "did you mean create, update, patch, delete, deletecollection?"),
        ("deleteCollection", "did you mean deletecollection?"),
        ("*", "leave verbs out to mean all"),
        (
            "xyz",
            "give some of get, list, watch, create, update, patch, delete, deletecollection",
        ),
    ],
)
def test_verbs(verb: str, fix: str) -> None:
    """Each with its place and the fix."""
    assert texts(unknown_verbs(Selectors(verbs=("get", verb)), "rules[1]")) == (
        f'rules[1].verbs has "{verb}", which no request has; {fix}',
    )


def test_verbs_of_requests() -> None:
    """Those of resources, and the methods of others where a rule may mean them."""
    assert unknown_verbs(Selectors(verbs=("watch", "post", "head", "connect")), "r") == ()
    (found,) = texts(
        unknown_verbs(Selectors(verbs=("post",), resources=(GroupResources(group="apps"),)), "r")
    )
    assert "did you mean" in found or "give some of" in found


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("pod/exec", "did you mean pods/exec?"),
        ("pods/Exec", "did you mean pods/exec?"),
        ("secret", "did you mean secrets?"),
        ("deployments", "its group is apps"),
        ("widgets", "give its group, such as apps for deployments"),
    ],
)
def test_resources(text: str, fix: str) -> None:
    """Of the core group, which cannot be extended."""
    assert texts(unknown_resources(resources("pods", text), "r")) == (
        f'r.resources[0].resources has "{text}", which the core group does not have; {fix}',
    )


def test_resources_of_other_groups() -> None:
    """They are not known, but for a subresource of the core group."""
    assert unknown_resources(resources("pods", "x/y", group="metrics.k8s.io"), "r") == ()
    assert unknown_resources(resources("pods/exec", group="*"), "r") == ()
    for group, says in (
        ("apps", ', which the group apps does not have; its group is ""'),
        ("a.example.com", ' of group "a.example.com"; its group is ""'),
    ):
        assert texts(unknown_resources(resources("pods/exec", group=group), "r")) == (
            f'r.resources[0].resources has "pods/exec"{says}',
        )


@pytest.mark.parametrize(
    ("group", "text", "severity", "fix"),
    [
        ("apps", "deployment", "error", "did you mean deployments?"),
        ("apps", "Deployment", "error", "did you mean deployments?"),
        ("apps", "replicasetz", "error", "did you mean replicasets?"),
        ("batch", "deployments", "error", "its group is apps"),
        ("storage.k8s.io", "newthings", "warning", "correct its name"),
        ("*", "pod", "error", "write its plural in lower case, such as pods"),
        ("*", "Widget", "error", "write its plural in lower case, such as widgets"),
        ("x.example.com", "Widgets", "error", "write its plural in lower case, such as widgets"),
    ],
)
def test_resources_of_known_groups(group: str, text: str, severity: str, fix: str) -> None:
    """What a newer server may have is no error."""
    (found,) = unknown_resources(resources(text, group=group), "r")
    assert (found.severity, found.fix) == (severity, fix)
    assert found.path == "r.resources[0].resources"


@pytest.mark.parametrize(
    ("group", "severity", "fix"),
    [
        ("core", "error", 'write ""'),
        ("v1", "error", 'write ""'),
        ("rbac", "warning", "write rbac.authorization.k8s.io"),
        ("storage", "warning", "did you mean storage.k8s.io?"),
        ("app", "warning", "did you mean apps?"),
        ("network.k8s.io", "warning", "did you mean networking.k8s.io?"),
        (
            "extensions",
            "warning",
            "write apps or networking.k8s.io: no server since 1.22 has it",
        ),
        (
            "zzz",
            "warning",
            "groups of extensions have a dot in their names; write it without a version",
        ),
    ],
)
def test_groups(group: str, severity: str, fix: str) -> None:
    """Those that are written for another, and those that no extension can have."""
    (found,) = unknown_groups(resources("pods", group=group), "r")
    assert (found.severity, found.fix) == (severity, fix)
    assert found.text.startswith(f'r.resources[0].group is "{group}", which is not a group')


@pytest.mark.parametrize(
    "group", ["", "*", "apps", "metrics.k8s.io", "snapshot.storage.k8s.io", "example.com"]
)
def test_groups_of_servers(group: str) -> None:
    """Kubernetes' own and those that extensions may have."""
    assert unknown_groups(resources("x", group=group), "r") == ()


@pytest.mark.parametrize("text", ["pods/ex*", "*/*", "po*", "a/b/*", "**"])
def test_asterisks(text: str) -> None:
    """Three forms are patterns; in others the asterisk is a letter."""
    (found,) = unknown_resources(resources(text), "r")
    assert "its asterisk stands for itself" in found.problem


def test_patterns() -> None:
    """They match what they match."""
    assert unknown_resources(resources("*", "pods/*", "*/scale", "pods/exec"), "r") == ()
