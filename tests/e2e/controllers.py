"""``python -m tests.e2e.controllers --seconds 300``: kube-controller-manager and kubectl through the proxy.

Both work against a real kube-apiserver (KUBEBUILDER_ASSETS); then every event of the
proxy is compared with kube-apiserver's own of the same Audit-ID and stage.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditproxy.tls.pki import create_client
from tests.conformance.compare import differences
from tests.e2e.cluster import ADMIN_TOKEN, Cluster, assets, free_ports, running

ISSUER = "https://kubernetes.default.svc"
NOT_COMPARED = ("sourceIPs", "user", "impersonatedUser", "authenticationMetadata")
"""What is ours by design: kube-apiserver sees the proxy's address and credential."""

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "example.com/web:1"}]}
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: "example.com/job:1"}]}
"""
STATEFUL = WEB.replace("Deployment", "StatefulSet").replace(
    "spec:\n", "spec:\n  serviceName: web\n", 1
)
COMMANDS: tuple[tuple[str, str], ...] = (
    ("create namespace NS", ""),
    ("-n NS create -f -", WEB),
    ("-n NS create -f -", JOB),
    ("-n NS apply -f -", STATEFUL.replace("name: web", "name: db", 1)),
    ("-n NS create configmap settings --from-literal=a=b", ""),
    ("-n NS create secret generic s --from-literal=k=v", ""),
    ("-n NS create service clusterip web --tcp=80", ""),
    ("-n NS create token default", ""),
    ("-n NS scale deployment web --replicas=4", ""),
    ("-n NS rollout restart deployment web", ""),
    ("-n NS set image deployment web c=example.com/web:2", ""),
    ("-n NS get all -o name", ""),
    ("-n NS get pods -o yaml", ""),
    ("-n NS get pod missing", ""),
    ("-n NS delete pod missing", ""),
    ("-n NS create configmap settings --from-literal=a=b", ""),
    ("-n NS get events", ""),
    ("-n NS autoscale deployment web --max=5", ""),
    ("-n NS delete job once", ""),
    ("-n NS delete pods --all --wait=false", ""),
    ("get --raw /healthz", ""),
    ("-n NS delete configmaps --all", ""),
    ("delete namespace NS --wait=false", ""),
)


@dataclass
class Report:
    """What the comparison found."""

    compared: int = 0
    equal: int = 0
    only_ours: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    torn: int = 0
    memory: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"{self.compared} events of {len(self.users)} users compared, {self.equal} equal; proxy: "
            f"at most {self.memory:.0f} MiB, {self.cpu:.1f} s of CPU; torn lines: {self.torn}"
        ]
        lines += [f"  without a counterpart: {n} {what}" for what, n in self.only_ours.items()]
        lines += [
            f"  {n} x {what}: {self.examples[what]}" for what, n in self.faults.most_common(30)
        ]
        return "\n".join(lines)


def same_user(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether kube-apiserver let the request act as whom we authenticated, or who that acts as.

    It does not know yet in RequestReceived, which comes before impersonation.
    """
    if theirs["stage"] == "RequestReceived":
        return True
    seen = theirs.get("impersonatedUser", theirs["user"])
    return bool(ours.get("impersonatedUser", ours["user"]) == seen)


def compare(log: Path, theirs: dict[tuple[str, str], dict[str, Any]]) -> Report:
    """Compare each event of the proxy's log."""
    report = Report()
    for line in log.read_bytes().splitlines():
        try:
            ours = json.loads(line)
        except ValueError:
            report.torn += 1
            continue
        recorded = theirs.get((ours["auditID"], ours["stage"]))
        if recorded is None:
            code = ours.get("responseStatus", {}).get("code", 0)
            report.only_ours[f"{ours['stage']} {ours['verb']} {code}"] += 1
            continue
        report.compared += 1
        report.users.add(ours["user"].get("username", ""))
        found = differences(
            {k: v for k, v in recorded.items() if k not in NOT_COMPARED},
            {k: v for k, v in ours.items() if k not in NOT_COMPARED},
            with_objects=True,
        )
        if not same_user(ours, recorded):
            found.append(f"user: {recorded.get('impersonatedUser')} became {ours['user']}")
        report.equal += not found
        for fault in found:
            what = fault.partition(":")[0]
            report.faults[what] += 1
            where = f"{ours['verb']} {ours['requestURI'][:100]} {ours['stage']}"
            report.examples.setdefault(what, f"{where}: {fault[:400]}")
    return report


