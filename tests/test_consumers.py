"""What readers of audit logs rely on: the fields of Falco's and Elastic's rules, audit2rbac's rules."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.consumers import field, rbac_rules
from tests.fakes.proxy import ALICE, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer

JSON = "Content-Type: application/json"
DECISION = "annotations.authorization~k8s~io/decision"
REASON = "annotations.authorization~k8s~io/reason"
ALWAYS = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "user.username": "admin",
    "user.groups.0": "system:masters",
    "userAgent": "kubectl/v1",
    "sourceIPs.0": "127.0.0.1",
    "stage": "ResponseComplete",
    "level": "RequestResponse",
}
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "bad", "namespace": "d"},
    "spec": {
        "hostNetwork": True,
        "hostPID": True,
        "hostIPC": True,
        "serviceAccountName": "robot",
        "volumes": [{"name": "v", "hostPath": {"path": "/etc"}}],
        "containers": [
            {
                "name": "c",
                "image": "example.com/x",
                "securityContext": {
                    "privileged": True,
                    "capabilities": {"add": ["SYS_ADMIN"]},
                    "allowPrivilegeEscalation": True,
                },
            }
        ],
    },
}
BINDING = {
    "kind": "ClusterRoleBinding",
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "metadata": {"name": "b"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "cluster-admin",
    },
    "subjects": [{"kind": "User", "name": "eve"}],
}
ROLE = {
    "kind": "ClusterRole",
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "metadata": {"name": "r"},
    "rules": [{"apiGroups": ["*"], "resources": ["pods/exec"], "verbs": ["*"]}],
}
SERVICE = {
    "kind": "Service",
    "apiVersion": "v1",
    "metadata": {"name": "s"},
    "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30000}]},
}
CONFIG_MAP = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {"name": "c"},
    "data": {"aws_access_key_id": "x"},
}
TOKEN = {
    "kind": "TokenRequest",
    "apiVersion": "authentication.k8s.io/v1",
    "spec": {"audiences": ["a"]},
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
FORBIDDEN = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": 'secrets is forbidden: User "admin" cannot list resource "secrets" in API group ""',
    "reason": "Forbidden",
    "details": {"kind": "secrets"},
    "code": 403,
}


def created(resource: str, *, group: str = "", namespace: str = "") -> dict[str, Any]:
    """The fields of every create that was allowed."""
    reference = {"objectRef.resource": resource, "objectRef.apiVersion": "v1"}
    if group:
        reference["objectRef.apiGroup"] = group
    if namespace:
        reference["objectRef.namespace"] = namespace
    return {"verb": "create", "responseStatus.code": 201, DECISION: "allow", **reference}


CASES: dict[str, tuple[str, str, Any, int, Any, dict[str, Any]]] = {
    "privileged pod": (
        "POST",
        "/api/v1/namespaces/d/pods",
        POD,
        201,
        POD,
        {
            **created("pods", namespace="d"),
            "objectRef.name": "bad",
            "requestObject.spec.containers.0.securityContext.privileged": True,
            "requestObject.spec.containers.0.securityContext.capabilities.add.0": "SYS_ADMIN",
            "requestObject.spec.containers.0.securityContext.allowPrivilegeEscalation": True,
            "requestObject.spec.containers.0.image": "example.com/x",
            "requestObject.spec.hostNetwork": True,
            "requestObject.spec.hostPID": True,
            "requestObject.spec.hostIPC": True,
            "requestObject.spec.volumes.0.hostPath.path": "/etc",
            "requestObject.spec.serviceAccountName": "robot",
            "responseObject.spec.containers.0.image": "example.com/x",
            REASON: "",
        },
    ),
    "cluster-admin binding": (
        "POST",
        f"{RBAC}/clusterrolebindings",
        BINDING,
        201,
        BINDING,
        {
            **created("clusterrolebindings", group="rbac.authorization.k8s.io"),
            "requestObject.roleRef.name": "cluster-admin",
            "requestObject.subjects.0.name": "eve",
            "responseObject.roleRef.name": "cluster-admin",
        },
    ),
    "role with wildcards": (
        "POST",
        f"{RBAC}/clusterroles",
        ROLE,
        201,
        ROLE,
        {
            **created("clusterroles", group="rbac.authorization.k8s.io"),
            "requestObject.rules.0.resources.0": "pods/exec",
            "requestObject.rules.0.verbs.0": "*",
        },
    ),
    "node port": (
        "POST",
        "/api/v1/namespaces/d/services",
        SERVICE,
        201,
        SERVICE,
        {**created("services", namespace="d"), "requestObject.spec.type": "NodePort"},
    ),
    "config map": (
        "POST",
        "/api/v1/namespaces/d/configmaps",
        CONFIG_MAP,
        201,
        CONFIG_MAP,
        {**created("configmaps", namespace="d"), "requestObject.data.aws_access_key_id": "x"},
    ),
    "token of a service account": (
        "POST",
        "/api/v1/namespaces/d/serviceaccounts/robot/token",
        TOKEN,
        201,
        {**TOKEN, "status": {"token": "t"}},
        {
            **created("serviceaccounts", namespace="d"),
            "objectRef.name": "robot",
            "objectRef.subresource": "token",
            "requestObject.spec.audiences.0": "a",
        },
    ),
    "secret": (
        "GET",
        "/api/v1/namespaces/kube-system/secrets/s",
        None,
        200,
        {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}},
        {
            "verb": "get",
            "objectRef.resource": "secrets",
            "objectRef.namespace": "kube-system",
            "objectRef.name": "s",
            "requestURI": "/api/v1/namespaces/kube-system/secrets/s",
            "responseStatus.code": 200,
            DECISION: "allow",
        },
    ),
    "forbidden": (
        "GET",
        "/api/v1/secrets",
        None,
        403,
        FORBIDDEN,
        {
            "verb": "list",
            "responseStatus.code": 403,
            "responseStatus.status": "Failure",
            "responseStatus.reason": "Forbidden",
            "responseStatus.message": FORBIDDEN["message"],
            DECISION: "forbid",
            REASON: FORBIDDEN["message"],
        },
    ),
    "deletion": (
        "DELETE",
        "/api/v1/namespaces/d",
        None,
        200,
        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "d"}},
        {
            "verb": "delete",
            "objectRef.resource": "namespaces",
            "objectRef.name": "d",
            "objectRef.namespace": "d",
            DECISION: "allow",
        },
    ),
    "ephemeral container": (
        "PATCH",
        "/api/v1/namespaces/d/pods/p/ephemeralcontainers",
        {"spec": {"ephemeralContainers": [{"name": "debug"}]}},
        200,
        POD,
        {
            "verb": "patch",
            "objectRef.subresource": "ephemeralcontainers",
            "requestObject.spec.ephemeralContainers.0.name": "debug",
            DECISION: "allow",
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_fields_of_rules(tmp_path: Path, name: str) -> None:
    """Each field that a rule of Falco or Elastic reads of this kind of request has its value."""
    method, target, body, code, reply, fields = CASES[name]

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(code, json.dumps(reply).encode(), JSON.encode()))

    kind = JSON if method != "PATCH" else "Content-Type: application/strategic-merge-patch+json"
    raw = json.dumps(body).encode() if body is not None else b""
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        await proxy.ask(request(method, target, "User-Agent: kubectl/v1", kind, body=raw))
        event = proxy.events[-1]
    for path, value in {**ALWAYS, **fields}.items():
        assert field(event, path) == value, path


async def test_exec(tmp_path: Path) -> None:
    """Rules about exec match ResponseStarted, with its verb and the command in the URI."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
        )
        await asyncio.Event().wait()

    target = "/api/v1/namespaces/d/pods/p/exec?command=sh&stdin=true"
    headers = ("Connection: Upgrade", "Upgrade: SPDY/3.1")
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("POST", target, *headers))
        await reader.readuntil(b"\r\n\r\n")
        await proxy.until_events(2)
        started = next(e for e in proxy.events if e["stage"] == "ResponseStarted")
    assert (started["verb"], started["responseStatus"]["code"]) == ("create", 101)
    assert started["objectRef"]["subresource"] == "exec"
    assert started["requestURI"] == target


