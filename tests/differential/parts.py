"""Subresources, those that are there and those that are not."""

import json
from typing import Any

from tests.differential import shape
from tests.differential.client import Request
from tests.differential.fixtures import GUARDED, GUARDED_PODS
from tests.differential.generator import Worker
from tests.differential.reads import websocket
from tests.differential.resources import BY_NAME, CUSTOM, Resource
from tests.differential.writes import JSON_PATCH, MERGE, STRATEGIC

_ALL = (
    "status",
    "scale",
    "eviction",
    "binding",
    "token",
    "approval",
    "exec",
    "log",
    "finalize",
    "nosuch",
    "ephemeralcontainers",
    "resize",
    "portforward",
    "proxy",
    "rollback",
)


def _send(w: Worker, request: Request, obj: Any, verb: str) -> Request:
    shape.accept(w, request)
    shape.write_body(w, request, obj)
    request.target += shape.query(shape.write_options(w, verb))
    return shape.finish(w, request)


def status(w: Worker) -> Request:
    """Read, replace or patch a status."""
    resource, namespace, name, seen = w.existing()
    while "status" not in resource.subresources:
        resource, namespace, name, seen = w.existing()
    path = resource.path(namespace, name, "status")
    about = "status"
    if w.maybe(0.3):
        return _read(w, path, about)
    body: dict[str, Any] = {
        "status": {
            "conditions": [
                {
                    "type": "T",
                    "status": "True",
                    "reason": "r",
                    "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ]
        }
    }
    if w.maybe(0.3):
        w.make.sprinkle(resource, body, 1)
    if seen is not None and w.maybe(0.5):
        return _send(w, Request("PUT", path, about=about), {**seen, **body}, "update")
    return _patch(w, path, body, about)


def _read(w: Worker, path: str, about: str) -> Request:
    request = Request("GET", path, about=about)
    shape.accept(w, request)
    return shape.finish(w, request)


def _patch(w: Worker, path: str, body: Any, about: str) -> Request:
    request = Request("PATCH", path, about=about, body=json.dumps(body).encode())
    request.headers.append(("Content-Type", w.pick(MERGE, STRATEGIC)))
    shape.accept(w, request)
    request.target += shape.query(shape.write_options(w, "patch"))
    return shape.finish(w, request)


def scale(w: Worker) -> Request:
    """Read, replace or patch a scale."""
    choices = [
        ("apps", "deployments"),
        ("apps", "statefulsets"),
        ("apps", "replicasets"),
        ("", "replicationcontrollers"),
        (CUSTOM, "widgets"),
    ]
    resource = BY_NAME[w.pick(*choices)]
    name, _ = w.known(resource, w.namespace)
    path = resource.path(w.namespace, name, "scale")
    if w.maybe(0.3):
        return _read(w, path, "scale")
    if w.maybe(0.5):
        return _patch(w, path, {"spec": {"replicas": w.pick(0, 1, 3, -1, "x")}}, "scale")
    body = {
        "apiVersion": w.pick("autoscaling/v1", "autoscaling/v1", "autoscaling/v1", "apps/v1"),
        "kind": "Scale",
        "metadata": {"name": w.pick(name, name, "other"), "namespace": w.namespace},
        "spec": {"replicas": w.pick(0, 1, 2, -1)},
    }
    return _send(w, Request("PUT", path, about="scale"), body, "update")


def eviction(w: Worker) -> Request:
    """Evict a pod, at times one that a PodDisruptionBudget keeps."""
    guarded = w.maybe(0.4)
    namespace = GUARDED if guarded else w.namespace
    pods = BY_NAME["", "pods"]
    name = w.pick(*GUARDED_PODS) if guarded else w.name(pods)
    body: dict[str, Any] = {
        "apiVersion": w.pick("policy/v1", "policy/v1", "policy/v1beta1"),
        "kind": "Eviction",
        "metadata": {"name": w.pick(name, name, name, "other")},
    }
    if w.maybe(0.3):
        body["metadata"]["namespace"] = namespace
    if w.maybe(0.3):
        body["deleteOptions"] = (
            {"gracePeriodSeconds": 0} if not w.maybe(0.2) else {"dryRun": ["All"]}
        )
    return _send(
        w, Request("POST", pods.path(namespace, name, "eviction"), about="eviction"), body, "create"
    )


def binding(w: Worker) -> Request:
    """Bind a pod to a node that is not there, so that it stays deletable."""
    pods = BY_NAME["", "pods"]
    name = w.name(pods)
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"kind": w.pick("Node", "Pod"), "name": w.pick("n", "", "Not Valid")},
    }
    if w.maybe(0.3):
        path = f"/api/v1/namespaces/{w.namespace}/bindings"
    else:
        path = pods.path(w.namespace, name, "binding")
    return _send(w, Request("POST", path, about="binding"), body, "create")


