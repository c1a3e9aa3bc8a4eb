"""The same kubectl script direct and through the proxy against a real kube-apiserver.

Runs where KUBEBUILDER_ASSETS names a folder with kube-apiserver and etcd.
"""

import asyncio
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.proxy import build
from tests.conformance.client import read_answer
from tests.conformance.compare import differences
from tests.e2e.cluster import ADMIN_TOKEN, VIEWER_TOKEN, Cluster, assets, running
from tests.e2e.comparing import as_seen_here, kubectl, normal
from tests.e2e.direct_path import proxy_of
from tests.e2e.kubelet import NODE, NODE_OBJECT, RUNNING, node_status
from tests.fakes.options import options
from tests.fakes.waiting import until
from tests.kubectl import kubectl_binaries, minor_version

pytestmark = [
    pytest.mark.skipif(
        assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
    ),
    pytest.mark.timeout(300),
]

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {level: info, mode: "<&>"}
"""
CONFIG_MAP_CHANGED = CONFIG_MAP.replace("info", "debug")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: c, image: "example.com/web:1", resources: {limits: {cpu: "0.5"}}}]
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: box}
spec: {nodeName: e2e, containers: [{name: c, image: "example.com/box:1"}]}
"""

SCRIPT: tuple[tuple[str, str], ...] = (
    ("create namespace NS", ""),
    ("get namespace NS -o name", ""),
    ("-n NS apply -f -", CONFIG_MAP),
    ("-n NS apply -f -", CONFIG_MAP_CHANGED),
    ("-n NS apply --server-side --force-conflicts -f -", CONFIG_MAP),
    ("-n NS get configmaps", ""),
    ("-n NS get configmap settings -o yaml", ""),
    ("-n NS get configmap settings -o json", ""),
    ("-n NS describe configmap settings", ""),
    ('-n NS patch configmap settings --type=merge -p {"data":{"a":"1"}}', ""),
    ('-n NS patch configmap settings --type=json -p [{"op":"remove","path":"/data/a"}]', ""),
    ('-n NS patch configmap settings -p {"metadata":{"labels":{"b":"2"}}}', ""),
    ("-n NS patch configmap nope --type=merge -p {}", ""),
    ("-n NS label configmap settings c=3", ""),
    ("-n NS annotate configmap settings d=4", ""),
    ("-n NS create secret generic s --from-literal=k=v", ""),
    ("-n NS get secret s -o jsonpath={.data.k}", ""),
    ("-n NS create -f -", DEPLOYMENT),
    ("-n NS create -f -", DEPLOYMENT),
    ("-n NS scale deployment web --replicas=3", ""),
    ("-n NS get deployments,configmaps -o name", ""),
    ("-n NS create -f -", POD),
    ("-n NS get pods -o wide", ""),
    ("-n NS get pods --field-selector=metadata.name=box -o name", ""),
    ("-n NS get pods -l app=none", ""),
    ("-n NS get pod missing", ""),
    ("-n NS create serviceaccount robot", ""),
    ("-n NS create token robot --duration=1h -o name", ""),
    ("-n NS logs box", ""),
    (f"-n NS patch pod box --subresource=status --type=merge -p {RUNNING}", ""),
    ("-n NS logs box", ""),
    ("-n NS logs box --tail=1 --timestamps=false", ""),
    ("-n NS exec box -- echo hi there", ""),
    ("-n NS exec box -- sh -c exit\u00a03", ""),
    ("-n NS exec box -- nope", ""),
    ("-n NS exec -i box -- cat", "typed"),
    ("-n NS attach -i box", "typed"),
    ("-n NS exec missing -- true", ""),
    ("-n NS create role r --verb=get --resource=pods", ""),
    ("-n NS auth can-i list pods", ""),
    ("-n NS auth can-i list pods --as=jane", ""),
    ("-n NS get pods --as=jane", ""),
    ("-n NS get pods --as=jane --as-group=system:masters -o name", ""),
    ("auth whoami -o json", ""),
    ("auth whoami --as=jane --as-group=g -o json", ""),
    ("api-resources -o name", ""),
    ("api-versions", ""),
    ("get --raw /version", ""),
    ("get --raw /healthz", ""),
    ("get --raw /api/v1/namespaces/NS/nothing", ""),
    ("get --raw /nope", ""),
    ("explain configmap.data", ""),
    ("-n NS get configmap settings --watch --request-timeout=1s -o name", ""),
    ("-n NS delete configmap settings", ""),
    ("-n NS delete pod box --grace-period=0 --force", ""),
    ("-n NS delete deployment web --wait=false", ""),
    ("-n NS delete configmaps --all", ""),
    ("-n NS delete configmap settings", ""),
)


