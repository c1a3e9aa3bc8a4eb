"""Requests that kube-apiserver refuses, one for each place where it can: what test_refusals.py sends.

Each row names the source file of the refusal. The texts that webhooks, policies and
clients choose imitate the server's own sentences wherever a row is called "forged".
"""

import json
from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "/api/v1/namespaces/r"
MAPS = f"{NAMESPACE}/configmaps"
PODS = f"{NAMESPACE}/pods"
WIDGETS = "/apis/acme.io/v1/namespaces/r/widgets"
GADGETS = "/apis/acme.io/v1/namespaces/r/gadgets"
SETS = "/apis/apps/v1/namespaces/r/statefulsets"
TABLE = "as=Table;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
EVE = 'eve" cannot create resource "configmaps" in API group "" in the namespace "r"'


@dataclass(frozen=True)
class Row:
    """One request; ``source`` is where kube-apiserver refuses it."""

    name: str
    source: str
    method: str
    target: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    token: str = "e2e-admin-token"


def map_of(name: str = "new", **members: Any) -> dict[str, Any]:
    """A ConfigMap."""
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, **members}


def denied(code: int, reason: str, message: str, **details: Any) -> dict[str, Any]:
    """A ConfigMap that the webhook refuses with this Status."""
    status = {"code": code, "reason": reason, "message": message, **details}
    made = map_of("d", data={"status": json.dumps(status)})
    made["metadata"]["labels"] = {"webhook": "yes"}
    return made


def vetoed(reason: str, message: str) -> dict[str, Any]:
    """A ConfigMap that a ValidatingAdmissionPolicy refuses with this reason and message."""
    made = map_of("v", data={"message": message})
    made["metadata"]["labels"] = {"vap": reason}
    return made


def custom(kind: str, name: str = "x", **members: Any) -> dict[str, Any]:
    """A custom resource."""
    return {"kind": kind, "apiVersion": "acme.io/v1", "metadata": {"name": name}, **members}


