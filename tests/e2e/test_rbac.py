"""audit2rbac's use: rules derived from a session are enough for it, and for nothing else."""

import asyncio
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.consumers import rbac_rules
from tests.e2e.administering import Admin, ran
from tests.e2e.cluster import ADMIN_TOKEN, VIEWER_TOKEN, assets, running
from tests.e2e.controllers import WEB, proxied
from tests.fakes.waiting import until

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(180),
]

SESSION = (
    ("create namespace work", ""),
    ("-n work create -f -", WEB),
    ("-n work scale deployment web --replicas=3", ""),
    ("-n work get deployments -o name", ""),
    ("-n work create configmap settings --from-literal=a=b", ""),
    ("-n work get configmap settings -o yaml", ""),
    ("-n work label configmap settings c=3", ""),
    ("-n work delete configmap settings", ""),
    ("-n work delete deployment web --wait=false", ""),
)


SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
"""


def test_derived_rules(tmp_path: Path) -> None:
    """A session of an administrator, its rules for somebody without any, and the session again."""
    kubectl = partial(_kubectl, tmp_path)

    with running(tmp_path) as cluster:
        admin = cluster.kubeconfig("direct", token=ADMIN_TOKEN)
        with proxied(cluster, tmp_path) as (url, _):
            through = cluster.kubeconfig("through", url=url, token=ADMIN_TOKEN)
            assert [kubectl(through, *step) for step in SESSION] == [0] * len(SESSION)
        lines = (tmp_path / "proxy-audit.log").read_bytes().splitlines()
        rules = rbac_rules(map(json.loads, lines), "tadmin")
        kubectl(admin, "delete namespace work --wait=false")
        for item in (
            {"kind": "ClusterRole", "metadata": {"name": "derived"}, "rules": rules},
            {
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "derived"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "derived",
                },
                "subjects": [
                    {"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}
                ],
            },
        ):
            whole = {"apiVersion": "rbac.authorization.k8s.io/v1", **item}
            assert kubectl(admin, "create -f -", json.dumps(whole)) == 0
        bob = cluster.kubeconfig("bob", token=VIEWER_TOKEN)
        # The namespace of the first session may still be going.
        again = [(command.replace("work", "again"), stdin) for command, stdin in SESSION]
        assert [kubectl(bob, *step) for step in again] == [0] * len(again)
        for command in ("get secrets", "-n again get pods", "get namespaces", "-n again get roles"):
            assert kubectl(bob, command) != 0, command


def test_derived_roles(tmp_path: Path) -> None:
    """``auditproxy rbac`` of a session: its roles let the session run again, and nothing else."""
    kubectl = partial(_kubectl, tmp_path)
    session = (
        ("-n work create -f -", WEB),
        ("-n work scale deployment web --replicas=3", ""),
        ("-n work get deployments -o name", ""),
        ("-n work apply --server-side -f -", SETTINGS),
        ("-n work get configmap settings -o yaml", ""),
        ("-n work label configmap settings c=3", ""),
        ("-n work get configmaps --field-selector=metadata.name=settings -o name", ""),
        ("get nodes", ""),
        ("get --raw /metrics", ""),
        ("-n work delete configmap settings", ""),
        ("-n work delete deployment web --wait=false", ""),
    )

    with running(tmp_path) as cluster:
        admin = cluster.kubeconfig("direct", token=ADMIN_TOKEN)
        assert kubectl(admin, "create namespace work") == 0
        with proxied(cluster, tmp_path) as (url, _):
            through = cluster.kubeconfig("through", url=url, token=ADMIN_TOKEN)
            assert [kubectl(through, *step) for step in session] == [0] * len(session)
        done = subprocess.run(
            [sys.executable, "-m", "auditproxy", "rbac", "--user=tadmin", "-o", "json",
             str(tmp_path / "proxy-audit.log")],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        manifests = json.loads(done.stdout)
        for item in manifests["items"]:
            for subject in item.get("subjects", ()):
                assert subject["name"] == "tadmin"
                subject["name"] = "bob"
        bob = cluster.kubeconfig("bob", token=VIEWER_TOKEN)
        assert kubectl(bob, "-n work get deployments") != 0
        assert kubectl(admin, "create -f -", json.dumps(manifests)) == 0
        # The authorizer knows them as soon as its caches do.
        asyncio.run(until(lambda: kubectl(bob, "get nodes") == 0, "rights", seconds=30))
        asyncio.run(
            until(lambda: kubectl(bob, "-n work get deployments") == 0, "rights", seconds=30)
        )
        assert [kubectl(bob, *step) for step in session] == [0] * len(session)
        for command in (
            "get secrets -A",
            "-n work get pods",
            "-n work get configmaps",
            "-n work get configmap other",
            "-n default get deployments",
            "get namespaces",
            "get --raw /logs",
            "-n work delete deployment other",
            "delete node other",
        ):
            assert kubectl(bob, command) != 0, command


GRANTED = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-wide}
rules:
- {apiGroups: [apps], resources: [deployments, statefulsets], verbs: [get, list, create, patch, delete]}
- {apiGroups: [apps], resources: [deployments/scale], verbs: [get, patch, update]}
- {apiGroups: [""], resources: [configmaps], verbs: ["*"]}
- {apiGroups: [""], resources: [secrets], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: e2e-wide, namespace: work}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-wide}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: dev}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-cluster}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
- {nonResourceURLs: [/metrics, /logs/*], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-cluster}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-cluster}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: e2e-unused, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: e2e-unused, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: e2e-unused}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}]
"""