@dataclass(frozen=True)
class Stage:
    """The API server, the proxy before it, and a kubeconfig for each."""

    cluster: Cluster
    direct: Path
    proxied: Path
    log: Path
    url: str


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One control plane and one proxy for all tests of this file."""
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder) as cluster:
        upstream = cluster.kubeconfig("upstream", certificate=folder / "pki" / "auditproxy.crt")
        with proxy_of(
            cluster,
            upstream,
            token_auth_file=str(cluster.tokens),
            audit_authorization_annotations="review",
            audit_redact="none",
        ) as (url, kubelet_port):
            direct = cluster.kubeconfig("direct", token=ADMIN_TOKEN)
            newest = kubectl_binaries()[0]
            for command, stdin in (
                ("create -f -", NODE_OBJECT),
                (
                    f"patch node {NODE} --subresource=status --type=merge "
                    f"-p {node_status(kubelet_port)}",
                    "",
                ),
            ):
                code, _, err = kubectl(newest, direct, command, stdin, folder)
                assert code == 0, err
            yield Stage(
                cluster,
                direct,
                cluster.kubeconfig("proxied", token=ADMIN_TOKEN, url=url),
                folder / "proxy-audit.log",
                url,
            )


@pytest.mark.parametrize("binary", kubectl_binaries(), ids=lambda path: path.parent.name)
def test_same_outputs(stage: Stage, binary: Path, tmp_path: Path) -> None:
    """Each command gives the same exit code and texts direct and through the proxy."""
    number = kubectl_binaries().index(binary)
    if minor_version(binary) < 30:
        pytest.skip("the script has commands that this kubectl does not know")
    for command, stdin in SCRIPT:
        results = []
        for name, kubeconfig in (("direct", stage.direct), ("proxied", stage.proxied)):
            namespace = f"{name}-{number}"
            code, out, err = kubectl(
                binary, kubeconfig, command.replace("NS", namespace), stdin, tmp_path
            )
            url = stage.cluster.url if name == "direct" else stage.url
            results.append((code, normal(out, namespace, url), normal(err, namespace, url)))
        if "describe" in command:
            # kubectl describes maps in the order of Go's maps: none.
            results = [(code, "".join(sorted(out)), err) for code, out, err in results]
        assert results[0] == results[1], command


def test_same_events(stage: Stage, tmp_path: Path) -> None:
    """The proxy's events are kube-apiserver's own but for what docs/parity.md lists."""
    binary = kubectl_binaries()[0]
    for command, stdin in SCRIPT:
        kubectl(binary, stage.proxied, command.replace("NS", "events"), stdin, tmp_path)
    for token in (VIEWER_TOKEN, "wrong"):
        denied = stage.cluster.kubeconfig("denied", token=token, url=stage.url)
        kubectl(binary, denied, "get secrets --all-namespaces", "", tmp_path)
    theirs = stage.cluster.events()
    faults = []
    compared = 0
    with stage.log.open(encoding="utf-8") as lines:
        for line in lines:
            ours = json.loads(line)
            recorded = theirs.get((ours["auditID"], ours["stage"]))
            if recorded is None:
                # Refused by the proxy itself: nothing of it reached the server.
                assert ours["responseStatus"]["code"] in (401, 403), ours
                continue
            compared += 1
            found = differences(as_seen_here(recorded, ours), ours, with_objects=False)
            if found:
                faults.append(f"{ours['verb']} {ours['requestURI']} {ours['stage']}: {found}")
    assert not faults, "\n".join(faults)
    assert compared > 2 * len(SCRIPT)


async def test_request_header(stage: Stage, tmp_path: Path) -> None:
    """Behind a front proxy kube-apiserver sees each client as itself: name, groups, uid, extra."""
    pki = stage.cluster.folder / "pki"
    proxy = await build(
        options(
            kubeconfig=str(stage.cluster.kubeconfig("fronted", certificate=pki / "auditproxy.crt")),
            upstream_identity="request-header",
            proxy_client_cert_file=str(pki / "front-proxy-client.crt"),
            proxy_client_key_file=str(pki / "front-proxy-client.key"),
            audit_policy_file=str(stage.cluster.policy),
            audit_log_path=str(tmp_path / "audit.log"),
            client_ca_file=str(stage.cluster.ca),
            token_auth_file=str(stage.cluster.tokens),
            tls_cert_file=str(pki / "server.crt"),
            tls_private_key_file=str(pki / "server.key"),
        ),
        listener_tls=True,
    )
    await proxy.start()
    url = f"https://127.0.0.1:{proxy.port}"
    alice = stage.cluster.kubeconfig("alice", certificate=pki / "alice.crt", url=url)
    admin = stage.cluster.kubeconfig("admin", token=ADMIN_TOKEN, url=url)
    try:
        for kubeconfig, command, code in (
            (alice, "auth whoami -o json", 0),
            (alice, "get secrets", 1),
            (alice, "get secrets --as=jane", 1),
            (admin, "get secrets --all-namespaces", 0),
            (admin, "get secrets --as=jane --as-group=system:masters", 0),
        ):
            done = await asyncio.to_thread(
                kubectl, kubectl_binaries()[0], kubeconfig, command, "", tmp_path
            )
            assert done[0] == code, (command, done)
    finally:
        await proxy.close()
    theirs = stage.cluster.events()
    users = set()
    for line in (tmp_path / "audit.log").read_text().splitlines():
        ours = json.loads(line)
        if ours["stage"] == "RequestReceived":
            continue
        recorded = theirs.get((ours["auditID"], ours["stage"]))
        if recorded is None:
            assert ours["responseStatus"]["code"] == 403, ours
            continue
        # Who was impersonated before us is the user behind us.
        assert recorded["user"] == ours.get("impersonatedUser", ours["user"])
        assert "impersonatedUser" not in recorded
        users.add(recorded["user"]["username"])
    assert users == {"alice", "tadmin", "jane"}


def _role(name: str, rules: str) -> str:
    return f"""\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {name}}}