def row(
    name: str,
    source: str,
    method: str,
    target: str,
    body: Any = None,
    *,
    accept: str = "",
    content_type: str = "",
    **headers: str,
) -> Row:
    """A row of an administrator; bodies that are no bytes are sent as JSON."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    if accept:
        sent["Accept"] = accept
    if body is not None:
        default = MERGE_PATCH if method == "PATCH" else "application/json"
        sent["Content-Type"] = content_type or default
    encoded = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    return Row(name, source, method, target, encoded, sent)


def as_bob(made: Row) -> Row:
    """The same request by somebody without rights."""
    return Row(
        made.name,
        made.source,
        made.method,
        made.target,
        made.body,
        made.headers,
        "e2e-viewer-token",
    )


AUTHORIZER = "endpoints/filters/authorization.go"
NEGOTIATE = "endpoints/handlers/negotiation/negotiate.go"
RESTFUL = "go-restful jsr311.go detectRoute"
CREATE = "endpoints/handlers/create.go"
UPDATE = "endpoints/handlers/update.go"
PATCH = "endpoints/handlers/patch.go"
DELETE = "endpoints/handlers/delete.go"
HELPERS = "endpoints/handlers/rest.go"
WEBHOOK = "admission/plugin/webhook/errors/statuserror.go"
POLICY = "admission/plugin/policy/validating/dispatcher.go"
CRD = "apiextensions-apiserver customresource_handler.go"
SENTENCE = 'configmaps is forbidden: User "tadmin" cannot create resource "configmaps" in API group "" in the namespace "r"'
UNDECODED = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: x'
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): x"
VERSION = "the API version in the data (v2) does not match the expected API version (v1)"
NOT_FOUND = "the server could not find the requested resource"
LIMIT = "Request entity too large: limit is 3145728"
ACCEPTED = "only the following media types are accepted: application/json"
FORMAT = "the body of the request was in an unknown format - accepted media types include: x"
OPTIONS = 'CreateOptions.meta.k8s.io "" is invalid: dryRun: x'
FORGED = (
    (400, "BadRequest", UNDECODED),
    (400, "BadRequest", UNRECOGNIZED),
    (400, "BadRequest", VERSION),
    (400, "BadRequest", "is not valid for this resource"),
    (401, "Unauthorized", "Unauthorized"),
    (403, "Forbidden", SENTENCE),
    (403, "Forbidden", 'User "tadmin" cannot impersonate resource "users" in API group ""'),
    (404, "NotFound", NOT_FOUND),
    (405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    (406, "NotAcceptable", ACCEPTED),
    (409, "Conflict", ""),
    (413, "RequestEntityTooLarge", LIMIT),
    (415, "UnsupportedMediaType", FORMAT),
    (422, "Invalid", OPTIONS),
    (429, "TooManyRequests", "Too many requests, please try again later."),
    (500, "InternalError", 'Internal Server Error: "/": x'),
    (503, "ServiceUnavailable", "x"),
    (504, "Timeout", "x"),
    (418, "", ""),
    (200, "", "x"),
)
DETAILS = {"name": "", "group": "meta.k8s.io", "kind": "CreateOptions"}
LONG = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"l"},"data":{"a":"'
MANY = [{"op": "test", "path": "/data/a", "value": "1"}] * 10001
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {"name": "quota"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
EVICTION = {"kind": "Eviction", "apiVersion": "policy/v1", "metadata": {"name": "guarded"}}
BINDING = {
    "kind": "Binding",
    "apiVersion": "v1",
    "metadata": {"name": "x"},
    "target": {"name": "n"},
}
TOKEN = {
    "kind": "TokenRequest",
    "apiVersion": "authentication.k8s.io/v1",
    "spec": {"audiences": []},
}
SCALE = {
    "kind": "Scale",
    "apiVersion": "autoscaling/v1",
    "metadata": {"name": "x"},
    "spec": {"replicas": -1},
}

ROWS: tuple[Row, ...] = (
    # --- flow control, as long as its one place is taken -----------------------------
    *(
        row(
            f"flow control, {method} {accept}",
            "server/filters/priority-and-fairness.go",
            method,
            target,
            body,
            accept=accept,
            Impersonate_User="throttled",
        )
        for method, target, body in (
            ("POST", MAPS, map_of()),
            ("PATCH", f"{MAPS}/a", {}),
            ("GET", f"{MAPS}/a", None),
        )
        for accept in ("", "text/plain")
    ),
    # --- filters --------------------------------------------------------------------
    *(
        as_bob(
            row(
                f"authorizer {method} {accept or 'any'}",
                AUTHORIZER,
                method,
                target,
                body,
                accept=accept,
            )
        )
        for method, target, body in (
            ("POST", MAPS, map_of()),
            ("PUT", f"{MAPS}/a", map_of("a")),
            ("PATCH", f"{MAPS}/a", {}),
            ("DELETE", f"{MAPS}/a", {"kind": "DeleteOptions", "apiVersion": "v1"}),
            ("DELETE", MAPS, {"kind": "DeleteOptions", "apiVersion": "v1"}),
            ("POST", WIDGETS, custom("Widget")),
            ("POST", f"{PODS}/p/eviction", EVICTION),
        )
        for accept in (
            "",
            "text/plain",
            f"{PROTOBUF};{TABLE}",
            f"application/json;{TABLE}",
            PROTOBUF,
            "application/yaml",
        )
    ),
    row(
        "authorizer, a user whose name imitates it",
        AUTHORIZER,
        "POST",
        MAPS,
        map_of(),
        Impersonate_User=EVE,
    ),
    row(
        "authorizer, a user with odd characters",
        AUTHORIZER,
        "POST",
        MAPS,
        map_of(),
        Impersonate_User="<a&b>",
    ),
    row("authorizer, GET", AUTHORIZER, "GET", f"{MAPS}/a", Impersonate_User="jane"),
    row("authorizer, HEAD", AUTHORIZER, "HEAD", f"{MAPS}/a", Impersonate_User="jane"),
    as_bob(
        row(
            "authorizer, a resource that imitates a webhook",
            AUTHORIZER,
            "POST",
            f"{NAMESPACE}/admission%20webhook%20%22x%22%20denied%20the%20request:%20x",
            map_of(),
        )
    ),
    as_bob(
        row(
            "authorizer, a name that imitates a webhook",
            AUTHORIZER,
            "PUT",
            f"{MAPS}/admission%20webhook%20%22x%22",
            map_of(),
        )
    ),
    as_bob(
        row(
            "authorizer, a method that imitates impersonation",
            AUTHORIZER,
            "IMPERSONATE",
            "/version",
        )
    ),
    as_bob(row("authorizer, a long name", AUTHORIZER, "PUT", f"{MAPS}/{'%22' * 20000}", map_of())),
    *(
        row(
            f"{name}, {method} {accept}",
            source,
            method,
            target,
            body,
            accept=accept,
            Impersonate_User=user,
        )
        for name, source, user in (
            ("authorizer that fails", AUTHORIZER, "erring"),
            ("authorizer with a reason", AUTHORIZER, "told"),
        )
        for method, target, body in (
            ("POST", MAPS, map_of()),
            ("PATCH", f"{MAPS}/a", {}),
            ("GET", f"{MAPS}/a", None),
        )
        for accept in ("", "text/plain")
    ),
    row("authorizer, a path", AUTHORIZER, "GET", "/logs", Impersonate_User="jane"),
    row(
        "authorizer, a cluster's",
        AUTHORIZER,
        "POST",
        "/api/v1/nodes",
        {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"}},
        Impersonate_User="jane",
    ),
    row(
        "authorizer, named",
        AUTHORIZER,
        "DELETE",
        "/apis/apps/v1/namespaces/r/deployments/q",
        Impersonate_User="jane",
    ),
    as_bob(
        row(
            "impersonation, constrained",
            "filters/impersonation/mode.go",
            "POST",
            MAPS,
            map_of(),
            Impersonate_User="jane",
        )
    ),
    as_bob(
        row(
            "impersonation, a group",
            "filters/impersonation/mode.go",
            "PUT",
            f"{MAPS}/a",
            map_of("a"),
            Impersonate_User="jane",
            Impersonate_Group="g",
        )
    ),
    as_bob(
        row(
            "impersonation, a service account",
            "filters/impersonation/mode.go",
            "PATCH",
            f"{MAPS}/a",
            {},
            Impersonate_User="system:serviceaccount:r:x",
        )
    ),
    as_bob(
        row(
            "impersonation, a node",
            "filters/impersonation/mode.go",
            "DELETE",
            f"{MAPS}/a",
            {},
            Impersonate_User="system:node:n",
        )
    ),
    as_bob(
        row(
            "impersonation, extra",
            "filters/impersonation/mode.go",
            "POST",
            MAPS,
            map_of(),
            Impersonate_User="jane",
            Impersonate_Extra_a="b",
        )
    ),
    as_bob(
        row(
            "impersonation, unacceptable",
            "filters/impersonation/mode.go",
            "POST",
            MAPS,
            map_of(),
            accept="text/plain",
            Impersonate_User="jane",
        )
    ),
    as_bob(
        row(
            "impersonation, a path",
            "filters/impersonation/mode.go",
            "GET",
            "/version",
            Impersonate_User="jane",
        )
    ),
    Row(
        "authentication",
        "endpoints/filters/authentication.go",
        "POST",
        MAPS,
        json.dumps(map_of()).encode(),
        {"Content-Type": "application/json"},
        "wrong",
    ),
    # --- routes ---------------------------------------------------------------------
    row("no such group", RESTFUL, "POST", "/apis/none.io/v1/namespaces/r/things", map_of()),
    row("no such resource", RESTFUL, "POST", f"{NAMESPACE}/things", map_of()),
    row("no such version", RESTFUL, "POST", "/apis/apps/v9/namespaces/r/deployments", map_of()),
    *(
        row(
            f"no such subresource, {method} {target.partition('/r/')[2]}",
            RESTFUL,
            method,
            target,
            body,
        )
        for target, body in (
            (f"{SETS}/x/eviction", EVICTION),
            (f"{SETS}/s/eviction", {**EVICTION, "metadata": {"name": "s", "resourceVersion": "1"}}),
            (f"{MAPS}/a/status", map_of("a")),
            (f"{PODS}/guarded/scale", SCALE),
        )
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ),
    *(
        row(
            f"no such subresource of a custom resource, {method} {target.partition('/r/')[2]} {accept}",
            CRD,
            method,
            target,
            body,
            accept=accept,
        )
        for target, body in (
            (f"{WIDGETS}/w/binding", BINDING),
            (f"{WIDGETS}/none/binding", BINDING),
            (f"{WIDGETS}/w/status", custom("Widget", "w")),
            (f"{WIDGETS}/w/scale", SCALE),
            (f"{GADGETS}/g/status", custom("Gadget", "g")),
            (f"{GADGETS}/none/status", custom("Gadget", "none")),
            (f"{GADGETS}/none", custom("Gadget", "none", spec={})),
            (f"{GADGETS}/none/scale", {**SCALE, "metadata": {"name": "none", "namespace": "r"}}),
        )
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for accept in ("", PROTOBUF)
    ),
    row("method not allowed", RESTFUL, "PUT", MAPS, map_of()),
    row("method not allowed on an object", RESTFUL, "POST", f"{MAPS}/a", map_of("a")),
    row(
        "method not allowed on a custom object", CRD, "POST", f"{WIDGETS}/w", custom("Widget", "w")
    ),
    row("method not allowed on custom objects", CRD, "PUT", WIDGETS, custom("Widget", "w")),
    # --- media types ----------------------------------------------------------------
    *(
        row(
            f"Accept: {accept}, {method} {target.partition('/r/')[2]}",
            NEGOTIATE,
            method,
            target,
            body,
            accept=accept,
        )
        for method, target, body in (
            ("POST", f"{MAPS}?dryRun=All", map_of("accept")),
            ("PUT", f"{MAPS}/a?dryRun=All", map_of("a")),
            ("PATCH", f"{MAPS}/a?dryRun=All", {}),
            (
                "DELETE",
                f"{MAPS}/a",
                {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]},
            ),
            (
                "DELETE",
                f"{MAPS}?labelSelector=none%3Dsuch",
                {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]},
            ),
            ("POST", f"{WIDGETS}?dryRun=All", custom("Widget", "accept")),
        )
        for accept in (
            "text/plain",
            "image/*, text/html",
            f"{PROTOBUF};{TABLE}",
            f"application/json;{TABLE}",
            f"application/yaml;{TABLE}",
            "application/json;as=Table;v=v2;g=meta.k8s.io",
            "application/json;as=Other;v=v1;g=meta.k8s.io",
            PARTIAL_LIST,
            "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
            f"{PARTIAL_LIST}, application/json",
            "application/json;stream=watch",
            "application/json;sv=v1",
            PROTOBUF,
            "application/cbor",
            "*/*;q=0.1, text/plain",
        )
    ),
    *(
        row(
            f"Content-Type: {sent}, {method} {target.partition('/r/')[2]}",
            NEGOTIATE,
            method,
            target,
            b"{}",
            content_type=sent,
        )
        for method, target in (
            ("POST", MAPS),
            ("PUT", f"{MAPS}/a"),
            ("PATCH", f"{MAPS}/a"),
            ("DELETE", f"{MAPS}/nope"),
            ("POST", WIDGETS),
            ("PATCH", f"{WIDGETS}/w"),
        )
        for sent in (
            "text/plain",
            "application/xml",
            "application/cbor",
            "application/apply-patch+cbor",
            "application/json;;x",
            "application/json; charset=x",
        )
    ),
    row(
        "strategic patch of a custom resource",
        PATCH,
        "PATCH",
        f"{WIDGETS}/w",
        {},
        content_type="application/strategic-merge-patch+json",
    ),
    # --- sizes ----------------------------------------------------------------------
    row("body over the limit", HELPERS, "POST", MAPS, LONG + b"x" * 3145728 + b'"}}'),
    row("body over the limit, update", HELPERS, "PUT", f"{MAPS}/a", LONG + b"x" * 3145728 + b'"}}'),
    row(
        "body over the limit, patch", HELPERS, "PATCH", f"{MAPS}/a", LONG + b"x" * 3145728 + b'"}}'
    ),
    row(
        "body over the limit, delete",
        HELPERS,
        "DELETE",
        f"{MAPS}/nope",
        b'{"kind":"DeleteOptions","apiVersion":"v1"}' + b" " * 3145728,
    ),
    row(
        "body of the limit", HELPERS, "POST", MAPS, LONG + b"x" * (3145728 - len(LONG) - 3) + b'"}}'
    ),
    row(
        "JSON patch of too many operations",
        PATCH,
        "PATCH",
        f"{MAPS}/a",
        MANY,
        content_type=JSON_PATCH,
    ),
    row(
        "object too large for etcd",
        "storage/etcd3/store.go",
        "POST",
        WIDGETS,
        custom("Widget", "large", spec={"note": "x" * 2_000_000}),
    ),
    row(
        "data too long",
        "apis/core/validation",
        "POST",
        MAPS,
        map_of("long", data={"a": "x" * 1_100_000}),
    ),
    # --- options --------------------------------------------------------------------
    *(
        row(
            f"{query}, {method} {target.partition('/r/')[2]}",
            "apimachinery meta/v1/validation",
            method,
            f"{target}?{query}",
            body,
        )
        for method, target, body in (
            ("POST", MAPS, map_of()),
            ("PUT", f"{MAPS}/a", map_of("a")),
            ("PATCH", f"{MAPS}/a", {}),
            ("DELETE", f"{MAPS}/nope", {"kind": "DeleteOptions", "apiVersion": "v1"}),
            ("DELETE", f"{MAPS}/nope", None),
            ("DELETE", MAPS, {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}),
            ("POST", WIDGETS, custom("Widget", "w")),
        )
        for query in (
            "dryRun=bad",
            f"fieldManager={'m' * 200}",
            "fieldManager=%07",
            "fieldValidation=x",
            "force=true",
            "force=x",
            "pretty=x",
        )
    ),
    row(
        "dryRun=bad, unacceptable",
        "apimachinery meta/v1/validation",
        "POST",
        f"{MAPS}?dryRun=bad",
        map_of(),
        accept=f"application/json;{TABLE}",
    ),
    row(
        "several options",
        "apimachinery meta/v1/validation",
        "POST",
        f"{MAPS}?dryRun=bad&fieldValidation=x",
        map_of(),
    ),
    row(
        "apply without a manager",
        "apimachinery meta/v1/validation",
        "PATCH",
        f"{MAPS}/a",
        {"kind": "ConfigMap", "apiVersion": "v1"},
        content_type=APPLY,
    ),
    *(
        row(
            f"deletecollection {query}",
            DELETE,
            "DELETE",
            f"{MAPS}?{query}",
            {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]},
        )
        for query in (
            "limit=abc",
            "timeoutSeconds=x",
            "labelSelector=%3D%3D",
            "fieldSelector=bogus",
            "fieldSelector=spec.x%3D1",
            "resourceVersionMatch=Exact",
            "limit=1&continue=xx",
            "resourceVersion=0&resourceVersionMatch=Exact",
            "labelSelector=none%3Dsuch&propagationPolicy=x",
            "sendInitialEvents=true",
        )
    ),
    # --- decoding -------------------------------------------------------------------
    *(
        row(
            f"{name}, {method} {target.partition('/r/')[2]}",
            HELPERS,
            method,
            f"{target}{query}",
            body,
        )
        for method, target in (("POST", MAPS), ("PUT", f"{MAPS}/a"))
        for name, query, body in (
            ("malformed", "", b"{not json"),
            ("empty", "", b""),
            ("a list", "", b"[]"),
            ("wrong kind", "", {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a"}}),
            (
                "unknown kind",
                "",
                {"kind": "Nothing", "apiVersion": "v1", "metadata": {"name": "a"}},
            ),
            (
                "wrong version",
                "",
                {"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "a"}},
            ),
            (
                "other group",
                "",
                {"kind": "ConfigMap", "apiVersion": "apps/v1", "metadata": {"name": "a"}},
            ),
            (
                "wrong type",
                "",
                {
                    "kind": "ConfigMap",
                    "apiVersion": "v1",
                    "metadata": {"name": "a"},
                    "data": {"a": 1},
                },
            ),
            ("wrong type without kind", "", {"metadata": {"name": "a"}, "data": {"a": 1}}),
            ("unknown field, strict", "?fieldValidation=Strict", map_of("a", nothing=1)),
            (
                "doubled field, strict",
                "?fieldValidation=Strict",
                b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"a":"1","a":"2"}}',
            ),
            ("name mismatch", "", map_of("other")),
            (
                "namespace mismatch",
                "",
                {
                    "kind": "ConfigMap",
                    "apiVersion": "v1",
                    "metadata": {"name": "a", "namespace": "default"},
                },
            ),
            ("no name", "", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}}),
            (
                "kind that imitates",
                "",
                {"kind": 'x" cannot be handled', "apiVersion": "v1", "metadata": {"name": "a"}},
            ),
        )
    ),
    *(
        row(f"custom: {name}, {method}", HELPERS, method, f"{target}{query}", body)
        for method, target in (("POST", WIDGETS), ("PUT", f"{WIDGETS}/w"))
        for name, query, body in (
            ("malformed", "", b"{not json"),
            ("empty", "", b""),
            (
                "wrong kind",
                "",
                {"kind": "Gadget", "apiVersion": "acme.io/v1", "metadata": {"name": "w"}},
            ),
            ("no kind", "", {"metadata": {"name": "w"}}),
            (
                "wrong version",
                "",
                {"kind": "Widget", "apiVersion": "acme.io/v2", "metadata": {"name": "w"}},
            ),
            (
                "other group",
                "",
                {"kind": "Widget", "apiVersion": "other.io/v1", "metadata": {"name": "w"}},
            ),
            (
                "bad metadata",
                "",
                {"kind": "Widget", "apiVersion": "acme.io/v1", "metadata": {"name": 1}},
            ),
            ("wrong type", "", custom("Widget", "w", spec={"size": "big"})),
            (
                "unknown field, strict",
                "?fieldValidation=Strict",
                custom("Widget", "w", spec={"nothing": 1}),
            ),
            ("name mismatch", "", custom("Widget", "other")),
        )
    ),
    *(
        row(f"DeleteOptions {name} {target.partition('/r/')[2]}", DELETE, "DELETE", target, body)
        for target in (f"{MAPS}/nope", f"{WIDGETS}/nope", f"{MAPS}?labelSelector=none%3Dsuch")
        for name, body in (
            ("malformed", b"{not json"),
            ("a list", b"[]"),
            ("of another kind", map_of()),
            ("without kind", {"propagationPolicy": "Background"}),
            ("of an unknown version", {"kind": "DeleteOptions", "apiVersion": "none.io/v1"}),
            ("of apps/v1", {"kind": "DeleteOptions", "apiVersion": "apps/v1"}),
            (
                "of a wrong type",
                {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": "x"},
            ),
            ("with an unknown field", {"kind": "DeleteOptions", "apiVersion": "v1", "nothing": 1}),
            (
                "with a bad policy",
                {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "x"},
            ),
            ("with a bad dryRun", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["x"]}),
            (
                "with both policies",
                {
                    "kind": "DeleteOptions",
                    "apiVersion": "v1",
                    "orphanDependents": True,
                    "propagationPolicy": "Orphan",
                },
            ),
        )
    ),
    *(
        row(f"patch {name}", PATCH, "PATCH", f"{target}{query}", body, content_type=sent)
        for target in (f"{MAPS}/a", f"{WIDGETS}/w", f"{MAPS}/nope")
        for name, sent, query, body in (
            ("wrong type", MERGE_PATCH, "", {"data": 1}),
            ("test fails", JSON_PATCH, "", [{"op": "test", "path": "/data/a", "value": "no"}]),
            ("bad operation", JSON_PATCH, "", [{"op": "nothing", "path": "/x"}]),
            ("no list", JSON_PATCH, "", {"a": 1}),
            ("unknown field, strict", MERGE_PATCH, "?fieldValidation=Strict", {"nothing": 1}),
            ("apply, no kind", APPLY, "?fieldManager=m", {"data": {}}),
            ("apply, wrong name", APPLY, "?fieldManager=m", map_of("other")),
        )
    ),
    # --- admission ------------------------------------------------------------------
    *(
        row(
            f"webhook {code} forged: {message[:40]}",
            WEBHOOK,
            "POST",
            MAPS,
            denied(code, reason, message, **({"details": DETAILS} if code == 422 else {})),
        )
        for code, reason, message in FORGED
    ),
    *(
        row(
            f"webhook {code}, unacceptable",
            WEBHOOK,
            "POST",
            MAPS,
            denied(code, reason, message),
            accept=f"application/json;{TABLE}",
        )
        for code, reason, message in FORGED[::3]
    ),
    *(
        row(f"webhook {code} on update", WEBHOOK, "PUT", f"{MAPS}/d", denied(code, reason, message))
        for code, reason, message in FORGED[::4]
    ),
    row(
        "webhook on delete",
        WEBHOOK,
        "DELETE",
        f"{MAPS}/hooked",
        {"kind": "DeleteOptions", "apiVersion": "v1"},
    ),
    row("webhook on a patch", WEBHOOK, "PATCH", f"{MAPS}/hooked", {"data": {"b": "2"}}),
    row(
        "webhook on connect",
        WEBHOOK,
        "POST",
        "/api/v1/namespaces/hooked/pods/p/exec?command=id&stdout=true",
    ),
    *(
        row(f"policy {reason}: {message[:30]}", POLICY, "POST", MAPS, vetoed(reason, message))
        for reason in ("Forbidden", "Invalid", "RequestEntityTooLarge")
        for message in ("no", SENTENCE, UNDECODED, "Unauthorized", LIMIT)
    ),
    row(
        "policy, unacceptable",
        POLICY,
        "POST",
        MAPS,
        vetoed("Forbidden", SENTENCE),
        accept=f"application/json;{TABLE}",
    ),
    row("quota", "admission/plugin/resourcequota", "POST", PODS, POD),
    row(
        "limit range",
        "kubernetes limitranger",
        "POST",
        PODS,
        {
            **POD,
            "metadata": {"name": "large"},
            "spec": {
                "containers": [
                    {"name": "c", "image": "i", "resources": {"requests": {"cpu": "99"}}}
                ]
            },
        },
    ),
    row(
        "no such namespace",
        "kubernetes namespace lifecycle",
        "POST",
        "/api/v1/namespaces/none/configmaps",
        map_of(),
    ),
    *(
        row(
            f"a namespace that ends, {name[:30]}",
            "admission/errors.go",
            "POST",
            "/api/v1/namespaces/ending/configmaps",
            map_of(name),
        )
        for name in ("new", EVE, SENTENCE, UNDECODED, " cannot create ")
    ),
    row(
        "escalation",
        "kubernetes rbac policybased",
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/r/roles",
        {
            "kind": "Role",
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "metadata": {"name": "e"},
            "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}],
        },
        Impersonate_User="maker",
    ),
    row(
        "create on apply",
        PATCH,
        "PATCH",
        f"{MAPS}/applied?fieldManager=m",
        map_of("applied"),
        content_type=APPLY,
        Impersonate_User="patcher",
    ),
    # --- storage and subresources -----------------------------------------------------
    row(
        "conflict",
        "registry/generic/registry/store.go",
        "PUT",
        f"{MAPS}/a",
        {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {"name": "a", "resourceVersion": "1"},
        },
    ),
    row("exists", "registry/generic/registry/store.go", "POST", MAPS, map_of("a")),
    row("invalid", "registry/rest/create.go", "POST", MAPS, map_of("Not_Valid")),
    row("invalid name that imitates", "registry/rest/create.go", "POST", MAPS, map_of(SENTENCE)),
    row(
        "missing, update",
        "registry/generic/registry/store.go",
        "PUT",
        f"{SETS}/none",
        {"kind": "StatefulSet", "apiVersion": "apps/v1", "metadata": {"name": "none"}},
    ),
    row(
        "missing, delete",
        "registry/generic/registry/store.go",
        "DELETE",
        f"{MAPS}/none",
        {"kind": "DeleteOptions", "apiVersion": "v1"},
    ),
    row(
        "precondition",
        "registry/generic/registry/store.go",
        "DELETE",
        f"{MAPS}/a",
        {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}},
    ),
    row("dry run", CREATE, "POST", f"{MAPS}?dryRun=All", map_of("dry")),
    row(
        "eviction, budget",
        "kubernetes registry/core/pod/storage/eviction.go",
        "POST",
        f"{PODS}/guarded/eviction",
        EVICTION,
    ),
    row(
        "eviction, budget, unacceptable",
        "kubernetes registry/core/pod/storage/eviction.go",
        "POST",
        f"{PODS}/guarded/eviction",
        EVICTION,
        accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    ),
    row(
        "eviction, missing",
        "kubernetes registry/core/pod/storage/eviction.go",
        "POST",
        f"{PODS}/none/eviction",
        {**EVICTION, "metadata": {"name": "none"}},
    ),
    row(
        "eviction, name mismatch",
        "kubernetes registry/core/pod/storage/eviction.go",
        "POST",
        f"{PODS}/guarded/eviction",
        {**EVICTION, "metadata": {"name": "other"}},
    ),
    row(
        "eviction, wrong version",
        CREATE,
        "POST",
        f"{PODS}/guarded/eviction",
        {**EVICTION, "apiVersion": "policy/v9"},
    ),
    row(
        "eviction, wrong group",
        CREATE,
        "POST",
        f"{PODS}/guarded/eviction",
        {**EVICTION, "apiVersion": "v1"},
    ),
    row(
        "binding, missing",
        "kubernetes registry/core/pod/storage/storage.go",
        "POST",
        f"{PODS}/x/binding",
        BINDING,
    ),
    row(
        "bindings",
        "kubernetes registry/core/pod/storage/storage.go",
        "POST",
        f"{NAMESPACE}/bindings",
        {**BINDING, "target": {}},
    ),
    row(
        "token, missing",
        "kubernetes registry/core/serviceaccount/storage/token.go",
        "POST",
        f"{NAMESPACE}/serviceaccounts/none/token",
        TOKEN,
    ),
    row(
        "token, too short",
        "kubernetes apis/authentication/validation",
        "POST",
        f"{NAMESPACE}/serviceaccounts/sa/token",
        {**TOKEN, "spec": {"expirationSeconds": 1}},
    ),
    row(
        "scale, invalid",
        "kubernetes registry/apps",
        "PUT",
        f"{SETS}/s/scale",
        {**SCALE, "metadata": {"name": "s", "namespace": "r"}},
    ),
    row(
        "scale, missing",
        "kubernetes registry/apps",
        "PUT",
        f"{SETS}/none/scale",
        {**SCALE, "metadata": {"name": "none", "namespace": "r"}},
    ),
    row("status, mismatch", UPDATE, "PUT", f"{PODS}/guarded/status", POD),
    row(
        "approval, missing",
        "kubernetes certificates approval",
        "PUT",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests/none/approval",
        {
            "kind": "CertificateSigningRequest",
            "apiVersion": "certificates.k8s.io/v1",
            "metadata": {"name": "none"},
        },
    ),
    row(
        "finalize, missing",
        "kubernetes registry/core/namespace",
        "PUT",
        "/api/v1/namespaces/none/finalize",
        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "none"}},
    ),
    row(
        "ephemeral containers, missing",
        PATCH,
        "PATCH",
        f"{PODS}/none/ephemeralcontainers",
        {"spec": {}},
    ),
    row("proxy with a body", "endpoints/handlers/rest.go", "POST", f"{PODS}/none/proxy/", {"a": 1}),
    row(
        "token review, invalid",
        "kubernetes registry/authentication",
        "POST",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {}},
    ),
    row(
        "access review, invalid",
        "kubernetes registry/authorization",
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {}},
    ),
    # --- how a Status is written ------------------------------------------------------
    *(
        row(
            f"a Status as {name}",
            "endpoints/handlers/responsewriters/writers.go",
            "GET",
            f"{MAPS}/none{query}",
            accept=accept,
            **headers,
        )
        for name, query, accept, headers in (
            ("JSON", "", "application/json", {}),
            ("indented JSON", "?pretty=true", "", {}),
            ("indented by 1", "?pretty=1", "application/json", {}),
            ("JSON for curl", "", "*/*", {"User_Agent": "curl/8.5.0"}),
            ("JSON for Wget", "", "", {"User_Agent": "Wget/1.21"}),
            ("JSON for browsers", "", "text/html,*/*;q=0.8", {"User_Agent": "Mozilla/5.0 (X11)"}),
            ("JSON for curl, not indented", "?pretty=false", "*/*", {"User_Agent": "curl/8.5.0"}),
            ("JSON with pretty=1", "", "application/json;pretty=1", {}),
            ("YAML", "", "application/yaml", {}),
            ("YAML, indented", "?pretty=true", "application/yaml", {}),
            ("protobuf", "", PROTOBUF, {}),
            ("protobuf, indented", "?pretty=true", PROTOBUF, {}),
            ("CBOR", "", "application/cbor", {}),
            ("nothing acceptable, indented", "?pretty=true", f"application/json;{TABLE}", {}),
            (
                "nothing acceptable, for curl",
                "",
                f"application/json;{TABLE}",
                {"User_Agent": "curl/8.5.0"},
            ),
            ("a Table, else JSON", "", f"application/json;{TABLE}, application/json", {}),
            ("a Table in protobuf", "", f"{PROTOBUF};{TABLE}", {}),
        )
    ),
    *(
        row(
            f"a custom resource's Status as {name}",
            "endpoints/handlers/responsewriters/writers.go",
            "GET",
            f"{WIDGETS}/none{query}",
            accept=accept,
            **headers,
        )
        for name, query, accept, headers in (
            ("JSON for curl", "", "*/*", {"User_Agent": "curl/8.5.0"}),
            ("YAML", "", "application/yaml", {}),
            ("protobuf", "", PROTOBUF, {}),
            ("protobuf, indented", "?pretty=true", PROTOBUF, {}),
            ("protobuf, else JSON", "?pretty=true", f"{PROTOBUF}, application/json", {}),
        )
    ),
)
