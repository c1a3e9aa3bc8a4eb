"""manifests/anti-bypass against a real kube-apiserver: what goes round the proxy is refused.

Runs where KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster import ADMIN_TOKEN, VIEWER_TOKEN, assets, running
from tests.e2e.direct_path import proxy_of
from tests.e2e.kubelet import NODE, NODE_OBJECT, RUNNING, node_status
from tests.kubectl import kubectl_binaries
from tests.manifests import MANIFESTS

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

REFUSED_WRITE = "changes are made through auditproxy"
REFUSED_CONNECT = "exec, attach, port-forward and proxy go through auditproxy"
POD = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: box, namespace: default}}
spec: {{nodeName: {NODE}, containers: [{{name: c, image: "example.com/box:1"}}]}}
"""
RIGHTS = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: dev}
rules:
- apiGroups: [""]
  resources: [configmaps, pods, pods/exec, pods/attach, pods/portforward, pods/log, pods/proxy]
  verbs: ["*"]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingadmissionpolicybindings]
  verbs: [delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: dev}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: dev}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: dev}
- {kind: ServiceAccount, name: robot, namespace: kube-system}
- {kind: ServiceAccount, name: robot, namespace: default}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}
"""
MAY_MARK = """\
apiVersion: authorization.k8s.io/v1
kind: SelfSubjectAccessReview
spec:
  resourceAttributes:
    verb: impersonate
    group: authentication.k8s.io
    resource: userextras
    subresource: auditproxy.io/via
    name: VALUE
"""
MARK = "--as=bob --as-user-extra=auditproxy.io/via=auditproxy"


@dataclass(frozen=True)
class Stage:
    """Kubeconfigs by name: ``admin``, ``bob`` (direct), ``proxied``, and two service accounts."""

    folder: Path

    def run(self, name: str, command: str, stdin: str = "") -> tuple[int, str]:
        """One kubectl command; its exit code and all of its output."""
        done = subprocess.run(
            [
                str(kubectl_binaries()[0]),
                f"--kubeconfig={self.folder / name}.kubeconfig",
                *command.split(" "),
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                **os.environ,
                "HOME": str(self.folder),
                "KUBECACHEDIR": str(self.folder / "cache"),
            },
        )
        return done.returncode, done.stdout + done.stderr

    def allowed(self, name: str, command: str, stdin: str = "") -> str:
        """The output of a command that must succeed."""
        code, output = self.run(name, command, stdin)
        assert code == 0, f"{name}: {command}: {output}"
        return output

    def refused(self, name: str, command: str, why: str, stdin: str = "") -> None:
        """A command that must be refused with a text."""
        code, output = self.run(name, command, stdin)
        assert code != 0, f"{name}: {command}: {output}"
        assert why in output, f"{name}: {command}: {output}"

    def until_refused(self, name: str, command: str, why: str) -> None:
        """Wait for a policy: kube-apiserver takes it up in its own time."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if why in self.run(name, command)[1]:
                return
        raise AssertionError(f"{command} was never refused")

    def until_allowed(self, name: str, command: str) -> None:
        """Wait until a policy is gone."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.run(name, command)[0] == 0:
                return
        raise AssertionError(f"{command} was never allowed")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A control plane with the policies, and the proxy with the account of the manifests."""
    folder = tmp_path_factory.mktemp("direct")
    with running(folder) as cluster:
        stage = Stage(folder)
        cluster.kubeconfig("admin", token=ADMIN_TOKEN)
        cluster.kubeconfig("bob", token=VIEWER_TOKEN)
        for namespace in ("auditproxy", "kube-system", "default"):
            stage.run("admin", f"create namespace {namespace}")
        stage.allowed("admin", "apply -f -", RIGHTS)
        stage.allowed("admin", "apply -f -", narrowed_rights())
        accounts = (("auditproxy", "auditproxy"), ("kube-system", "robot"), ("default", "robot"))
        for namespace, account in accounts:
            stage.allowed("admin", f"-n {namespace} create serviceaccount {account}")
            token = stage.allowed("admin", f"-n {namespace} create token {account}").strip()
            cluster.kubeconfig(f"{namespace}-{account}", token=token)
        upstream = folder / "auditproxy-auditproxy.kubeconfig"
        marker = "auditproxy.io/via=auditproxy"
        with proxy_of(cluster, upstream, impersonation_marker_extra=marker) as (url, kubelet_port):
            stage.allowed("admin", "create -f -", NODE_OBJECT)
            stage.allowed(
                "admin",
                f"patch node {NODE} --subresource=status --type=merge "
                f"-p {node_status(kubelet_port)}",
            )
            stage.allowed("admin", "create -f -", POD)
            stage.allowed("admin", f"patch pod box --subresource=status --type=merge -p {RUNNING}")
            cluster.kubeconfig("proxied", token=VIEWER_TOKEN, url=url)
            cluster.kubeconfig("proxied-admin", token=ADMIN_TOKEN, url=url)
            for name in ("rbac", "writes", "connects"):
                path = MANIFESTS / "anti-bypass" / f"{name}.yaml"
                stage.allowed("admin", f"apply --server-side --validate=strict -f {path}")
            stage.until_refused("bob", "create configmap probe --dry-run=server", REFUSED_WRITE)
            stage.until_refused("bob", "exec box -- echo hi", REFUSED_CONNECT)
            yield stage


def narrowed_rights() -> str:
    """The base's RBAC without its "*": uids and nothing else, so that the marker's own rule counts."""
    documents = list(
        yaml.safe_load_all((MANIFESTS / "base" / "rbac.yaml").read_text(encoding="utf-8"))
    )
    for document in documents:
        for rule in document.get("rules", ()):
            if rule["resources"] == ["*"]:
                rule["resources"] = ["uids"]
    return yaml.safe_dump_all(documents)


