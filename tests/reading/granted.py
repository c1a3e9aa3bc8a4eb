"""The RBAC of the cluster whose trail tests/reading/week.py writes, as kubectl prints it."""

import json
from pathlib import Path
from typing import Any

_GROUP = "rbac.authorization.k8s.io"


def role(name: str, *rules: dict[str, Any], namespace: str = "", **more: Any) -> dict[str, Any]:
    """A Role, or a ClusterRole where there is no namespace."""
    kind = "Role" if namespace else "ClusterRole"
    return _object(kind, name, namespace) | {"rules": list(rules) or None} | more


def rule(verbs: str, groups: str, resources: str, **more: Any) -> dict[str, Any]:
    """A rule of lists with commas; a dash is the core group."""
    return {
        "apiGroups": [group.strip("-") for group in groups.split(",")],
        "resources": resources.split(","),
        "verbs": verbs.split(","),
        **more,
    }


def binding(
    name: str, granted: str, *subjects: dict[str, Any], namespace: str = ""
) -> dict[str, Any]:
    """A binding to a role: ``ClusterRole/edit``."""
    kind, _, of = granted.partition("/")
    made = _object("RoleBinding" if namespace else "ClusterRoleBinding", name, namespace)
    reference = {"apiGroup": _GROUP, "kind": kind, "name": of}
    return made | {"roleRef": reference, "subjects": list(subjects) or None}


def user(name: str) -> dict[str, Any]:
    """A user as a subject."""
    return {"apiGroup": _GROUP, "kind": "User", "name": name}


def group(name: str) -> dict[str, Any]:
    """A group as a subject."""
    return {"apiGroup": _GROUP, "kind": "Group", "name": name}


def account(name: str, namespace: str) -> dict[str, Any]:
    """A service account as a subject."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _object(kind: str, name: str, namespace: str) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata}


ITEMS = (
    role(
        "deployer",
        rule("get,list,patch,delete", "apps", "deployments,statefulsets"),
        rule("get,create", "-", "pods/exec"),
        rule("*", "batch", "*"),
    ),
    role("reader", rule("get,list,watch", "-", "pods,pods/log,configmaps,secrets")),
    role(
        "discovery",
        {"nonResourceURLs": ["/version", "/version/", "/healthz"], "verbs": ["get"]},
    ),
    role(
        "reporter", rule("list", "-", "pods"), rule("list", "batch", "cronjobs"), namespace="shop"
    ),
    role("binder", rule("bind,escalate", _GROUP, "clusterroles")),
    binding("alice", "ClusterRole/deployer", user("alice"), namespace="shop"),
    binding("readers", "ClusterRole/reader", group("system:authenticated"), namespace="shop"),
    binding("discovery", "ClusterRole/discovery", group("system:authenticated")),
    binding("reporter", "Role/reporter", account("reporter", "shop"), namespace="shop"),
    binding("old", "ClusterRole/reader", user("mallory"), account("old", "shop")),
    binding("alice-binds", "ClusterRole/binder", user("alice")),
)


def write_granted(path: Path) -> Path:
    """Write the List; JSON is YAML."""
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": ITEMS}, indent=1))
    return path
