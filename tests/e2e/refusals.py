"""A cluster that refuses for every reason there is, and what each refusal looks like.

``python -m tests.e2e.refusals`` writes tests/audit/refusals/data/refusals.jsonl.gz anew: each row's
request, the server's answer, and the event that the server itself wrote.
"""

import base64
import contextlib
import gzip
import http.client
import http.server
import json
import queue
import ssl
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, running
from tests.e2e.refusal_rows import (
    GADGETS,
    MAPS,
    NAMESPACE,
    PODS,
    ROWS,
    SETS,
    WIDGETS,
    Row,
    custom,
    map_of,
)
from tests.fakes.certificates import write_localhost_certificate
from tests.fakes.kubeconfigs import kubeconfig

DATA = Path(__file__).parents[1] / "audit" / "refusals" / "data" / "refusals.jsonl.gz"
RBAC = "rbac.authorization.k8s.io"
CONTAINERS = {"containers": [{"name": "c", "image": "i"}]}
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "note": {"type": "string"},
                "replicas": {"type": "integer"},
            },
        },
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    },
}


class Webhook(http.server.BaseHTTPRequestHandler):
    """Refuses with the Status that the object itself holds, or with a fixed one."""

    protocol_version = "HTTP/1.1"
    released = threading.Event()
    held: "queue.SimpleQueue[int]" = queue.SimpleQueue()

    def do_POST(self) -> None:
        """Answer one AdmissionReview, or one SubjectAccessReview."""
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if review["kind"] == "SubjectAccessReview":
            user = review["spec"].get("user")
            if user == "throttled":
                # Holds the one place of its priority level, so that the next request finds none.
                self.held.put(0)
                self.released.wait(50)
            reason = {"told": "because"}.get(user, "")
            self._answer(
                {**review, "status": {"allowed": False, "reason": reason}},
                400 if user == "erring" else 200,
            )
            return
        request = review["request"]
        held = {**(request.get("oldObject") or {}), **(request.get("object") or {})}
        told = (held.get("data") or {}).get("status")
        allowed = (
            request["operation"] in ("CREATE", "UPDATE")
            and "hooked" in (request.get("name") or "")
            and not request.get("oldObject")
        )
        status = (
            json.loads(told)
            if told
            else {
                "code": 403,
                "reason": "Forbidden",
                "message": 'pods "p" is forbidden: User "tadmin" cannot create resource "pods/exec"',
            }
        )
        answer = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {
                "uid": request["uid"],
                "allowed": allowed,
                **({} if allowed else {"status": status}),
            },
        }
        self._answer(answer, 200)

    def _answer(self, answer: dict[str, Any], code: int) -> None:
        body = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def webhook(folder: Path) -> Iterator[tuple[str, str]]:
    """The webhook on loopback: its URL and its CA, in base64."""
    ca, certificate, key = write_localhost_certificate(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/", base64.b64encode(ca.read_bytes()).decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Client:
    """Sends rows to the API server, or to the proxy before it."""

    def __init__(self, url: str, ca: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        parts = urllib.parse.urlsplit(url)
        self._context, self._host, self._port = context, parts.hostname or "", parts.port

    def send(self, row: Row, audit_id: str = "") -> tuple[int, list[tuple[str, str]], bytes]:
        """Code, header lines and body of the answer."""
        connection = http.client.HTTPSConnection(
            self._host, self._port, context=self._context, timeout=60
        )
        try:
            connection.putrequest(row.method, row.target, skip_accept_encoding=True)
            connection.putheader("Authorization", f"Bearer {row.token}")
            if audit_id:
                connection.putheader("Audit-ID", audit_id)
            for name, value in row.headers.items():
                connection.putheader(name, value)
            if row.body or row.method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(row.body)))
            connection.endheaders()
            with contextlib.suppress(OSError):
                # The server may refuse a large body before it has all of it.
                connection.send(row.body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def make(
        self,
        target: str,
        body: dict[str, Any],
        method: str = "POST",
        content_type: str = "application/json",
    ) -> None:
        """Make an object that rows need."""
        code, _, answer = self.send(
            Row("", "", method, target, json.dumps(body).encode(), {"Content-Type": content_type})
        )
        if code >= 300:
            raise RuntimeError(f"{method} {target}: {code} {answer!r}")


def _kind(kind: str, api_version: str, name: str, **members: Any) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": api_version, "metadata": {"name": name}, **members}


def prepare(client: Client, url: str, ca: str) -> None:
    """Make what the rows need: objects, rights, a budget, a quota, policies, webhooks, custom resources."""
    for name in ("r", "hooked", "ending"):
        client.make("/api/v1/namespaces", _kind("Namespace", "v1", name))
    client.send(Row("", "", "DELETE", "/api/v1/namespaces/ending"))
    for plural, kind, subresources in (
        ("widgets", "Widget", {}),
        (
            "gadgets",
            "Gadget",
            {
                "status": {},
                "scale": {
                    "specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.replicas",
                },
            },
        ),
    ):
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": SCHEMA},
            "subresources": subresources,
        }
        names = {"plural": plural, "singular": kind.lower(), "kind": kind}
        spec = {"group": "acme.io", "scope": "Namespaced", "names": names, "versions": [version]}
        client.make(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            _kind(
                "CustomResourceDefinition",
                "apiextensions.k8s.io/v1",
                f"{plural}.acme.io",
                spec=spec,
            ),
        )
    for name in ("a", "hooked"):
        client.make(MAPS, map_of(name, data={"a": "1"}))
    client.make(f"{NAMESPACE}/serviceaccounts", _kind("ServiceAccount", "v1", "sa"))
    template = {"metadata": {"labels": {"app": "s"}}, "spec": CONTAINERS}
    client.make(
        SETS,
        _kind(
            "StatefulSet",
            "apps/v1",
            "s",
            spec={
                "replicas": 0,
                "serviceName": "s",
                "selector": {"matchLabels": {"app": "s"}},
                "template": template,
            },
        ),
    )
    pod = _kind("Pod", "v1", "guarded", spec={**CONTAINERS, "nodeName": "n"})
    pod["metadata"]["labels"] = {"app": "guarded"}
    client.make(PODS, pod)
    running_pod = {
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    }
    client.make(f"{PODS}/guarded/status", running_pod, "PATCH", "application/merge-patch+json")
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}}
    client.make(
        "/apis/policy/v1/namespaces/r/poddisruptionbudgets",
        _kind("PodDisruptionBudget", "policy/v1", "b", spec=budget),
    )
    client.make(
        f"{NAMESPACE}/limitranges",
        _kind(
            "LimitRange", "v1", "l", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]}
        ),
    )
    for user, resource, group, verbs in (
        ("maker", "roles", RBAC, ["create"]),
        ("patcher", "configmaps", "", ["patch"]),
    ):
        rules = [{"verbs": verbs, "apiGroups": [group], "resources": [resource]}]
        client.make(
            f"/apis/{RBAC}/v1/clusterroles", _kind("ClusterRole", f"{RBAC}/v1", user, rules=rules)
        )
        reference = {"kind": "ClusterRole", "name": user, "apiGroup": RBAC}
        subjects = [{"kind": "User", "name": user, "apiGroup": RBAC}]
        client.make(
            f"/apis/{RBAC}/v1/clusterrolebindings",
            _kind("ClusterRoleBinding", f"{RBAC}/v1", user, roleRef=reference, subjects=subjects),
        )
    flows = "flowcontrol.apiserver.k8s.io/v1"
    limited = {
        "nominalConcurrencyShares": 0,
        "borrowingLimitPercent": 0,
        "limitResponse": {"type": "Reject"},
    }
    client.make(
        f"/apis/{flows}/prioritylevelconfigurations",
        _kind(
            "PriorityLevelConfiguration",
            flows,
            "none",
            spec={"type": "Limited", "limited": limited},
        ),
    )
    users = [{"kind": "User", "user": {"name": "throttled"}}]
    everything = [
        {
            "verbs": ["*"],
            "apiGroups": ["*"],
            "resources": ["*"],
            "namespaces": ["*"],
            "clusterScope": True,
        }
    ]
    schema: dict[str, Any] = {
        "matchingPrecedence": 2,
        "priorityLevelConfiguration": {"name": "none"},
        "rules": [{"subjects": users, "resourceRules": everything}],
    }
    client.make(f"/apis/{flows}/flowschemas", _kind("FlowSchema", flows, "throttled", spec=schema))
    deadline = time.monotonic() + 60
    for target, kind, name in ((WIDGETS, "Widget", "w"), (GADGETS, "Gadget", "g")):
        body = json.dumps(custom(kind, name, spec={})).encode()
        while (
            client.send(Row("", "", "POST", target, body, {"Content-Type": "application/json"}))[0]
            != 201
        ):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{target} is not served")
            threading.Event().wait(0.2)
    hard = {"pods": "1"}
    client.make(
        f"{NAMESPACE}/resourcequotas", _kind("ResourceQuota", "v1", "q", spec={"hard": hard})
    )
    used = {"status": {"hard": hard, "used": hard}}
    client.make(
        f"{NAMESPACE}/resourcequotas/q/status", used, "PATCH", "application/merge-patch+json"
    )
    _admission(client, url, ca)


