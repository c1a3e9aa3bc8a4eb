"""What admission, quotas, authorization and authentication refuse, and whom one may act as."""

import json
from typing import Any

from tests.differential import shape
from tests.differential.client import Request
from tests.differential.fixtures import (
    ADMIN,
    DENIALS,
    EDITOR,
    ENDING,
    HALF,
    IMPERSONATOR,
    LIMITS,
    NOBODY,
    QUOTA,
    RESTRICTED,
    VIEWER,
)
from tests.differential.generator import Worker
from tests.differential.reads import get, list_, plain
from tests.differential.resources import BY_NAME, CUSTOM, Resource
from tests.differential.webhooks import ANSWER
from tests.differential.writes import MERGE, create, delete, patch, update

_MESSAGES = (
    "no",
    "",
    "the object provided is unrecognized",
    "x is not valid for this resource",
    'User "ed" cannot create resource "pods" in API group "" in the namespace "w0"',
    "the server could not find the requested resource",
    "Gr\u00f6\u00dfe <&>\u2028",
)
_REASONS = (
    "Forbidden",
    "Unauthorized",
    "Invalid",
    "NotFound",
    "Conflict",
    "TooManyRequests",
    "MethodNotAllowed",
    "UnsupportedMediaType",
    "",
    "Odd",
)
_CODES = (
    400,
    401,
    403,
    404,
    405,
    406,
    409,
    410,
    413,
    415,
    422,
    429,
    500,
    503,
    504,
    0,
    200,
    599,
    302,
)


def _labelled(w: Worker, labels: dict[str, str], annotations: dict[str, str]) -> Request:
    """A create, update or patch of something with labels that admission knows."""
    choices = [
        ("", "configmaps"),
        ("", "secrets"),
        ("", "pods"),
        ("apps", "deployments"),
        (CUSTOM, "widgets"),
        ("", "services"),
        ("", "serviceaccounts"),
    ]
    resource: Resource = BY_NAME[w.pick(*choices)]
    name, seen = w.known(resource, w.namespace)
    verb = w.pick("create", "create", "update", "patch")
    path = resource.path(w.namespace)
    if verb == "patch":
        body = {"metadata": {"labels": labels, "annotations": annotations}}
        request = Request(
            "PATCH", f"{path}/{name}", body=json.dumps(body).encode(), about="admission"
        )
        request.headers.append(("Content-Type", MERGE))
        shape.accept(w, request)
    else:
        obj = (seen if verb == "update" else None) or w.make.new(resource, w.namespace, name)
        metadata = {**obj["metadata"], "labels": {**obj["metadata"].get("labels", {}), **labels}}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
        obj = {**obj, "metadata": metadata}
        if verb == "create":
            metadata.pop("resourceVersion", None)
            metadata["name"] = w.pick(name, "fresh")
        request = Request(
            "POST" if verb == "create" else "PUT",
            path if verb == "create" else f"{path}/{name}",
            about="admission",
        )
        shape.accept(w, request)
        shape.write_body(w, request, obj)
    request.target += shape.query(shape.write_options(w, verb))
    if w.maybe(0.7):
        request.user = w.pick(ADMIN, EDITOR)
    return shape.finish(w, request)


def policy(w: Worker) -> Request:
    """An admission policy denies, warns or changes."""
    labels = w.pick(*({"deny": value} for value in DENIALS), {"warn": "1"}, {"change": "policy"})
    return _labelled(w, labels, {})


def webhook(w: Worker) -> Request:
    """A webhook denies with any Status, changes, or is not there."""
    sort = w.chance.choices(("judge", "change", "gone", "ignored"), (8, 3, 1, 1))[0]
    answer: Any = None
    if sort == "judge" and w.maybe(0.85):
        answer = {
            "code": w.pick(*_CODES),
            "message": w.pick(*_MESSAGES),
            "reason": w.pick(*_REASONS),
        }
        for member in ("code", "reason", "message"):
            if w.maybe(0.2):
                answer.pop(member)
        if w.maybe(0.2):
            answer["details"] = {
                "name": "x",
                "kind": w.pick("pods", "CreateOptions"),
                "causes": [{"reason": "r", "message": "m", "field": "f"}],
            }
        if w.maybe(0.2):
            answer["status"] = w.pick("Failure", "Success")
    elif sort == "change" and w.maybe(0.2):
        answer = "broken"
    return _labelled(w, {"hook": sort}, {ANSWER: json.dumps(answer)} if answer else {})


