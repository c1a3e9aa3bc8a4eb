"""Writes: create, update, the patches, apply, delete, deletecollection."""

import json
from copy import deepcopy
from typing import Any

import cbor2
import yaml

from tests.differential import shape
from tests.differential.client import Request
from tests.differential.generator import Worker
from tests.differential.resources import REVIEWS, Resource
from tests.differential.wire import JSON, encode

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
APPLY_CBOR = "application/apply-patch+cbor"


def create(w: Worker) -> Request:
    """A new object, or one that is there already."""
    resource = w.resource()
    namespace = w.where(resource)
    obj = w.make.new(resource, namespace, w.name(resource))
    if w.maybe(0.08):
        obj["metadata"].pop("name")
        obj["metadata"]["generateName"] = w.pick("g-", "g-", "G_", "")
    if w.maybe(0.02):
        obj["metadata"]["namespace"] = "elsewhere"
    if w.maybe(0.015):
        obj["metadata"]["name"] = w.pick("Not Valid", "x" * 300, "a/b", "..", "", 5)
    if w.maybe(0.01):
        obj[w.pick("kind", "apiVersion")] = w.pick("Pod", "apps/v1", "v1", "", "No", "a/b/c")
    request = Request("POST", "", about="create")
    shape.accept(w, request)
    shape.write_body(w, request, obj)
    target = resource.path(namespace)
    if w.maybe(0.01):
        target = resource.path(namespace, "a")
    request.target = target + shape.query(shape.write_options(w, "create"))
    return shape.finish(w, request)


def update(w: Worker) -> Request:
    """A PUT of what was seen last, changed; at times of a state that is no longer so."""
    resource, namespace, name, seen = w.existing()
    if seen is None:
        obj = w.make.new(resource, namespace, name)
    else:
        obj = deepcopy(seen)
        obj["metadata"].setdefault("labels", {})["touched"] = w.pick("1", "2", "3")
        w.make.vary(resource, obj)
        if w.maybe(0.2):
            w.make.sprinkle(resource, obj, 1)
        if w.maybe(0.3):
            obj["metadata"].pop("resourceVersion", None)
        if w.maybe(0.05):
            obj["metadata"][w.pick("resourceVersion", "uid")] = w.pick("1", "x", "")
        if w.maybe(0.5):
            obj["metadata"].pop("managedFields", None)
    if w.maybe(0.03):
        obj["metadata"]["name"] = w.pick("other", "")
    if w.maybe(0.02):
        obj["metadata"]["namespace"] = "elsewhere"
    if w.maybe(0.01):
        obj[w.pick("kind", "apiVersion")] = w.pick("Pod", "apps/v1", "v1", "", "No")
    request = Request("PUT", "", about="update")
    shape.accept(w, request)
    shape.write_body(w, request, obj)
    sub = ""
    if resource.subresources and w.maybe(0.12):
        sub = "status"
    request.target = resource.path(namespace, name, sub) + shape.query(
        shape.write_options(w, "update")
    )
    return shape.finish(w, request)


