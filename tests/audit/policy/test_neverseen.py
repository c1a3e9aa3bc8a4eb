"""Verbs and resources that no request has."""

import pytest

from auditproxy.apis.audit import GroupResources, Selectors
from auditproxy.audit.policy.neverseen import unknown_resources, unknown_verbs


def resources(*texts: str, group: str = "") -> Selectors:
    """A rule for these resources."""
    return Selectors(resources=(GroupResources(group=group, resources=texts),))


@pytest.mark.parametrize(
    ("verb", "fix"),
    [
        ("exec", "it is the subresource pods/exec among resources, with the verbs get and create"),
        ("GET", "did you mean get?"),
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
    assert unknown_verbs(Selectors(verbs=("get", verb)), "rules[1]") == (
        f'rules[1].verbs has "{verb}", which no request has: {fix}',
    )


def test_verbs_of_requests() -> None:
    """Those of resources, and the methods of others where a rule may mean them."""
    assert unknown_verbs(Selectors(verbs=("watch", "post", "head", "connect")), "r") == ()
    (found,) = unknown_verbs(
        Selectors(verbs=("post",), resources=(GroupResources(group="apps"),)), "r"
    )
    assert "did you mean" in found or "give some of" in found


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("pod/exec", "did you mean pods/exec?"),
        ("pods/Exec", "did you mean pods/exec?"),
        ("secret", "did you mean secrets?"),
        ("deployments", "give its group, such as apps for deployments"),
    ],
)
def test_resources(text: str, fix: str) -> None:
    """Of the core group, which cannot be extended."""
    assert unknown_resources(resources("pods", text), "r") == (
        f'r.resources[0].resources has "{text}", which the core group does not have; {fix}',
    )


def test_resources_of_other_groups() -> None:
    """They are not known, but for a subresource of the core group."""
    assert unknown_resources(resources("pods", "x/y", group="metrics.k8s.io"), "r") == ()
    assert unknown_resources(resources("pods/exec", group="*"), "r") == ()
    assert unknown_resources(resources("pods/exec", group="apps"), "r") == (
        'r.resources[0].resources has "pods/exec" of group "apps"; its group is ""',
    )


def test_patterns() -> None:
    """They match what they match."""
    assert unknown_resources(resources("*", "pods/*", "*/scale", "pods/exec"), "r") == ()