def _admission(client: Client, url: str, ca: str) -> None:
    """Policies and webhooks, and wait until they are asked."""
    registration = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
    }
    for reason in ("Forbidden", "Invalid", "RequestEntityTooLarge"):
        spec = {
            "matchConstraints": {
                "resourceRules": [rule],
                "objectSelector": {"matchLabels": {"vap": reason}},
            },
            "validations": [
                {
                    "expression": "false",
                    "reason": reason,
                    "messageExpression": "string(object.data.message)",
                }
            ],
        }
        name = reason.lower()
        client.make(
            f"/apis/{registration}/validatingadmissionpolicies",
            _kind("ValidatingAdmissionPolicy", registration, name, spec=spec),
        )
        binding = {"policyName": name, "validationActions": ["Deny"]}
        client.make(
            f"/apis/{registration}/validatingadmissionpolicybindings",
            _kind("ValidatingAdmissionPolicyBinding", registration, name, spec=binding),
        )
    shared = {
        "clientConfig": {"url": url, "caBundle": ca},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    hooks = [
        {
            **shared,
            "name": "maps.acme.io",
            "rules": [{**rule, "operations": ["CREATE", "UPDATE", "DELETE"]}],
            "objectSelector": {"matchLabels": {"webhook": "yes"}},
        },
        {
            **shared,
            "name": "pods.acme.io",
            "rules": [{**rule, "operations": ["CONNECT"], "resources": ["pods/exec"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "hooked"}},
        },
    ]
    client.make(MAPS, map_of("d", data={}))
    client.make(
        f"{MAPS}/hooked",
        {
            "metadata": {"labels": {"webhook": "yes"}},
            "data": {
                "status": json.dumps(
                    {"code": 401, "reason": "Unauthorized", "message": "Unauthorized"}
                )
            },
        },
        "PATCH",
        "application/merge-patch+json",
    )
    client.make(
        f"/apis/{registration}/validatingwebhookconfigurations",
        _kind("ValidatingWebhookConfiguration", registration, "w", webhooks=hooks),
    )
    deadline = time.monotonic() + 60
    wanted = {
        row.target + str(row.body): row
        for row in ROWS
        if row.name.startswith(("webhook 403", "policy "))
    }
    for row in wanted.values():
        while (
            client.send(Row("", "", row.method, f"{row.target}?dryRun=All", row.body, row.headers))[
                0
            ]
            < 400
        ):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{row.name} is not refused")
            threading.Event().wait(0.2)


@contextlib.contextmanager
def throttling(client: Client) -> Iterator[None]:
    """Let one request of a priority level without places be under way: all others are refused."""
    throttled = Row("", "", "GET", MAPS, headers={"Impersonate-User": "throttled"})
    codes: queue.SimpleQueue[int] = queue.SimpleQueue()
    Webhook.released.clear()
    Webhook.held = codes
    threads: list[threading.Thread] = []
    try:
        code = 0
        while code != 429:
            if len(threads) > 50:
                raise RuntimeError("nobody is throttled")
            threads.append(threading.Thread(target=lambda: codes.put(client.send(throttled)[0])))
            threads[-1].start()
            code = codes.get(timeout=30)
        yield
    finally:
        Webhook.released.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def refusing(folder: Path) -> Iterator[tuple[Cluster, Client]]:
    """A cluster in which all rows mean what they say."""
    (folder / "webhook").mkdir()
    with webhook(folder / "webhook") as (url, ca):
        path = folder / "webhook" / "kubeconfig"
        path.write_text(json.dumps(kubeconfig({"server": url, "certificate-authority-data": ca})))
        flags = ("--authorization-mode=Webhook", f"--authorization-webhook-config-file={path}")
        with running(folder, *flags) as cluster:
            client = Client(cluster.url, cluster.ca)
            prepare(client, url, ca)
            with throttling(client):
                yield cluster, client


def record(path: Path = DATA) -> None:
    """Send every row and write down what came of it."""
    with tempfile.TemporaryDirectory() as name, refusing(Path(name)) as (cluster, client):
        sent = []
        for row in ROWS:
            audit_id = str(uuid.uuid4())
            sent.append((row, audit_id, client.send(row, audit_id)))
        events = cluster.events()
        lines = []
        for row, audit_id, (code, headers, body) in sent:
            event = events.get((audit_id, "ResponseComplete")) or events.get(
                (audit_id, "ResponseStarted")
            )
            if event is not None:
                event["requestObject"] = "requestObject" in event
                for key in ("requestReceivedTimestamp", "stageTimestamp", "auditID", "sourceIPs"):
                    event.pop(key, None)
            lines.append(
                {
                    "name": row.name,
                    "source": row.source,
                    "method": row.method,
                    "target": row.target,
                    "headers": row.headers,
                    "token": row.token,
                    "body": row.body.decode(),
                    "code": code,
                    "responseHeaders": [
                        pair for pair in headers if pair[0] not in ("Date", "Audit-Id")
                    ],
                    "responseBody": base64.b64encode(body).decode(),
                    "event": event,
                }
            )
    path.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0))
    print(f"{len(lines)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    record()