def special_namespace(w: Worker) -> Request:
    """Quota, LimitRange, Pod Security, a namespace that ends, one that is not there."""
    namespace = w.pick(QUOTA, LIMITS, RESTRICTED, ENDING, "nowhere")
    resource: Resource = BY_NAME[
        w.pick(
            ("", "configmaps"), ("", "pods"), ("", "pods"), ("", "secrets"), ("apps", "deployments")
        )
    ]
    obj = w.make.new(resource, namespace, w.pick("a", "b", "c", "d", "e"))
    obj["metadata"].pop("namespace", None)
    request = Request("POST", resource.path(namespace), about=f"in {namespace}")
    shape.accept(w, request)
    shape.write_body(w, request, obj)
    request.target += shape.query(shape.write_options(w, "create"))
    return shape.finish(w, request)


def large(w: Worker) -> Request:
    """Bodies around kube-apiserver's limits."""
    resource = BY_NAME["", w.pick("configmaps", "secrets")]
    size = w.pick(
        900_000, 1_048_577, 1_500_000, 3 * 1024 * 1024 - 500, 3 * 1024 * 1024 + 1, 3_300_000
    )
    obj = resource.minimal()
    obj["metadata"] = {"name": "large", "labels": {"made": "differential"}}
    obj.pop("stringData", None)
    obj.pop("binaryData", None)
    obj["data"] = {"k": "YWFh" * (size // 4)}
    request = Request("POST", resource.path(w.namespace) + "?dryRun=All", about="large")
    if w.maybe(0.3):
        request.method = "PATCH"
        request.target = resource.path(w.namespace, "large")
        request.headers.append(("Content-Type", MERGE))
        request.body = json.dumps(obj).encode()
    elif w.maybe(0.2):
        patches = [{"op": "add", "path": "/metadata/labels/x", "value": "1"}] * w.pick(
            10_000, 10_001
        )
        request.method = "PATCH"
        request.target = resource.path(w.namespace, w.name(resource))
        request.headers.append(("Content-Type", "application/json-patch+json"))
        request.body = json.dumps(patches).encode()
    else:
        request.body = json.dumps(obj, separators=(",", ":")).encode()
        request.headers.append(("Content-Type", "application/json"))
    request.own_connection = True
    shape.accept(w, request)
    request.user = ADMIN
    return shape.finish(w, request)


def stranger(w: Worker) -> Request:
    """Somebody who may not, or does not say who it is."""
    request: Request = w.pick(create, update, patch, delete, get, list_)(w)
    request.about += " by a stranger"
    request.user = w.pick(VIEWER, NOBODY, NOBODY, "alice", EDITOR)
    return request


def unauthenticated(w: Worker) -> Request:
    """A credential that is nobody's: the proxy must say so by itself."""
    request: Request = w.pick(create, get, list_, patch, plain)(w)
    request.about += " with a bad credential"
    request.user = "unknown"
    request.refused = True
    request.headers.append(
        ("Authorization", w.pick("Bearer nobodys", "Bearer nobodys", "Bearer a.b.c"))
    )
    return request


_EXTRA = [("Impersonate-Extra-scopes", "view"), ("Impersonate-Extra-Scopes", "a b")]


def impersonation(w: Worker) -> Request:
    """Act as somebody else, whom one may act as."""
    request: Request = w.pick(create, get, list_, patch, update, delete)(w)
    request.about += " as somebody else"
    request.user = w.pick(ADMIN, IMPERSONATOR)
    named = w.pick("jane", "jane", "system:node:n1", f"system:serviceaccount:{w.namespace}:robot")
    if request.user == ADMIN and w.maybe(0.3):
        named = w.pick("anyone", "Gr\u00f6\u00dfe", "system:anonymous", "a b", "system:admin")
    request.headers.append(("Impersonate-User", named))
    for group in w.pick((), ("dev",), ("viewers",), ("dev", "viewers")):
        request.headers.append(("Impersonate-Group", group))
    if w.maybe(0.2):
        request.headers.append(w.pick(*_EXTRA))
    if w.maybe(0.15):
        request.headers.append(("Impersonate-Uid", w.pick("u-1", "8a3c")))
    return request


def refused_impersonation(w: Worker) -> Request:
    """Act as somebody whom one may not act as, or without saying whom."""
    request: Request = w.pick(create, get, list_, patch)(w)
    request.about += " as whom one may not be"
    request.user = w.pick(NOBODY, VIEWER, HALF, EDITOR)
    headers: list[tuple[str, str]] = w.pick(
        [("Impersonate-User", "root")],
        [
            ("Impersonate-User", "system:serviceaccount:kube-system:x"),
            ("Impersonate-Group", "system:masters"),
        ],
        [("Impersonate-User", "jane"), ("Impersonate-Group", "system:masters")],
        [("Impersonate-User", "jane"), ("Impersonate-Extra-other", "x")],
        [("Impersonate-Group", "dev")],
        [("Impersonate-Extra-scopes", "x")],
    )
    request.headers += headers
    request.refused = True
    return request
