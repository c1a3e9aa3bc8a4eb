"""A control plane on loopback: etcd and kube-apiserver from KUBEBUILDER_ASSETS, with RBAC and an audit log."""

import contextlib
import json
import os
import random
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditproxy.tls.pki import create_client, create_pki

ADMIN_TOKEN = "e2e-admin-token"
VIEWER_TOKEN = "e2e-viewer-token"
TOKENS = f'{ADMIN_TOKEN},tadmin,uid-1,"system:masters"\n{VIEWER_TOKEN},bob,uid-2,"dev,ops"\n'
POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: RequestResponse
"""


def assets() -> Path | None:
    """The folder of the binaries, None where there is none."""
    folder = os.environ.get("KUBEBUILDER_ASSETS", "")
    if not folder:
        return None
    path = Path(folder)
    return path if (path / "kube-apiserver").exists() and (path / "etcd").exists() else None


@dataclass(frozen=True)
class Cluster:
    """A running API server; ``proxy_kubeconfig`` holds a credential that may impersonate."""

    url: str
    folder: Path

    @property
    def ca(self) -> Path:
        """The CA of the server's certificate and of client certificates."""
        return self.folder / "pki" / "ca.crt"

    @property
    def tokens(self) -> Path:
        """The server's static token file, which the proxy can use too."""
        return self.folder / "tokens.csv"

    @property
    def policy(self) -> Path:
        """The server's audit policy."""
        return self.folder / "policy.yaml"

    def kubeconfig(
        self,
        name: str,
        *,
        url: str = "",
        ca: Path | None = None,
        token: str = "",
        certificate: Path | None = None,
    ) -> Path:
        """Write a kubeconfig for one user of this server or of the proxy at ``url``."""
        user: dict[str, str] = {"token": token} if token else {}
        if certificate is not None:
            user = {
                "client-certificate": str(certificate),
                "client-key": str(certificate.with_suffix(".key")),
            }
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": name,
                    "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                    "clusters": [
                        {
                            "name": name,
                            "cluster": {
                                "server": url or self.url,
                                "certificate-authority": str(ca or self.ca),
                            },
                        }
                    ],
                    "users": [{"name": name, "user": user}],
                }
            ),
            encoding="utf-8",
        )
        path.chmod(0o600)
        return path

    def events(self) -> dict[tuple[str, str], dict[str, Any]]:
        """kube-apiserver's own events by Audit-ID and stage."""
        found = {}
        with (self.folder / "audit.log").open(encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                found[event["auditID"], event["stage"]] = event
        return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on right now, below the ephemeral range.

    From a random one on: others who run tests at the same time look for some, too.
    """
    found = []
    for port in range(random.randrange(21000, 31000), 32000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


@contextlib.contextmanager
def running(
    folder: Path, *flags: str, tokens: str = TOKENS, policy: str = POLICY
) -> Iterator[Cluster]:
    """Start etcd and kube-apiserver in ``folder``, with more flags; both are stopped at the end."""
    binaries = assets()
    assert binaries is not None
    pki = folder / "pki"
    create_pki(pki, server_names=("127.0.0.1", "localhost", "kubernetes.default.svc"))
    create_client(pki, "auditproxy", ("system:masters",))
    create_client(pki, "alice", ("dev",))
    (folder / "tokens.csv").write_text(tokens, encoding="utf-8")
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    subprocess.run(
        ["openssl", "genrsa", "-out", str(folder / "sa.key"), "2048"],
        check=True,
        capture_output=True,
    )
    etcd_port, port = free_ports(2)
    logs = (folder / "etcd.log").open("wb"), (folder / "kube-apiserver.log").open("wb")
    processes = []
    try:
        processes.append(
            subprocess.Popen(
                [
                    str(binaries / "etcd"),
                    f"--data-dir={folder / 'etcd'}",
                    f"--listen-client-urls=http://127.0.0.1:{etcd_port}",
                    f"--advertise-client-urls=http://127.0.0.1:{etcd_port}",
                    "--listen-peer-urls=http://127.0.0.1:0",
                    "--unsafe-no-fsync",
                ],
                stdout=logs[0],
                stderr=logs[0],
            )
        )
        processes.append(
            subprocess.Popen(
                [
                    str(binaries / "kube-apiserver"),
                    f"--etcd-servers=http://127.0.0.1:{etcd_port}",
                    "--bind-address=127.0.0.1",
                    "--advertise-address=127.0.0.1",
                    f"--secure-port={port}",
                    f"--tls-cert-file={pki / 'server.crt'}",
                    f"--tls-private-key-file={pki / 'server.key'}",
                    f"--client-ca-file={pki / 'ca.crt'}",
                    f"--token-auth-file={folder / 'tokens.csv'}",
                    f"--requestheader-client-ca-file={pki / 'front-proxy-ca.crt'}",
                    "--requestheader-allowed-names=front-proxy-client",
                    "--requestheader-username-headers=X-Remote-User",
                    "--requestheader-uid-headers=X-Remote-Uid",
                    "--requestheader-group-headers=X-Remote-Group",
                    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                    "--authorization-mode=RBAC",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    f"--service-account-key-file={folder / 'sa.key'}",
                    f"--service-account-signing-key-file={folder / 'sa.key'}",
                    "--service-cluster-ip-range=10.0.0.0/24",
                    f"--audit-policy-file={folder / 'policy.yaml'}",
                    f"--audit-log-path={folder / 'audit.log'}",
                    "--disable-admission-plugins=ServiceAccount",
                    *flags,
                ],
                stdout=logs[1],
                stderr=logs[1],
            )
        )
        cluster = Cluster(f"https://127.0.0.1:{port}", folder)
        _wait_ready(cluster, processes)
        yield cluster
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in logs:
            log.close()


def _wait_ready(cluster: Cluster, processes: list["subprocess.Popen[bytes]"]) -> None:
    """Until /readyz says ok, or one of the processes ended."""
    context = ssl.create_default_context(cafile=str(cluster.ca))
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        for process in processes:
            if process.poll() is not None:
                log = (cluster.folder / "kube-apiserver.log").read_text(errors="replace")
                raise RuntimeError(f"{process.args!r} ended early: {log[-2000:]}")
        request = urllib.request.Request(
            cluster.url + "/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
        )
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(request, context=context, timeout=2) as answer:
                if answer.status == 200:
                    return
        with contextlib.suppress(subprocess.TimeoutExpired):
            processes[-1].wait(0.2)
    raise RuntimeError("kube-apiserver was not ready within 90 seconds")
