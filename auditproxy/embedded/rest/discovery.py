"""Discovery: versions, resources, health and a minimal OpenAPI."""

import sys

from auditproxy.embedded import kinds
from auditproxy.embedded.answers import (
    JSON_TYPE,
    Object,
    Wanted,
    answer,
    answer_text,
    no_such_path,
    wanted,
)
from auditproxy.embedded.authorizer import PUBLIC
from auditproxy.embedded.http1 import Request, Response
from auditproxy.embedded.kinds import ResourceType

VERSION = "v1.36.2"
"""The Kubernetes version that the embedded API server reports."""

_AGGREGATED = tuple(
    Wanted("APIGroupDiscoveryList", "apidiscovery.k8s.io", version) for version in ("v2", "v2beta1")
)
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
_CHECKS = ("ping", "log", "etcd")

_STANDARD_PATCHES = ("application/json-patch+json", "application/merge-patch+json")


def non_resource(request: Request) -> Response:
    """The answer to a path that is not of a resource."""
    path = request.path.rstrip("/") or "/"
    accept = request.headers.get("accept", "")
    if path in _HEALTH:
        return _health(path, request)
    if path == "/version":
        return answer(_version())
    if path == "/openapi/v2":
        return Response(200, OPENAPI_V2, OPENAPI_V2_TYPE)
    if path == "/openapi/v3":
        return answer(_openapi_index())
    if path.startswith("/openapi/v3/"):
        return _openapi(path.removeprefix("/openapi/v3/"))
    if path in ("/api", "/apis"):
        form = wanted(accept, _AGGREGATED)
        if form.kind:
            return _aggregated(path, form)
        if path == "/apis":
            groups = [_group(name) for name in _groups()]
            return answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        host = request.headers.get("host", "")
        addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]
        return answer(
            {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
        )
    if path == "/":
        return answer({"paths": _paths()})
    parts = path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) == 2 and parts[1] in _groups():
        wanted(accept)
        return answer({"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1])})
    group_version = _group_version(parts)
    if group_version is not None:
        wanted(accept)
        return answer(_resource_list(*group_version))
    return no_such_path()


def _health(path: str, request: Request) -> Response:
    name = path[1:]
    if "verbose" not in request.query:
        return answer_text(200, "ok")
    lines = "".join(f"[+]{check} ok\n" for check in _CHECKS)
    return answer_text(200, f"{lines}{name} check passed\n")


def _version() -> Object:
    return {
        "major": "1",
        "minor": VERSION.split(".")[1],
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "auditproxy demo",
        "platform": f"{sys.platform}/embedded",
    }


def _groups() -> tuple[str, ...]:
    return tuple(dict.fromkeys(group for group, _ in kinds.group_versions() if group))


def _versions(group: str) -> list[str]:
    return [version for name, version in kinds.group_versions() if name == group]


def _group(name: str) -> Object:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version} for version in _versions(name)
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _group_version(parts: list[str]) -> tuple[str, str] | None:
    """The group and version that a path names."""
    named = ("", parts[1]) if parts[0] == "api" and len(parts) == 2 else None
    if parts[0] == "apis" and len(parts) == 3:
        named = (parts[1], parts[2])
    return named if named in kinds.group_versions() else None


def _in_version(group: str, version: str) -> list[ResourceType]:
    return [kind for kind in kinds.RESOURCES if (kind.group, kind.version) == (group, version)]


def _paths() -> list[str]:
    paths = ["/api", "/api/v1", "/apis"]
    for group in _groups():
        paths += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in _versions(group))]
    return sorted([*paths, *PUBLIC, "/openapi/v3"])


def _resource_list(group: str, version: str) -> Object:
    resources: list[Object] = []
    for kind in _in_version(group, version):
        entry: Object = {
            "name": kind.resource,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": kind.verbs,
        }
        if kind.short_names:
            entry["shortNames"] = kind.short_names
        if kind.categories:
            entry["categories"] = kind.categories
        resources.append(entry)
        for subresource in kind.subresources:
            below: Object = {
                "name": f"{kind.resource}/{subresource.name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": subresource.kind or kind.kind,
                "verbs": subresource.verbs,
            }
            if subresource.version:
                below |= {"group": subresource.group, "version": subresource.version}
            resources.append(below)
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _aggregated(path: str, form: Wanted) -> Response:
    groups = [""] if path == "/api" else list(_groups())
    items = []
    for group in groups:
        metadata: Object = {"creationTimestamp": None}
        if group:
            metadata["name"] = group
        versions = [
            {
                "version": version,
                "resources": [_discovered(kind) for kind in _in_version(group, version)],
                "freshness": "Current",
            }
            for version in _versions(group)
        ]
        items.append({"metadata": metadata, "versions": versions})
    value = {
        "kind": form.kind,
        "apiVersion": f"{form.group}/{form.version}",
        "metadata": {},
        "items": items,
    }
    content_type = f"{JSON_TYPE};g={form.group};v={form.version};as={form.kind}"
    return answer(value, content_type=content_type)


def _discovered(kind: ResourceType) -> Object:
    entry: Object = {
        "resource": kind.resource,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    }
    if kind.short_names:
        entry["shortNames"] = kind.short_names
    if kind.categories:
        entry["categories"] = kind.categories
    if kind.subresources:
        entry["subresources"] = [
            {
                "subresource": subresource.name,
                "responseKind": {
                    "group": subresource.group if subresource.version else kind.group,
                    "version": subresource.version or kind.version,
                    "kind": subresource.kind or kind.kind,
                },
                "verbs": subresource.verbs,
            }
            for subresource in kind.subresources
        ]
    return entry


def _root(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


OPENAPI_V2_TYPE = "application/octet-stream"
OPENAPI_V2 = b"\x0a\x032.0\x12\x0c\x0a\x04demo\x12\x04v1.0"
"""Return a document without types, for kubectl before 1.27, which validates known types only."""


def _openapi_index() -> Object:
    roots = [_root(group, version) for group, version in kinds.group_versions()]
    return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}}


def _openapi(root: str) -> Response:
    """One group version's document: no more than kubectl needs to ask for field validation."""
    group_version = _group_version(root.split("/"))
    if group_version is None:
        return no_such_path()
    paths: Object = {}
    schemas: Object = {}
    for kind in _in_version(*group_version):
        name = ".".join(("io.k8s.api", kind.group or "core", kind.version, kind.kind))
        names = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        schemas[name] = {
            "type": "object",
            "description": f"{kind.kind} of {kind.api_version}",
            "x-kubernetes-group-version-kind": [names],
        }
        if "patch" not in kind.verbs:
            continue
        scope = "namespaces/{namespace}/" if kind.namespaced else ""
        body = {"schema": {"$ref": f"#/components/schemas/{name}"}}
        paths[f"/{root}/{scope}{kind.resource}/{{name}}"] = {
            "patch": {
                "parameters": [_parameter("dryRun"), _parameter("fieldValidation")],
                "requestBody": {"content": dict.fromkeys(_STANDARD_PATCHES, body)},
                "responses": {"200": {"description": "OK", "content": {JSON_TYPE: body}}},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": names,
            }
        }
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    return answer(document)


def _parameter(name: str) -> Object:
    return {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
