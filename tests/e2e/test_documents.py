"""Commands of documents that need an API server, run against a real one.

Runs where KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT, Block, blocks, run
from tests.e2e.cluster import ADMIN_TOKEN, Cluster, assets, running
from tests.kubectl import kubectl_binaries
from tests.manifests import render

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]
HERE = "tests/e2e/test_documents.py"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running API server with the namespace and roles of the base."""
    with running(tmp_path_factory.mktemp("cluster")) as found:
        objects = "\n---\n".join(
            json.dumps(one)
            for one in render("base")
            if one["kind"] in ("ClusterRole", "ClusterRoleBinding")
        )
        subprocess.run(
            [
                str(kubectl_binaries()[0]),
                f"--kubeconfig={found.kubeconfig('admin', token=ADMIN_TOKEN)}",
                "apply",
                "--filename=-",
            ],
            input=objects.encode(),
            check=True,
            capture_output=True,
            timeout=60,
        )
        yield found


def block_of(document: str, command: str) -> Block:
    """The block that begins with a command and says that it is run here."""
    (found,) = [block for block in blocks(ROOT / document) if block.commands[0].startswith(command)]
    assert (found.who, found.what) == ("run by", HERE)
    return found


@pytest.mark.parametrize(
    ("document", "command", "shown"),
    [
        ("manifests/README.md", "kubectl apply -f manifests/base/namespace", "auditproxy-tls"),
        ("manifests/README.md", "kubectl delete clusterrolebinding", "auditproxy-reviewer"),
        (
            "manifests/overlays/aks/README.md",
            "kubectl apply -k",
            "deployment.apps/auditproxy created",
        ),
        ("manifests/overlays/gke/README.md", "kubectl apply -k", "deployment.apps/auditproxy"),
        ("manifests/overlays/sidecar/README.md", "auditproxy certs", "auditproxy-tls"),
        ("docs/closing-the-direct-path.md", "kubectl get clusterroles", "cluster-admin"),
    ],
)
def test_commands(
    document: str, command: str, shown: str, cluster: Cluster, tmp_path: Path
) -> None:
    """The commands succeed in a clone of the project, and show what the reader is told to see."""
    kubeconfig = cluster.kubeconfig("admin", token=ADMIN_TOKEN)
    (tmp_path / "manifests").symlink_to(ROOT / "manifests")
    printed = [
        run(one, tmp_path, {"KUBECONFIG": str(kubeconfig)})
        for one in block_of(document, command).commands
    ]
    assert shown in printed[-1]