async def test_anonymous(tmp_path: Path) -> None:
    """ "Anonymous Request Allowed" looks at the user and the decision."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(answer(200, b"ok"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        await proxy.ask(request("GET", "/api", token=""))
        event = proxy.events[-1]
    assert field(event, "user.username") == "system:anonymous"
    assert field(event, "user.groups.0") == "system:unauthenticated"
    assert field(event, DECISION) == "allow"


async def test_rbac_of_a_session(tmp_path: Path) -> None:
    """The rules that a user needs are those of what it did, no more; others' requests do not count."""

    async def script(connection: FakeConnection) -> None:
        while True:
            await connection.read_request()
            connection.send(answer(200, b"{}", JSON.encode()))

    session = (
        ("GET", "/api/v1/namespaces/d/pods", b""),
        ("GET", "/api/v1/namespaces/d/pods/p", b""),
        ("GET", "/api/v1/namespaces/d/pods/p/log", b""),
        ("POST", "/apis/apps/v1/namespaces/d/deployments", b'{"metadata":{"name":"web"}}'),
        ("PUT", "/apis/apps/v1/namespaces/d/deployments/web/scale", b"{}"),
        ("DELETE", "/apis/apps/v1/namespaces/d/deployments/web", b""),
        ("GET", "/version", b""),
    )
    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        for method, target, body in session:
            await proxy.ask(request(method, target, JSON, body=body, token=ALICE))
        await proxy.ask(request("GET", "/api/v1/secrets"))
        events = list(proxy.events)
    assert rbac_rules(events, "alice") == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["p"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"], "resourceNames": ["p"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]},
        {
            "apiGroups": ["apps"],
            "resources": ["deployments"],
            "verbs": ["delete"],
            "resourceNames": ["web"],
        },
        {
            "apiGroups": ["apps"],
            "resources": ["deployments/scale"],
            "verbs": ["update"],
            "resourceNames": ["web"],
        },
        {"nonResourceURLs": ["/version"], "verbs": ["get"]},
    ]