BOB = "--as=bob --as-group=dev --as-group=system:authenticated"


def test_unused_rights(tmp_path: Path) -> None:
    """What a session did not use can be removed, of what everybody has too: it runs again.

    The rest is refused. Rights come to bob by his name, by his groups, and in one namespace.
    """
    session = (
        ("-n work create -f -", WEB),
        ("-n work scale deployment web --replicas=3", ""),
        ("-n work get deployments -o name", ""),
        ("-n work create configmap settings --from-literal=a=b", ""),
        ("-n work get configmap settings -o yaml", ""),
        ("get nodes", ""),
        ("get --raw /metrics", ""),
        ("-n work delete configmap settings", ""),
        ("-n work delete deployment web --wait=false", ""),
    )
    removed = ("get secrets -n work", "list pods -n default", "watch nodes", "get /logs/x",
               "list configmaps -n work", "create statefulsets.apps -n work", "get /readyz")  # fmt: skip
    with running(tmp_path) as cluster:
        admin = Admin(cluster)
        admin.run("create namespace work")
        admin.run("create -f -", GRANTED)
        assert all(admin.may(right, BOB) for right in removed)
        with proxied(cluster, tmp_path) as (url, _):
            through = cluster.kubeconfig("through", url=url, token=VIEWER_TOKEN)
            for command, stdin in session:
                assert _kubectl(tmp_path, through, command, stdin) == 0, command
        rbac = tmp_path / "rbac.yaml"
        rbac.write_text(
            admin.run("get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml")
        )
        done = subprocess.run(
            [sys.executable, "-m", "auditproxy", "rbac", "unused", f"--manifests={rbac}",
             "--user=bob", "-o", "json", str(tmp_path / "proxy-audit.log")],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        grants = json.loads(done.stdout)["grants"]
        states = {grant["binding"]: [rule["state"] for rule in grant["rules"]] for grant in grants}
        assert states["RoleBinding work/e2e-wide"] == [
            "partly used", "partly used", "partly used", "unused",
        ]  # fmt: skip
        assert states["ClusterRoleBinding e2e-cluster"] == ["partly used", "partly used"]
        assert states["RoleBinding default/e2e-unused"] == ["unused"]
        for role, rules in _without_unused(grants).items():
            kind, _, name = role.partition(" ")
            patch = json.dumps([{"op": "replace", "path": "/rules", "value": rules}])
            where = " -n default" if kind == "Role" else ""
            (tmp_path / "patch.json").write_text(patch)
            admin.run(f"patch {kind} {name}{where} --type=json --patch-file={tmp_path}/patch.json")
        for right in removed:
            admin.wait_refused(right, BOB)
        # Under another name: with a cache of its own, it asks again for what it can find there.
        bob = cluster.kubeconfig("bob", token=VIEWER_TOKEN)
        for command, stdin in session:
            assert _kubectl(tmp_path, bob, command, stdin) == 0, command


def _without_unused(grants: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rules that each role is left with: those that somebody used, narrower where they are."""
    left: dict[str, list[dict[str, Any]]] = {}
    for grant in grants:
        rules = left.setdefault(grant["role"], [])
        for rule in grant["rules"]:
            if rule["state"] == "partly used":
                rules += rule["narrower"]
            elif rule["state"] != "unused":
                rules.append(rule["rule"])
    return left


def _kubectl(folder: Path, kubeconfig: Path, command: str, stdin: str = "") -> int:
    """Run a command with a cache of its own for each kubeconfig; the exit code."""
    return ran(folder, kubeconfig, command, stdin).returncode