WRITES = (
    "create configmap direct",
    "patch configmap kept --type=merge -p {}",
    "label configmap kept a=b",
    "delete configmap kept",
    "delete configmaps --all",
    "delete pod box --grace-period=0 --force",
)
CONNECTS = ("exec box -- echo hi", "attach box", "port-forward box :80")


def test_direct_writes_are_refused(stage: Stage) -> None:
    """A person's write on the direct path is a 403 with the policy's message; nothing was changed."""
    stage.allowed("proxied", "create configmap kept")
    for command in WRITES:
        stage.refused("bob", command, REFUSED_WRITE)
    stage.refused("bob", "create -f -", REFUSED_WRITE, POD.replace("box", "two"))
    assert "kept" in stage.allowed("bob", "get configmaps -o name")
    stage.refused("bob", "create configmap direct", "is forbidden")


def test_direct_sessions_are_refused(stage: Stage) -> None:
    """exec, attach, port-forward on the direct path are refused with the policy's message."""
    for command in CONNECTS:
        stage.refused("bob", command, REFUSED_CONNECT)
    stage.refused("bob", "get --raw /api/v1/namespaces/default/pods/box/proxy/", REFUSED_CONNECT)


def test_direct_reads_are_not(stage: Stage) -> None:
    """Admission sees no reads: get, list, logs and questions about rights go on."""
    stage.allowed("bob", "get pods")
    stage.allowed("bob", "logs box")
    stage.allowed("bob", "auth can-i create pods")
    stage.allowed("bob", "auth whoami")


def test_through_the_proxy_all_is_allowed(stage: Stage) -> None:
    """The same person, the same rights, through the proxy: everything works."""
    stage.allowed("proxied", "create configmap through")
    stage.allowed("proxied", "label configmap through a=b")
    stage.allowed("proxied", "delete configmap through")
    assert "hi" in stage.allowed("proxied", "exec box -- echo hi")
    shown = yaml.safe_load(stage.allowed("proxied", "auth whoami -o yaml"))
    user = shown["status"]["userInfo"]
    assert user["username"] == "bob"
    assert user["extra"] == {"auditproxy.io/via": ["auditproxy"]}


def test_rights_are_still_needed(stage: Stage) -> None:
    """The marker gives no right: what RBAC forbids stays forbidden."""
    stage.refused("proxied", "get secrets", "cannot list resource")


def test_the_marker_cannot_be_forged(stage: Stage) -> None:
    """T004: not on the direct path without the right to impersonate, and not through the proxy at all."""
    stage.refused("bob", f"create configmap forged {MARK}", "cannot impersonate")
    stage.refused("proxied", f"get pods {MARK}", "forbidden")
    stage.refused("proxied-admin", f"get pods {MARK}", "proxy's own marker")


def test_who_may_set_the_marker(stage: Stage) -> None:
    """The proxy's account may, with this value only; whoever holds "*" may as well."""

    def may(name: str, value: str = "auditproxy") -> str:
        review = MAY_MARK.replace("VALUE", value)
        return stage.allowed(
            name, "create --validate=false -f - -o jsonpath={.status.allowed}", review
        )

    assert may("auditproxy-auditproxy") == "true"
    assert may("auditproxy-auditproxy", "other") == "false"
    assert may("bob") == "false"
    assert may("admin") == "true"
    # The hole that docs/closing-the-direct-path.md names.
    stage.allowed("admin", f"create configmap forged --dry-run=server {MARK} --as-group=dev")


def test_system_components_go_on(stage: Stage) -> None:
    """kube-system's accounts, nodes and members of system:masters are let go."""
    robot = "kube-system-robot"
    stage.allowed(robot, "create configmap robots --dry-run=server")
    assert "hi" in stage.allowed(robot, "exec box -- echo hi")
    stage.allowed("admin", "create configmap emergency --dry-run=server")
    assert "hi" in stage.allowed("admin", "exec box -- echo hi")
    node = f"--as=system:node:{NODE} --as-group=system:nodes"
    stage.allowed("admin", f"create configmap node --dry-run=server {node}")


def test_other_service_accounts(stage: Stage) -> None:
    """They write, as controllers do; a session in a pod by one of them is refused."""
    stage.allowed("default-robot", "create configmap robots --dry-run=server")
    stage.refused("default-robot", "exec box -- echo hi", REFUSED_CONNECT)


def test_anonymous_is_nobody_to_let_go(stage: Stage) -> None:
    """system:anonymous has a name of Kubernetes' own and no privilege here."""
    anonymous = "--as=system:anonymous --as-group=dev"
    stage.refused("admin", f"create configmap x --dry-run=server {anonymous}", REFUSED_WRITE)


def test_held_to_the_proxy_by_an_edit(stage: Stage) -> None:
    """With the edit that writes.yaml describes, service accounts outside kube-system are held too."""
    text = (MANIFESTS / "anti-bypass" / "writes.yaml").read_text(encoding="utf-8")
    edited = text.replace("'system:serviceaccounts' in", "'system:serviceaccounts:kube-system' in")
    assert edited != text
    stage.allowed("admin", "apply --server-side -f -", edited)
    stage.until_refused("default-robot", "create configmap robots --dry-run=server", REFUSED_WRITE)
    stage.allowed("kube-system-robot", "create configmap robots --dry-run=server")


def test_the_way_out(stage: Stage) -> None:
    """No policy keeps anybody from deleting its binding on the direct path: there is no lock-out."""
    stage.allowed("bob", "delete validatingadmissionpolicybinding auditproxy-writes")
    stage.until_allowed("bob", "create configmap free --dry-run=server")