rules:
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: bob}}]
"""


AUTHENTICATION = "apiGroups: [authentication.k8s.io]"
IMPERSONATION = _role(
    "e2e-legacy",
    f"""\
- {{apiGroups: [""], resources: [users], resourceNames: [jane, "system:node:n2"], verbs: [impersonate]}}
- {{apiGroups: [""], resources: [groups], resourceNames: [g1], verbs: [impersonate]}}
- {{apiGroups: [""], resources: [serviceaccounts], resourceNames: [legacy], verbs: [impersonate]}}
- {{{AUTHENTICATION}, resources: [uids], resourceNames: [u1], verbs: [impersonate]}}
- {{{AUTHENTICATION}, resources: [userextras/scopes], resourceNames: [a], verbs: [impersonate]}}""",
) + _role(
    "e2e-constrained",
    f"""\
- apiGroups: [""]
  resources: [pods]
  verbs:
  - impersonate-on:user-info:list
  - impersonate-on:serviceaccount:list
  - impersonate-on:arbitrary-node:list
- {{{AUTHENTICATION}, resources: [users], resourceNames: [kate], verbs: ["impersonate:user-info"]}}
- {{{AUTHENTICATION}, resources: [groups], resourceNames: [g2, g3], verbs: ["impersonate:user-info"]}}
- {{{AUTHENTICATION}, resources: [uids], resourceNames: [u2], verbs: ["impersonate:user-info"]}}
- {{{AUTHENTICATION}, resources: [userextras/example.com/scope], resourceNames: [a, b], verbs: ["impersonate:user-info"]}}
- {{{AUTHENTICATION}, resources: [serviceaccounts], verbs: ["impersonate:serviceaccount"]}}
- {{{AUTHENTICATION}, resources: [nodes], resourceNames: [n1], verbs: ["impersonate:arbitrary-node"]}}""",
)

REVIEW = """\
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
spec:
  user: bob
  resourceAttributes:
    {group: authentication.k8s.io, version: v1, resource: nodes, name: n1, verb: "impersonate:arbitrary-node"}