def token(w: Worker) -> Request:
    """Ask for a service account's token."""
    accounts = BY_NAME["", "serviceaccounts"]
    name = w.name(accounts)
    spec: dict[str, Any] = w.pick(
        {},
        {"audiences": ["a"]},
        {"expirationSeconds": w.pick(600, 3600, 1)},
        {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "a"}},
    )
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    if w.maybe(0.1):
        body["metadata"] = {"name": w.pick(name, "other")}
    return _send(
        w, Request("POST", accounts.path(w.namespace, name, "token"), about="token"), body, "create"
    )


def approval(w: Worker) -> Request:
    """Approve or deny a certificate."""
    requests = BY_NAME["certificates.k8s.io", "certificatesigningrequests"]
    name, seen = w.known(requests, "")
    path = requests.path("", name, "approval")
    kind = w.pick("Approved", "Denied", "Failed", "")
    body: dict[str, Any] = {
        "status": {"conditions": [{"type": kind, "status": "True", "reason": "r", "message": "m"}]}
    }
    if seen is not None and w.maybe(0.6):
        return _send(w, Request("PUT", path, about="approval"), {**seen, **body}, "update")
    return _patch(w, path, body, "approval")


def containers(w: Worker) -> Request:
    """Ephemeral containers, and the size of a pod."""
    pods = BY_NAME["", "pods"]
    name, _ = w.known(pods, w.namespace)
    if w.maybe(0.5):
        body: Any = {
            "spec": {"ephemeralContainers": [{"name": w.pick("e", "c", ""), "image": "i"}]}
        }
        return _patch(
            w, pods.path(w.namespace, name, "ephemeralcontainers"), body, "ephemeralcontainers"
        )
    body = {
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": w.make.quantity()}}}]}
    }
    return _patch(w, pods.path(w.namespace, name, "resize"), body, "resize")


def namespace_part(w: Worker) -> Request:
    """Finalize a namespace."""
    namespaces = BY_NAME["", "namespaces"]
    name, seen = w.known(namespaces, "")
    body = {
        **(seen or w.make.new(namespaces, "", name)),
        "spec": {"finalizers": w.pick(["kubernetes"], [], ["x/y"])},
    }
    return _send(
        w, Request("PUT", namespaces.path("", name, "finalize"), about="finalize"), body, "update"
    )


def session(w: Worker) -> Request:
    """exec, attach, port-forward, log and proxy: all refused, for want of a node."""
    pods = BY_NAME["", "pods"]
    resource: Resource = pods
    part = w.pick("exec", "attach", "portforward", "log", "proxy", "proxy/x/y")
    if part.startswith("proxy") and w.maybe(0.5):
        resource = w.pick(BY_NAME["", "services"], BY_NAME["", "nodes"])
    namespace = w.namespace if resource.namespaced else ""
    parameters: list[tuple[str, str]] = []
    if part in ("exec", "attach"):
        parameters = [
            ("command", "sh"),
            ("command", "-c"),
            ("stdout", "true"),
            ("container", w.pick("c", "nosuch")),
        ]
    elif part == "log":
        parameters = w.pick(
            [],
            [("follow", "true")],
            [("tailLines", w.pick("1", "x", "-1"))],
            [("container", "nosuch")],
            [("previous", "true")],
        )
    elif part == "portforward":
        parameters = w.pick([], [("ports", "80")])
    method = w.pick("GET", "POST") if part != "log" else "GET"
    if part.startswith("proxy"):
        method = w.pick("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
    request = Request(
        method,
        resource.path(namespace, w.name(resource), part) + shape.query(parameters),
        about=part,
        own_connection=True,
    )
    request.quiet = 5.0
    roll = w.chance.random()
    if roll < 0.35:
        request.headers += websocket(
            w.chance, w.pick("v4.channel.k8s.io", "v5.channel.k8s.io", "v9", "")
        )
        request.method = "GET"
    elif roll < 0.6:
        request.headers += [
            ("Connection", "Upgrade"),
            ("Upgrade", "SPDY/3.1"),
            ("X-Stream-Protocol-Version", "v4.channel.k8s.io"),
        ]
    shape.accept(w, request, transforms=False)
    return shape.finish(w, request)


def nosuch(w: Worker) -> Request:
    """A subresource that the resource does not have, or a method that it does not."""
    resource, namespace, name, seen = w.existing()
    sub = w.pick(*_ALL)
    method = w.pick("GET", "PUT", "PATCH", "POST", "DELETE")
    obj = seen or w.make.new(resource, namespace, name)
    request = Request(
        method,
        resource.path(namespace, name, sub),
        about="odd subresource",
        own_connection=True,
        quiet=5.0,
    )
    shape.accept(w, request)
    if method == "PATCH":
        request.body = json.dumps({"metadata": {"labels": {"x": "y"}}}).encode()
        request.headers.append(("Content-Type", w.pick(MERGE, STRATEGIC, JSON_PATCH)))
    elif method in ("PUT", "POST"):
        shape.write_body(w, request, obj)
    return shape.finish(w, request)
