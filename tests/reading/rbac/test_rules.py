"""Rules of RBAC, row by row as kube-apiserver's helpers decide."""

import pytest

from auditproxy.reading.rbac.rules import AskedRight, RbacRule


def rule(verbs: str, groups: str, resources: str, names: str = "") -> RbacRule:
    """A rule of lists with commas; a dash is the core group."""
    return RbacRule(
        verbs=tuple(verbs.split(",")),
        api_groups=tuple(group.strip("-") for group in groups.split(",")),
        resources=tuple(resources.split(",")),
        resource_names=tuple(names.split(",")) if names else (),
    )


@pytest.mark.parametrize(
    ("made", "asked", "allowed"),
    [
        (rule("get", "-", "pods"), AskedRight("get", "", "pods", "a", "x"), True),
        (rule("get", "-", "pods"), AskedRight("list", "", "pods", "a"), False),
        (rule("*", "-", "pods"), AskedRight("anything", "", "pods"), True),
        (rule("get", "apps", "pods"), AskedRight("get", "", "pods"), False),
        (rule("get", "*", "pods"), AskedRight("get", "", "pods"), True),
        (rule("get", "-", "*"), AskedRight("get", "", "pods/exec"), True),
        (rule("get", "-", "pods"), AskedRight("get", "", "pods/exec"), False),
        (rule("get", "-", "pods/exec"), AskedRight("get", "", "pods/exec"), True),
        # pods/* is not a pattern in RBAC, unlike in audit policies.
        (rule("get", "-", "pods/*"), AskedRight("get", "", "pods/exec"), False),
        (rule("get", "apps", "*/scale"), AskedRight("get", "apps", "deployments/scale"), True),
        (rule("get", "apps", "*/scale"), AskedRight("get", "apps", "deployments/status"), False),
        (rule("get", "apps", "*/scale"), AskedRight("get", "apps", "scale"), False),
        (rule("get", "-", "pods", "x"), AskedRight("get", "", "pods", "a", "x"), True),
        (rule("get", "-", "pods", "x"), AskedRight("get", "", "pods", "a", "y"), False),
        # A collection has no name, but with fieldSelector=metadata.name it has.
        (rule("list", "-", "pods", "x"), AskedRight("list", "", "pods", "a"), False),
        (rule("list", "-", "pods", "x"), AskedRight("list", "", "pods", "a", "x"), True),
        (rule("create", "-", "pods", "x"), AskedRight("create", "", "pods", "a"), False),
        (rule("*", "*", "*"), AskedRight("get", path="/healthz"), False),
        (
            RbacRule(verbs=("get",), non_resource_urls=("/healthz",)),
            AskedRight("get", path="/healthz/ping"),
            False,
        ),
        (
            RbacRule(verbs=("get",), non_resource_urls=("/healthz/*",)),
            AskedRight("get", path="/healthz/ping"),
            True,
        ),
        (RbacRule(verbs=("*",), non_resource_urls=("*",)), AskedRight("get", path="/x"), True),
        (
            RbacRule(verbs=("*",), non_resource_urls=("*",)),
            AskedRight("get", "", "pods"),
            False,
        ),
    ],
)
def test_allows(made: RbacRule, asked: AskedRight, allowed: bool) -> None:
    """What is asked, and nothing else."""
    assert made.allows(asked) is allowed