"""
SCOPE = "Extra-Example.com%2Fscope"
WANTED: tuple[tuple[tuple[str, str], ...], ...] = (
    (("User", "jane"),),
    (("User", "kate"),),
    (("User", "nobody"),),
    (("User", "kate"), ("Group", "g2")),
    (("User", "kate"), ("Group", "g1")),
    (("User", "jane"), ("Group", "g1")),
    (("User", "jane"), ("Group", "g2")),
    (("User", "kate"), ("Uid", "u2")),
    (("User", "kate"), ("Uid", "u1")),
    (("User", "jane"), ("Uid", "u1")),
    (("User", "kate"), (SCOPE, "a"), (SCOPE, "b")),
    (("User", "kate"), (SCOPE, "c")),
    (("User", "jane"), ("Extra-scopes", "a")),
    (("User", "kate"), ("Extra-scopes", "a")),
    (("User", "kate"), *(("Group", f"g{number}") for number in range(1, 6))),
    (("User", "kate"), ("Group", "g2"), ("Group", "g3"), ("Group", "g2"), ("Group", "g3")),
    (("User", "kate"), ("Group", "system:masters")),
    (("User", "kate"), ("Group", "")),
    (("User", "system:anonymous"),),
    (("User", "system:serviceaccount:default:robot"),),
    (("User", "system:serviceaccount:default:legacy"),),
    (("User", "system:serviceaccount:default:legacy"), ("Group", "g1")),
    (("User", "system:serviceaccount:DEFAULT:legacy"),),
    (("User", "system:node:n1"),),
    (("User", "system:node:n2"),),
    (("User", "system:node:n1"), ("Group", "g1")),
    (("Group", "g1"),),
    (("Uid", "u1"),),
    (("Extra-scopes", "a"), ("Group", "g1")),
    (("User", ""),),
)
TARGETS = ("/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/pods/x", "/version")


async def ask(
    url: str, context: ssl.SSLContext, target: str, headers: list[str], audit_id: str
) -> tuple[int, Any, Any]:
    """One request as it stands; status, message and details of the answer."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        lines = (f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Audit-ID: {audit_id}")
        writer.write("\r\n".join((*lines, *headers, "\r\n")).encode())
        async with asyncio.timeout(10):
            answer = await read_answer(reader, "GET")
    finally:
        writer.close()
    body = json.loads(answer.body)
    return answer.status, body.get("message"), body.get("details")


async def test_same_impersonation(stage: Stage, tmp_path: Path) -> None:
    """T017, T018: whom a client may be and becomes is the same direct and through the proxy.

    Status and message of each answer, the impersonated user and the constraint of
    each event, for one after the other: what succeeded last decides what is tried first.
    """
    binary = kubectl_binaries()[0]
    code, _, err = kubectl(binary, stage.direct, "apply -f -", IMPERSONATION, tmp_path)
    assert code == 0, err
    review = "create -o jsonpath={.status.allowed} -f -"
    await until(
        lambda: kubectl(binary, stage.direct, review, REVIEW, tmp_path)[1] == "true",
        "the rules of impersonation are in force",
        seconds=30,
    )
    context = ssl.create_default_context(cafile=str(stage.cluster.ca))

    asked: list[tuple[object, ...]] = []
    for token in (VIEWER_TOKEN, ADMIN_TOKEN):
        for target in TARGETS:
            for wanted in WANTED:
                number = len(asked)
                headers = [
                    f"Authorization: Bearer {token}",
                    *(f"Impersonate-{name}: {value}" for name, value in wanted),
                ]
                answers = [
                    await ask(url, context, target, headers, f"{name}-{number}")
                    for name, url in (("direct", stage.cluster.url), ("proxied", stage.url))
                ]
                assert answers[0] == answers[1], (token, target, wanted)
                asked.append((token, target, wanted))
    last = f"proxied-{len(asked) - 1}", "ResponseComplete"
    ours: dict[tuple[str, str], dict[str, Any]] = {}
    async with asyncio.timeout(10):
        # The last event is written behind the answer.
        while last not in ours:
            events = map(json.loads, stage.log.read_text(encoding="utf-8").splitlines())
            ours = {(event["auditID"], event["stage"]): event for event in events}
    theirs = stage.cluster.events()
    for number, case in enumerate(asked):
        key = "ResponseComplete"
        expected, got = theirs[f"direct-{number}", key], ours[f"proxied-{number}", key]
        for member in ("user", "impersonatedUser", "authenticationMetadata"):
            assert expected.get(member) == got.get(member), case


