"""What a proxy of the benches is given: certificates, a policy, a kubeconfig, a token file."""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.authority import CLIENT, Authority

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
TOKEN = "bench-4f1c9a7d2e8b"
"""A token of the token file."""
REVIEWED = "bench-3b7e5c0d9a64"
"""A token that the upstream knows."""
USER, GROUP = "jane@example.com", "dev"

NOT_RECORDED = """\
- {level: None, users: [system:kube-proxy], verbs: [watch], resources: [{group: "", resources: [endpoints, services]}]}
- {level: None, users: [system:unsecured], namespaces: [kube-system], verbs: [get], resources: [{group: "", resources: [configmaps]}]}
- {level: None, userGroups: [system:nodes], verbs: [get], resources: [{group: "", resources: [nodes, nodes/status]}]}
- {level: None, users: [system:kube-controller-manager, system:kube-scheduler], verbs: [get, update], namespaces: [kube-system], resources: [{group: "", resources: [endpoints]}]}
- {level: None, users: [system:apiserver], verbs: [get], resources: [{group: "", resources: [namespaces, namespaces/status]}]}
- {level: None, nonResourceURLs: [/healthz*, /version, /swagger*]}
- {level: None, resources: [{group: "", resources: [events]}]}
- {level: Request, users: [kubelet], userGroups: [system:nodes], verbs: [update, patch], resources: [{group: "", resources: [nodes/status, pods/status]}]}
- {level: Request, users: [system:serviceaccount:kube-system:namespace-controller], verbs: [deletecollection]}
- {level: Metadata, resources: [{group: "", resources: [secrets, serviceaccounts/token]}, {group: authentication.k8s.io, resources: [tokenreviews]}]}
"""
"""Ten rules in the manner of cloud providers' policies; what the benches ask for falls through all."""


def policy(level: str) -> str:
    """A policy of eleven rules: what the benches ask for is recorded at ``level``, once."""
    return (
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n"
        f"{NOT_RECORDED}- {{level: {level}}}\n"
    )


class SmallReads(ssl.SSLObject):
    """TLS of the load and of the upstream: reads no more at once than a record of TLS holds.

    uvloop would read 256 KiB at once, memory that is mapped anew for each read or not, as the
    process had freed some before: each request would cost the load twice as much in some runs.
    """

    def read(self, len: int = 16384, buffer: Any = None) -> Any:  # noqa: A002
        """Read up to a record."""
        return super().read(min(len, 16384), buffer)


@dataclass(frozen=True)
class Files:
    """Where the certificates and files of one run are."""

    folder: Path

    def path(self, name: str) -> str:
        """A file by its name."""
        return str(self.folder / name)

    @property
    def flags(self) -> dict[str, Any]:
        """The options that name them, for clients with certificates and tokens alike."""
        return {
            "kubeconfig": self.path("kubeconfig"),
            "audit_policy_file": self.path("policy.yaml"),
            "audit_log_path": self.path("audit.log"),
            "token_auth_file": self.path("tokens.csv"),
            "client_ca_file": self.path("clients.crt"),
            "tls_cert_file": self.path("proxy.crt"),
            "tls_private_key_file": self.path("proxy.key"),
        }

    def upstream_context(self) -> ssl.SSLContext:
        """TLS 1.3 of the upstream: it asks for a certificate, as kube-apiserver does."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = SmallReads
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.path("upstream.crt"), self.path("upstream.key"))
        for authority in ("cluster.crt", "fronts.crt"):
            context.load_verify_locations(self.path(authority))
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client_context(self, *, certificate: bool) -> ssl.SSLContext:
        """TLS 1.3 of a client of the proxy, with its certificate or without."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslobject_class = SmallReads
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(self.path("cluster.crt"))
        if certificate:
            context.load_cert_chain(self.path("client.crt"), self.path("client.key"))
        return context


def write_files(folder: Path, level: str) -> Files:
    """Write what does not depend on the upstream's port; ECDSA certificates throughout."""
    cluster, clients, front = (Authority(name) for name in ("cluster", "clients", "front proxies"))
    for name, authority in (("cluster", cluster), ("clients", clients), ("fronts", front)):
        (folder / f"{name}.crt").write_bytes(authority.pem)
    for name in ("proxy", "upstream"):
        cluster.write_leaf(folder / name, "localhost", usages=SERVER)
        pem = (folder / name).with_suffix(".crt").read_bytes()
        # What HAProxy reads: the certificate and its key in one file.
        (folder / f"{name}.pem").write_bytes(pem + (folder / f"{name}.key").read_bytes())
    clients.write_leaf(folder / "client", USER, organizations=(GROUP,), usages=CLIENT)
    cluster.write_leaf(
        folder / "credential", "auditproxy", organizations=("system:masters",), usages=CLIENT
    )
    front.write_leaf(folder / "front", "front-proxy", usages=CLIENT)
    for name in ("credential", "front"):
        pem = (folder / f"{name}.crt").read_bytes()
        (folder / f"{name}.pem").write_bytes(pem + (folder / f"{name}.key").read_bytes())
    (folder / "policy.yaml").write_text(policy(level), encoding="utf-8")
    (folder / "tokens.csv").write_text(f'{TOKEN},{USER},u1,"{GROUP}"\n', encoding="utf-8")
    return Files(folder)


def write_kubeconfig(files: Files, port: int, *, credential: bool = True) -> None:
    """The upstream at a port of loopback, with the proxy's own certificate."""
    user = {
        "client-certificate": files.path("credential.crt"),
        "client-key": files.path("credential.key"),
    }
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": files.path("cluster.crt"),
        "tls-server-name": "localhost",
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "proxy"}}],
        "clusters": [{"name": "bench", "cluster": cluster}],
        "users": [{"name": "proxy", "user": user if credential else {}}],
    }
    (files.folder / "kubeconfig").write_text(json.dumps(document), encoding="utf-8")
