"""The README's commands, run as they stand against a real kube-apiserver (faults from outside, D, C1)."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.tls.pki import create_client
from tests.e2e.cluster import ADMIN_TOKEN, Cluster, assets, running

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(180),
]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_CERTIFICATE, SECOND_TERMINAL, BY_TOKEN, OWN_CREDENTIAL, CHECK, USERS = re.findall(
    r"```sh\n(.*?)```", README, re.DOTALL
)
# The command with a free port; a proxy that serves goes to the background, as in a terminal of its
# own, and ends with the shell.
SHELL = """\
set -eu
auditproxy() {
  case "$* " in
    *--check-config*) "$AUDITPROXY" "$@" ;;
    serve*)
      "$AUDITPROXY" "$@" --secure-port="$PORT" --health-bind-address= 2> serve.log &
      proxy=$!
      trap 'kill $proxy; wait $proxy || true' EXIT
      until (exec 3<> /dev/tcp/127.0.0.1/"$PORT") 2> /dev/null; do
        kill -0 $proxy
        read -rt 0.1 <> <(:) || true
      done ;;
    kubeconfig*) "$AUDITPROXY" "$@" --server="https://127.0.0.1:$PORT" ;;
    *) "$AUDITPROXY" "$@" ;;
  esac
}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A kube-apiserver."""
    with running(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def kubeconfig(cluster: Cluster, user: dict[str, str]) -> dict[str, object]:
    """A kubeconfig as kind writes it: everything is in it."""
    authority = base64.b64encode(cluster.ca.read_bytes()).decode()
    there = {"server": cluster.url, "certificate-authority-data": authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kind-kind", "cluster": there}],
        "users": [{"name": "kind-kind", "user": user}],
        "contexts": [
            {"name": "kind-kind", "context": {"cluster": "kind-kind", "user": "kind-kind"}}
        ],
        "current-context": "kind-kind",
    }


@pytest.fixture
def certificate(cluster: Cluster) -> dict[str, str]:
    """kind's user: a client certificate of the cluster's authority."""
    pki = cluster.folder / "pki"
    if not (pki / "kubernetes-admin.crt").exists():
        create_client(pki, "kubernetes-admin", ("system:masters",))
    return {
        f"client-{what}-data": base64.b64encode(
            (pki / f"kubernetes-admin.{end}").read_bytes()
        ).decode()
        for what, end in (("certificate", "crt"), ("key", "key"))
    }


def run(folder: Path, script: str, config: dict[str, object]) -> str:
    """Run commands of the README in a folder that looks like a clone; what they print."""
    binaries = assets()
    assert binaries is not None
    (folder / "manifests").symlink_to(ROOT / "manifests")
    (folder / "config").write_text(json.dumps(config), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = subprocess.run(
        ["bash", "-c", SHELL + script],
        cwd=folder,
        env={
            "HOME": str(folder),
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "KUBECONFIG": str(folder / "config"),
            "AUDITPROXY": str(Path(sys.executable).parent / "auditproxy"),
            "PORT": str(port),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    log = folder / "serve.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    return done.stdout


def last_event(output: str) -> tuple[str, str, int]:
    """User, verb with resource, and code of the event on the last line."""
    event = json.loads(output.splitlines()[-1])
    what = f"{event['verb']} {event['objectRef']['resource']}"
    return event["user"]["username"], what, event["responseStatus"]["code"]


def test_client_certificate(tmp_path: Path, cluster: Cluster, certificate: dict[str, str]) -> None:
    """C1, D: with kind's kubeconfig the first request works, and its event is in the file."""
    output = run(tmp_path, BY_CERTIFICATE + SECOND_TERMINAL, kubeconfig(cluster, certificate))
    assert "kube-system" in output
    assert last_event(output) == ("kubernetes-admin", "list namespaces", 200)


def test_token(tmp_path: Path, cluster: Cluster) -> None:
    """D: users with tokens need no flag."""
    output = run(tmp_path, BY_TOKEN + SECOND_TERMINAL, kubeconfig(cluster, {"token": ADMIN_TOKEN}))
    assert last_event(output) == ("tadmin", "list namespaces", 200)


def test_a_credential_of_its_own(
    tmp_path: Path, cluster: Cluster, certificate: dict[str, str]
) -> None:
    """D: proxy.kubeconfig is enough for the proxy, and holds nothing of the administrator."""
    serve = BY_CERTIFICATE.replace(
        "auditproxy serve", "auditproxy serve --kubeconfig=proxy.kubeconfig"
    )
    script = OWN_CREDENTIAL + serve + SECOND_TERMINAL
    output = run(tmp_path, script, kubeconfig(cluster, certificate))
    assert last_event(output) == ("kubernetes-admin", "list namespaces", 200)
    path = tmp_path / "proxy.kubeconfig"
    assert path.stat().st_mode & 0o077 == 0
    text = path.read_text()
    assert "token:" in text
    assert "client-key-data" not in text


def test_what_you_will_set(tmp_path: Path, cluster: Cluster, certificate: dict[str, str]) -> None:
    """D: the long command line is sound."""
    authority = BY_CERTIFICATE.partition("auditproxy serve")[0]
    output = run(tmp_path, OWN_CREDENTIAL + authority + CHECK, kubeconfig(cluster, certificate))
    assert output.splitlines()[-1].startswith("the configuration is sound")


def test_users_of_what_you_set(
    tmp_path: Path, cluster: Cluster, certificate: dict[str, str]
) -> None:
    """D: the same command line serves, and the kubeconfig made for it trusts its certificate."""
    authority = BY_CERTIFICATE.partition("auditproxy serve")[0]
    serve = CHECK.replace(" \\\n  --check-config", "")
    asked = SECOND_TERMINAL.partition("\n")[2]
    script = OWN_CREDENTIAL + authority + serve + USERS + asked
    output = run(tmp_path, script, kubeconfig(cluster, certificate))
    assert last_event(output) == ("kubernetes-admin", "list namespaces", 200)
    assert (tmp_path / "audited.kubeconfig").stat().st_mode & 0o077 == 0