BEARER = f"Authorization: Bearer {VIEWER_TOKEN}"
NAMED = ("X-Remote-User: frank", "X-Remote-Group: g1")
CREDENTIALS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ()),
    ("", (BEARER,)),
    ("", ("Authorization: Bearer wrong",)),
    ("", NAMED),
    ("", (*NAMED, BEARER)),
    ("alice", ()),
    ("alice", (BEARER,)),
    ("alice", ("Authorization: Bearer wrong",)),
    ("alice", NAMED),
    ("front-proxy-client", ()),
    ("front-proxy-client", (BEARER,)),
    ("front-proxy-client", NAMED),
    ("front-proxy-client", (*NAMED, BEARER)),
    ("front-proxy-client", (*NAMED, "Authorization: Bearer wrong")),
    ("front-proxy-client", ("X-Remote-Group: g1",)),
    ("front-proxy-client", ("X-Remote-User: ", "X-Remote-User: frank")),
    ("front-proxy-client", ("X-Remote-User: frank", "X-Remote-User: jane")),
    ("front-proxy-client", ("X-Remote-User: system:anonymous",)),
    ("front-proxy-client", ("X-Remote-User: a", "X-Remote-Group: system:unauthenticated")),
    ("front-proxy-client", ("X-Remote-User: a", "X-Remote-Uid: 7", "X-Remote-Uid: 8")),
    ("front-proxy-client", ("x-remote-user: a", "X-REMOTE-GROUP: x, y", "X-Remote-Group: ")),
    (
        "front-proxy-client",
        (
            "X-Remote-User: a",
            "X-Remote-Extra-Scopes: 1",
            "X-Remote-Extra-scopes: 2",
            "X-Remote-Extra-Example.com%2Fa%2520b: c",
            "X-Remote-Extra-Bad%zz: d",
        ),
    ),
    ("front-proxy-client", ("X-Remote-User: a", "X-Remote-Group: system:masters")),
    ("front-proxy-client", (*NAMED, "Impersonate-User: jane")),
)


async def test_same_authentication(stage: Stage, tmp_path: Path) -> None:
    """T007, T022: whom kube-apiserver takes a client for is whom the proxy takes it for.

    With every mixture of certificates, tokens and a front proxy's headers.
    """
    pki = stage.cluster.folder / "pki"
    log = tmp_path / "audit.log"
    proxy = await build(
        options(
            kubeconfig=str(stage.cluster.kubeconfig("mixed", certificate=pki / "auditproxy.crt")),
            audit_policy_file=str(stage.cluster.policy),
            audit_log_path=str(log),
            client_ca_file=str(stage.cluster.ca),
            token_auth_file=str(stage.cluster.tokens),
            requestheader_client_ca_file=str(pki / "front-proxy-ca.crt"),
            requestheader_allowed_names=("front-proxy-client",),
            requestheader_username_headers=("X-Remote-User",),
            requestheader_uid_headers=("X-Remote-Uid",),
            requestheader_group_headers=("X-Remote-Group",),
            requestheader_extra_headers_prefix=("X-Remote-Extra-",),
            tls_cert_file=str(pki / "server.crt"),
            tls_private_key_file=str(pki / "server.key"),
        ),
        listener_tls=True,
    )
    await proxy.start()
    try:
        for number, (certificate, headers) in enumerate(CREDENTIALS):
            context = ssl.create_default_context(cafile=str(stage.cluster.ca))
            if certificate:
                context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
            answers = [
                await ask(url, context, TARGETS[0], list(headers), f"{name}-{number}")
                for name, url in (
                    ("known", stage.cluster.url),
                    ("mixed", f"https://127.0.0.1:{proxy.port}"),
                )
            ]
            assert answers[0] == answers[1], (certificate, headers)
    finally:
        await proxy.close()
    ours = {(e["auditID"], e["stage"]): e for e in map(json.loads, log.read_text().splitlines())}
    theirs = stage.cluster.events()
    for number, case in enumerate(CREDENTIALS):
        stage_name = "ResponseComplete"
        if (f"known-{number}", stage_name) not in theirs:
            stage_name = "ResponseStarted"
        expected, got = theirs[f"known-{number}", stage_name], ours[f"mixed-{number}", stage_name]
        assert expected["user"] == got["user"], case
        assert expected["responseStatus"] == got["responseStatus"], case
