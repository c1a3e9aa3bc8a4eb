"""Roles and bindings as an API server gives them, and what they grant."""

from typing import Any

from auditproxy.reading.rbac.manifests import ClusterManifests
from tests.reading.granted import binding, role, rule, user

WEB = "system:serviceaccount:shop:web"


def cluster(*items: dict[str, Any]) -> ClusterManifests:
    """What a List of these says."""
    manifests = ClusterManifests()
    manifests.take({"apiVersion": "v1", "kind": "List", "items": list(items)})
    return manifests


def test_aggregated_roles() -> None:
    """Of labels and expressions, through other aggregated roles, in circles too."""

    def selecting(key: str) -> dict[str, Any]:
        selector = {"matchExpressions": [{"key": key, "operator": "In", "values": ["true"]}]}
        return {"aggregationRule": {"clusterRoleSelectors": [selector]}}

    def labelled(made: dict[str, Any], label: str) -> dict[str, Any]:
        return made | {"metadata": made["metadata"] | {"labels": {label: "true"}}}

    manifests = cluster(
        role("admin", **selecting("to-admin")),
        labelled(role("edit", **selecting("to-edit")), "to-admin"),
        labelled(role("pods", rule("get", "-", "pods")), "to-edit"),
        labelled(role("again", **selecting("to-admin")), "to-edit"),
        labelled(role("secrets", rule("get", "-", "secrets")), "to-admin"),
        role("none", aggregationRule={"clusterRoleSelectors": None}),
        role("written", rule("get", "-", "nodes"), **selecting("to-admin")),
        binding("a", "ClusterRole/admin", user("a")),
        binding("b", "ClusterRole/none", user("b")),
        binding("c", "ClusterRole/written", user("c")),
    )
    rules = {
        grant.subject: {each.resources[0] for each in grant.rules} for grant in manifests.grants()
    }
    assert rules == {"a": {"pods", "secrets"}, "b": set(), "c": {"nodes"}}


def test_subjects_of_bindings() -> None:
    """A service account's namespace may be the binding's; a Role is of the binding's namespace."""
    here = {"kind": "ServiceAccount", "name": "web"}
    manifests = cluster(
        role("x", rule("get", "-", "pods"), namespace="shop"),
        binding("here", "Role/x", here, here, namespace="shop"),
        binding("there", "Role/x", user("alice"), namespace="other"),
        binding("wide", "Role/x", here, user("alice")),
    )
    assert [(one.subject, one.binding, one.is_found) for one in manifests.grants()] == [
        ("alice", "ClusterRoleBinding wide", False),
        ("alice", "RoleBinding other/there", False),
        (WEB, "RoleBinding shop/here", True),
    ]