def _merge(w: Worker, resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {"metadata": {"labels": {"patched": w.pick("1", "2", None)}}}
    if w.maybe(0.3):
        found["metadata"]["annotations"] = {"example.com/a": w.make.word()}
    if w.maybe(0.3):
        extra: dict[str, Any] = {}
        w.make.sprinkle(resource, extra, 1)
        found.update({k: v for k, v in extra.items() if k != "metadata"})
    if "replicas" in resource.base.get("spec", {}) or w.maybe(0.1):
        found["spec"] = {"replicas": w.pick(0, 1, 2, "x", None)}
    if w.maybe(0.05):
        found["metadata"]["resourceVersion"] = w.pick("1", w.resource_version)
    if w.maybe(0.02):
        found["metadata"]["name"] = "other"
    if w.maybe(0.02):
        found["nosuchfield"] = 1
    return found


def patch(w: Worker) -> Request:
    """One of the three patches that are not apply."""
    resource, namespace, name, _ = w.existing()
    kind = w.pick(MERGE, MERGE, STRATEGIC, STRATEGIC, JSON_PATCH)
    body: Any = _merge(w, resource)
    if kind == STRATEGIC and w.maybe(0.2):
        body.setdefault("spec", {})["$retainKeys"] = ["x"]
    if kind == STRATEGIC and w.maybe(0.1):
        body["metadata"]["finalizers"] = None
        body["$patch"] = w.pick("replace", "merge", "delete", "x")
    if kind == JSON_PATCH:
        body = w.pick(
            [{"op": "add", "path": "/metadata/labels/p", "value": "1"}],
            [{"op": "replace", "path": "/metadata/labels/app", "value": w.pick("web", 1, None)}],
            [{"op": "test", "path": "/metadata/name", "value": w.pick(name, "x")}],
            [{"op": "remove", "path": "/metadata/annotations"}],
            [{"op": "copy", "from": "/metadata/labels", "path": "/metadata/annotations"}],
            [{"op": "move", "from": "/metadata/labels/app", "path": "/metadata/labels/moved"}],
            [{"op": "add", "path": "/nowhere/x", "value": {}}],
            [{"op": "frobnicate", "path": "/"}],
            [],
            {},
        )
    request = Request("PATCH", "", about=f"patch {kind}")
    shape.accept(w, request)
    request.body = json.dumps(
        body, ensure_ascii=w.maybe(0.5), indent=w.pick(None, None, None, 1)
    ).encode()
    content_type = kind
    if w.maybe(0.03):
        content_type = w.pick(
            JSON, "text/plain", "", f"{kind}; charset=utf-8", kind.upper(), "application/patch"
        )
    if content_type:
        request.headers.append(("Content-Type", content_type))
    if w.maybe(0.3):
        shape.damage(w, request)
    sub = w.pick(*resource.subresources) if resource.subresources and w.maybe(0.1) else ""
    request.target = resource.path(namespace, name, sub) + shape.query(
        shape.write_options(w, "patch")
    )
    return shape.finish(w, request)


def apply(w: Worker) -> Request:
    """Server-side apply, of a whole object or of a part."""
    resource = w.resource()
    namespace = w.where(resource)
    name = w.name(resource)
    obj = w.make.new(resource, namespace, name)
    if w.maybe(0.4):
        obj = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {"name": name, "labels": {"applied": "1"}},
        }
    if w.maybe(0.05):
        obj["metadata"]["managedFields"] = []
    if w.maybe(0.03):
        obj.pop(w.pick("kind", "apiVersion"))
    # Clients apply JSON, whatever the media type says; of the rest kube-apiserver loses the event.
    form = w.chance.choices(("json", "yaml", "cbor"), (96, 3, 1))[0]
    if form == "json":
        body = encode(obj, JSON)
    elif form == "yaml":
        body = yaml.safe_dump(obj, allow_unicode=True).encode()
    else:
        body = cbor2.dumps(obj)
    request = Request("PATCH", "", about=f"apply {form}", body=body)
    request.headers.append(("Content-Type", APPLY_CBOR if form == "cbor" else APPLY))
    shape.accept(w, request)
    if w.maybe(0.005):
        request.body = w.pick(
            b"", b"a: [", b"- 1", b"a: 1\n---\nb: 2\n", b"null", body[: len(body) // 2]
        )
    sub = "status" if resource.subresources and w.maybe(0.05) else ""
    request.target = resource.path(namespace, name, sub) + shape.query(
        shape.write_options(w, "apply")
    )
    return shape.finish(w, request)


def _delete_options(w: Worker) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": "DeleteOptions",
        "apiVersion": w.pick("v1", "meta.k8s.io/v1", "v1", "apps/v1"),
    }
    if w.maybe(0.4):
        found["gracePeriodSeconds"] = w.pick(0, 0, 1, 30, -1)
    if w.maybe(0.4):
        found["propagationPolicy"] = w.pick("Background", "Foreground", "Orphan", "x")
    if w.maybe(0.1):
        found["orphanDependents"] = w.pick(True, False)
    if w.maybe(0.15):
        found["preconditions"] = w.pick(
            {"uid": "x"}, {"resourceVersion": "1"}, {}, {"uid": "x", "resourceVersion": "1"}
        )
    if w.maybe(0.1):
        found["dryRun"] = w.pick(["All"], ["x"], [])
    if w.maybe(0.05):
        found = {k: v for k, v in found.items() if k not in ("kind", "apiVersion")}
    if w.maybe(0.03):
        found["kind"] = "Pod"
    return found


