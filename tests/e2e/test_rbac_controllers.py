"""``auditproxy rbac derive`` of kube-controller-manager: its roles are enough for the same work."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from auditproxy.tls.pki import create_client
from tests.e2e.administering import Admin
from tests.e2e.cluster import Cluster, assets, running
from tests.e2e.controllers import WEB, managing, proxied

pytestmark = [
    pytest.mark.skipif(
        not ((folder := assets()) and (folder / "kube-controller-manager").exists()),
        reason="KUBEBUILDER_ASSETS names no folder with kube-controller-manager",
    ),
    pytest.mark.timeout(400),
]

SECRET = """\
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: robot, annotations: {kubernetes.io/service-account.name: robot}}
"""
NAMESPACES = ("work", "doomed")
MANAGER = "system:kube-controller-manager"
EVERYBODYS = ("cluster-admin", "system:basic-user", "system:discovery", "system:public-info-viewer")
"""The bindings of a new cluster that are not about parts of it."""
OUTSIDE = (
    ("deployment-controller", "list secrets -A"),
    ("deployment-controller", "delete pods -n work"),
    ("replicaset-controller", "update deployments -n work"),
    ("namespace-controller", "create pods -n doomed"),
    ("service-account-controller", "get secrets -n work"),
    ("clusterrole-aggregation-controller", "escalate clusterroles/cluster-admin"),
    ("root-ca-cert-publisher", "delete configmaps -n work"),
    ("job-controller", "create pods -n work"),
)
"""What controllers did not do, and what may not be widened to."""


def test_derived_roles_of_controllers(tmp_path: Path) -> None:
    """Controllers do the same on new API servers where they have derived roles alone.

    Once with Roles in namespaces that are there before, once with rights in all namespaces.
    """
    first = tmp_path / "first"
    first.mkdir()
    with running(first) as cluster, proxied(cluster, first) as (url, _):
        _controllers_work(cluster, url, Admin(cluster), NAMESPACES)
    log = str(first / "proxy-audit.log")
    for folder, made_before, flags in (
        (tmp_path / "roles", NAMESPACES, ()),
        (tmp_path / "everywhere", (), ("--namespaces=0",)),
    ):
        manifests = subprocess.run(
            [sys.executable, "-m", "auditproxy", "rbac", "derive", log, "-o", "json",
             f"--user={MANAGER},kube-system/*", "--escalation", *flags],
            capture_output=True, check=True, timeout=60,
        ).stdout.decode()  # fmt: skip
        folder.mkdir()
        with running(folder) as cluster:
            admin = Admin(cluster)
            for namespace in made_before:
                admin.run(f"create namespace {namespace}")
            found = admin.run("get clusterrolebindings,rolebindings -A -o json")
            for one in json.loads(found)["items"]:
                name, namespace = one["metadata"]["name"], one["metadata"].get("namespace")
                if name not in EVERYBODYS:
                    where = f" -n {namespace}" if namespace else ""
                    admin.run(f"delete {one['kind']} {name}{where}")
            admin.run("create -f -", manifests)
            _controllers_work(cluster, cluster.url, admin, made_before)
            for account, right in OUTSIDE:
                user = f"--as=system:serviceaccount:kube-system:{account}"
                assert not admin.may(right, user), (account, right)
            assert not admin.may("delete namespaces", f"--as={MANAGER}")
            assert admin.may("list secrets -A", f"--as={MANAGER}")


def _controllers_work(
    cluster: Cluster, url: str, admin: Admin, made_before: tuple[str, ...]
) -> None:
    """A session of kube-controller-manager through ``url``: everything that is begun gets done."""
    create_client(cluster.folder / "pki", MANAGER, ())
    certificate = cluster.folder / "pki" / f"{MANAGER}.crt"
    for namespace in made_before:
        admin.run(f"create namespace {namespace}", may_fail=True)
    with managing(cluster, cluster.kubeconfig("manager", url=url, certificate=certificate)):
        for namespace in NAMESPACES:
            if namespace not in made_before:
                admin.run(f"create namespace {namespace}")
            admin.run(f"-n {namespace} create -f -", WEB)
            admin.wait(f"-n {namespace} get pods -l app=web -o name", "pod/web-", 2)
            admin.wait(f"-n {namespace} get serviceaccounts -o name", "serviceaccount/default", 1)
            admin.wait(f"-n {namespace} get configmaps -o name", "configmap/kube-root-ca.crt", 1)
        admin.run("-n work scale deployment web --replicas=3")
        admin.wait("-n work get pods -l app=web -o name", "pod/web-", 3)
        admin.wait("-n work get deployment web -o jsonpath={.status.replicas}", "3", 1)
        admin.run("-n work create serviceaccount robot")
        admin.run("-n work create -f -", SECRET)
        admin.wait("-n work get secret robot -o jsonpath={.data}", '"token":', 1)
        admin.run("delete namespace doomed --wait=false")
        admin.wait("get namespaces -o name", "namespace/doomed", 0)
        admin.wait("get clusterrole view -o yaml", "configmaps", 1)
