"""The demo's cluster: an embedded API server and the proxy in front of it, on loopback."""

import contextlib
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from auditproxy.alerts.alert import Alert
from auditproxy.apis.user import MASTERS, UserInfo
from auditproxy.app import operatorlog
from auditproxy.app.proxy import Proxy, build
from auditproxy.commands.demo.folder import AUDIT_LOG, RECORDINGS
from auditproxy.embedded.apiserver import EmbeddedApiServer
from auditproxy.options import (
    AlertOptions,
    AuditLogOptions,
    AuditOptions,
    AuthenticationOptions,
    HealthOptions,
    Options,
    ServingOptions,
    SessionOptions,
    UpstreamOptions,
)
from auditproxy.tls.pki import create_client, create_pki

ADMIN, VIEWER = "admin", "viewer"
VIEWER_TOKEN = "demo-viewer-token"  # noqa: S105 - it opens nothing but the demo

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: Metadata
  resources:
  - resources: ["secrets", "serviceaccounts/token"]
  - group: authentication.k8s.io
    resources: ["tokenreviews"]
- level: RequestResponse
"""


MOST_ALERTS = 1000
"""Alerts that wait to be shown."""

RECORDING_POLICY = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules:
- record: Output
"""


ALERT_RULES = """\
apiVersion: auditproxy.io/v1alpha1
kind: AlertRules
rules:
- name: ExecIntoPod
  severity: medium
  summary: "{{ user }} in {{ namespace }}/{{ name }}: {{ command }}"
  match:
    verbs: [get, create]
    resources: [{group: "", resources: [pods/exec, pods/attach]}]
    stages: [ResponseStarted]
    responseCodes: [101, unknown]
"""


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """What the demo's proxy is started with; all paths exist but the logs."""

    upstream_kubeconfig: Path
    policy: Path
    tokens: Path
    client_ca: Path
    certificate: Path
    private_key: Path
    audit_log: Path
    recording_policy: Path
    recordings: Path
    session_log: Path
    alert_rules: Path


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """What runs, and where: ``files`` and the started ``proxy``."""

    files: DemoFiles
    proxy: Proxy
    alerts: deque[Alert]
    """Those that were raised and are not shown yet."""


@contextlib.asynccontextmanager
async def demo_cluster(folder: Path) -> AsyncIterator[DemoCluster]:
    """Start the API server and the proxy with files in ``folder``; stop both at the end.

    The clients' kubeconfig is ``folder / "kubeconfig"``, with the contexts ADMIN and VIEWER.
    """
    files = make_files(folder)
    server = EmbeddedApiServer(
        tokens={VIEWER_TOKEN: UserInfo(username=VIEWER, groups=("viewers",))},
        permissions={VIEWER: frozenset({"get", "list", "watch"})},
        ssl_context=server_context(folder / "pki"),
    )
    port = await server.start("127.0.0.1", 0)
    try:
        write_kubeconfig(files.upstream_kubeconfig, folder / "pki", port, {"proxy": "auditproxy"})
        operatorlog.configure(verbosity=-1, json_lines=False)
        alerts: deque[Alert] = deque(maxlen=MOST_ALERTS)
        proxy = await build(proxy_options(files), listener_tls=True, write_alert=alerts.append)
        await proxy.start()
        try:
            write_kubeconfig(
                folder / "kubeconfig", folder / "pki", proxy.port, {ADMIN: ADMIN, VIEWER: ""}
            )
            yield DemoCluster(files, proxy, alerts)
        finally:
            await proxy.close()
    finally:
        await server.close()


def proxy_options(files: DemoFiles) -> Options:
    """The settings of the demo's proxy: a free port of 127.0.0.1, no health port."""
    return Options(
        serving=ServingOptions(
            bind_address="127.0.0.1",
            secure_port=0,
            tls_cert_file=str(files.certificate),
            tls_private_key_file=str(files.private_key),
        ),
        upstream=UpstreamOptions(kubeconfig=str(files.upstream_kubeconfig), check_period=0),
        authentication=AuthenticationOptions(
            client_ca_file=str(files.client_ca),
            token_auth_file=str(files.tokens),
        ),
        audit=AuditOptions(
            policy_file=str(files.policy),
            authorization_annotations="review",
        ),
        audit_log=AuditLogOptions(path=str(files.audit_log)),
        sessions=SessionOptions(
            recording_config_file=str(files.recording_policy),
            recording_dir=str(files.recordings),
            recording_min_free_space=0,
            log_path=str(files.session_log),
        ),
        alerts=AlertOptions(rules_file=str(files.alert_rules)),
        health=HealthOptions(bind_address=""),
    )


def make_files(folder: Path) -> DemoFiles:
    """Certificates, policy and tokens in the folder."""
    pki = folder / "pki"
    create_pki(pki, server_names=("localhost", "127.0.0.1"))
    create_client(pki, "auditproxy", (MASTERS,))
    create_client(pki, ADMIN, (MASTERS,))
    files = DemoFiles(
        upstream_kubeconfig=folder / "upstream.kubeconfig",
        policy=folder / "policy.yaml",
        tokens=folder / "tokens.csv",
        client_ca=pki / "ca.crt",
        certificate=pki / "server.crt",
        private_key=pki / "server.key",
        audit_log=folder / AUDIT_LOG,
        recording_policy=folder / "recording-policy.yaml",
        recordings=folder / RECORDINGS,
        session_log=folder / "sessions.log",
        alert_rules=folder / "alert-rules.yaml",
    )
    files.recordings.mkdir(mode=0o700, exist_ok=True)
    files.alert_rules.write_text(ALERT_RULES, encoding="utf-8")
    files.recording_policy.write_text(RECORDING_POLICY, encoding="utf-8")
    files.policy.write_text(POLICY, encoding="utf-8")
    files.tokens.touch(mode=0o600)
    files.tokens.write_text(f"{VIEWER_TOKEN},{VIEWER},,viewers\n", encoding="utf-8")
    return files


def server_context(pki: Path) -> ssl.SSLContext:
    """TLS of the embedded API server, which takes client certificates too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def write_kubeconfig(path: Path, pki: Path, port: int, users: dict[str, str]) -> None:
    """A kubeconfig with a context per user: by the certificate named, or the viewer's token."""
    credentials = {
        user: (
            {
                "client-certificate": str(pki / f"{certificate}.crt"),
                "client-key": str(pki / f"{certificate}.key"),
            }
            if certificate
            else {"token": VIEWER_TOKEN}
        )
        for user, certificate in users.items()
    }
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(pki / "ca.crt"),
    }
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": next(iter(users)),
                "clusters": [{"name": "demo", "cluster": cluster}],
                "users": [{"name": user, "user": credentials[user]} for user in users],
                "contexts": [
                    {"name": user, "context": {"cluster": "demo", "user": user}} for user in users
                ],
            },
            indent=2,
        ),
        encoding="utf-8",
    )