def _delete_query(w: Worker) -> list[tuple[str, str]]:
    found = []
    if w.maybe(0.15):
        found.append(("propagationPolicy", w.pick("Background", "Orphan", "x")))
    if w.maybe(0.1):
        found.append(("gracePeriodSeconds", w.pick("0", "5", "x", "-1")))
    if w.maybe(0.08):
        found.append(("dryRun", w.pick("All", "All", "bad")))
    if w.maybe(0.03):
        found.append(("orphanDependents", w.pick("true", "x")))
    if w.maybe(0.03):
        found.append(("pretty", "true"))
    return found


def delete(w: Worker) -> Request:
    """Delete one object, with options in the body, in the query, in both or nowhere."""
    resource, namespace, name, seen = w.existing()
    request = Request("DELETE", resource.path(namespace, name), about="delete")
    shape.accept(w, request)
    if w.maybe(0.5):
        options = _delete_options(w)
        if seen is not None and w.maybe(0.1):
            options["preconditions"] = {"uid": seen["metadata"].get("uid")}
        shape.write_body(w, request, options)
    if w.maybe(0.3):
        request.target += shape.query(_delete_query(w))
    return shape.finish(w, request)


def delete_collection(w: Worker) -> Request:
    """Delete what a selector names; only ever objects that a run has made."""
    resource = w.resource()
    namespace = w.namespace if resource.namespaced else ""
    selector = f"made=differential,app={w.pick('web', 'db', 'cache', 'none')}"
    parameters = [("labelSelector", selector)]
    if w.maybe(0.15):
        parameters.append(
            ("fieldSelector", w.pick("metadata.name=a", "metadata.name!=b", "spec.no=x", "="))
        )
    if w.maybe(0.1):
        parameters.append(("limit", w.pick("1", "2", "x")))
    if w.maybe(0.1):
        parameters.append(("resourceVersion", w.pick("0", "1", "x")))
    request = Request("DELETE", "", about="deletecollection")
    shape.accept(w, request)
    if w.maybe(0.4):
        shape.write_body(w, request, _delete_options(w))
    request.target = resource.path(namespace) + shape.query(parameters + _delete_query(w))
    return shape.finish(w, request)


def review(w: Worker) -> Request:
    """Ask who somebody is, or what somebody may do."""
    kind = w.pick(*REVIEWS)
    api_version = kind.prefix.removeprefix("/apis/")
    obj = {"apiVersion": api_version, "kind": kind.kind, "spec": deepcopy(w.pick(*kind.specs))}
    if kind.kind == "SelfSubjectReview":
        obj.pop("spec")
    if w.maybe(0.1):
        obj["metadata"] = {"name": "x", "labels": {"a": "b"}}
    if w.maybe(0.05):
        obj["spec"] = {"nosuch": 1}
    where = f"/namespaces/{w.pick('w0', 'w0', w.namespace)}" if kind.namespaced else ""
    request = Request("POST", "", about="review")
    shape.accept(w, request)
    shape.write_body(w, request, obj)
    request.target = f"{kind.prefix}{where}/{kind.plural}" + shape.query(
        shape.write_options(w, "create")
    )
    return shape.finish(w, request)