@contextlib.contextmanager
def proxied(
    cluster: Cluster, folder: Path, *flags: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """``auditproxy serve`` as a process of its own, with more flags, before the cluster."""
    (port, health) = free_ports(2)
    pki = cluster.folder / "pki"
    upstream = cluster.kubeconfig("upstream", certificate=pki / "auditproxy.crt")
    with (folder / "proxy.err").open("wb") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "auditproxy",
                "serve",
                f"--kubeconfig={upstream}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                f"--health-bind-address=127.0.0.1:{health}",
                f"--tls-cert-file={pki / 'server.crt'}",
                f"--tls-private-key-file={pki / 'server.key'}",
                f"--client-ca-file={cluster.ca}",
                f"--token-auth-file={cluster.tokens}",
                f"--service-account-issuer={ISSUER}",
                f"--audit-policy-file={cluster.policy}",
                f"--audit-log-path={folder / 'proxy-audit.log'}",
                "--audit-log-maxsize=0",
                "--audit-redact=none",
                "--audit-authorization-annotations=review",
                *flags,
            ],
            stderr=errors,
        )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{health}/readyz", timeout=1):
                    break
            if process.poll() is not None:
                raise RuntimeError((folder / "proxy.err").read_text(errors="replace"))
        yield f"https://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(60)


@contextlib.contextmanager
def managing(cluster: Cluster, kubeconfig: Path) -> Iterator[None]:
    """kube-controller-manager, each of its controllers with a service account of its own."""
    binaries = assets()
    assert binaries is not None
    (port,) = free_ports(1)
    with (cluster.folder / "manager.log").open("wb") as log:
        manager = subprocess.Popen(
            [
                str(binaries / "kube-controller-manager"),
                f"--kubeconfig={kubeconfig}",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={cluster.folder / 'sa.key'}",
                f"--root-ca-file={cluster.ca}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                f"--cert-dir={cluster.folder / 'manager'}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        manager.terminate()
        manager.wait(60)


def work(folder: Path, seconds: float) -> Report:
    """Run everything for so long, stop it in order, and compare."""
    binaries = assets()
    assert binaries is not None
    with running(folder, "--audit-log-maxsize=100000") as cluster:
        pki = folder / "pki"
        create_client(pki, "system:kube-controller-manager", ())
        with proxied(cluster, folder) as (url, process):
            manager_config = cluster.kubeconfig(
                "manager", url=url, certificate=pki / "system:kube-controller-manager.crt"
            )
            admin = cluster.kubeconfig("through", url=url, token=ADMIN_TOKEN)
            with managing(cluster, manager_config):
                deadline = time.monotonic() + seconds
                number = 0
                while time.monotonic() < deadline:
                    number += 1
                    for command, stdin in COMMANDS:
                        kubectl(binaries, admin, command.replace("NS", f"work-{number}"), stdin)
                        if time.monotonic() > deadline:
                            break
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            peak = next(x for x in status.splitlines() if x.startswith("VmHWM"))
            ticks = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
            used = ticks.rpartition(")")[2].split()
    # Both have ended, so their last events are written.
    report = compare(folder / "proxy-audit.log", cluster.events())
    report.memory = int(peak.split()[1]) / 1024
    report.cpu = (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
    return report


def kubectl(binaries: Path, kubeconfig: Path, command: str, stdin: str) -> None:
    """Run one command; some fail, on purpose."""
    subprocess.run(
        [str(binaries / "kubectl"), f"--kubeconfig={kubeconfig}", *command.split()],
        input=stdin.encode(),
        capture_output=True,
        timeout=120,
        env={**os.environ, "KUBECACHEDIR": str(kubeconfig.parent / "cache")},
    )


def main() -> int:
    """Print the figures; the exit code says whether all compared events are equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if assets() is None or not (assets() or Path()).joinpath("kube-controller-manager").exists():
        print("KUBEBUILDER_ASSETS names no folder with kube-controller-manager")
        return 2
    with tempfile.TemporaryDirectory() as name:
        report = work(options.folder or Path(name), options.seconds)
    print(report)
    return 0 if report.equal == report.compared else 1


if __name__ == "__main__":
    sys.exit(main())
