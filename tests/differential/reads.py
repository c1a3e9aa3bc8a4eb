"""Reads: get, list, watches in all forms, and the paths that are no resources."""

from random import Random

from tests.differential import shape
from tests.differential.client import Request
from tests.differential.generator import Worker
from tests.differential.resources import Resource
from tests.differential.wire import JSON, PROTOBUF

WATCH_SECONDS = 1
_SELECTORS = (
    "app=web",
    "app in (web, db)",
    "app notin (web),made",
    "!tier",
    "made=differential,tier",
    "a=b=c",
    "team!=Gr\u00f6\u00dfe",
    "app in (",
    ",",
    "x" * 70 + "=1",
    "",
)
_FIELDS = (
    "metadata.name=a",
    "metadata.name!=a",
    "metadata.namespace=w0",
    "status.phase=Running",
    "spec.nodeName=",
    "spec.nosuch=1",
    "type=Opaque",
    "=",
    "metadata.name",
    "spec.colour=red",
    "involvedObject.name=x",
)


def get(w: Worker) -> Request:
    """One object, or a part of it."""
    resource, namespace, name, _ = w.existing()
    if w.maybe(0.03):
        name = w.pick("nosuch", "x" * 260, "%C3%A4", "a%2Fb", "a.b", ":", "Upper")
    sub = w.pick(*resource.subresources) if resource.subresources and w.maybe(0.1) else ""
    parameters = []
    if w.maybe(0.06):
        parameters.append(("pretty", w.pick("true", "false", "", "x")))
    if w.maybe(0.05):
        parameters.append(("resourceVersion", w.pick("0", "1", "x", "99999999999")))
    if w.maybe(0.02):
        parameters.append((w.pick("export", "exact", "unknown"), "true"))
    method = "HEAD" if w.maybe(0.004) else "GET"
    request = Request(
        method, resource.path(namespace, name, sub) + shape.query(parameters), about="get"
    )
    shape.accept(w, request)
    return shape.finish(w, request)


def _selecting(w: Worker, parameters: list[tuple[str, str]]) -> None:
    if w.maybe(0.25):
        parameters.append(("labelSelector", w.pick(*_SELECTORS)))
    if w.maybe(0.15):
        parameters.append(("fieldSelector", w.pick(*_FIELDS)))


def _versions(w: Worker, parameters: list[tuple[str, str]]) -> None:
    if w.maybe(0.25):
        parameters.append(
            ("resourceVersion", w.pick("0", "0", w.resource_version, "1", "x", "", "999999999999"))
        )
    if w.maybe(0.12):
        parameters.append(("resourceVersionMatch", w.pick("NotOlderThan", "Exact", "x", "")))


def list_(w: Worker) -> Request:
    """A collection, of one namespace or all, whole or by pages."""
    resource = w.resource()
    namespace = w.where(resource) if w.maybe(0.9) else ""
    parameters: list[tuple[str, str]] = []
    _selecting(w, parameters)
    _versions(w, parameters)
    path = resource.path(namespace)
    if w.maybe(0.25):
        parameters.append(("limit", w.pick("1", "2", "500", "0", "-1", "x")))
        if w.maybe(0.6):
            parameters.append(("continue", w.continues.get(path) or w.pick("bm90IGEgdG9rZW4", "x")))
    if w.maybe(0.05):
        parameters.append(("pretty", w.pick("true", "1")))
    if w.maybe(0.03):
        parameters.append(("timeoutSeconds", w.pick("5", "x")))
    if w.maybe(0.02):
        parameters.append(("allowWatchBookmarks", "true"))
    if w.maybe(0.02):
        parameters.append(("sendInitialEvents", "true"))
    method = "HEAD" if w.maybe(0.004) else "GET"
    request = Request(method, path + shape.query(parameters), about="list")
    shape.accept(w, request)
    return shape.finish(w, request)


def watch(w: Worker) -> Request:
    """A watch that the server ends after a second; at times one that is refused."""
    resource = w.resource()
    namespace = w.where(resource) if w.maybe(0.9) else ""
    parameters: list[tuple[str, str]] = []
    old = w.maybe(0.12)
    if not old:
        parameters.append(("watch", w.pick("true", "true", "1", "True", "")))
    _selecting(w, parameters)
    _versions(w, parameters)
    if w.maybe(0.3):
        parameters.append(("allowWatchBookmarks", "true"))
    if w.maybe(0.15):
        parameters.append(("sendInitialEvents", w.pick("true", "false")))
        parameters.append(("allowWatchBookmarks", "true"))
        if w.maybe(0.8):
            parameters.append(("resourceVersionMatch", "NotOlderThan"))
    hangs_up = w.maybe(0.1)
    parameters.append(("timeoutSeconds", "20" if hangs_up else str(WATCH_SECONDS)))
    path = resource.path(namespace)
    if old:
        path = resource.prefix + "/watch" + path.removeprefix(resource.prefix)
        if namespace and w.maybe(0.4):
            path += "/a"
    elif w.maybe(0.05) and namespace:
        path += "/a"
    request = Request("GET", path + shape.query(parameters), about="watch", own_connection=True)
    request.quiet = 0.7 if hangs_up else 0.0
    shape.accept(w, request)
    if w.maybe(0.08):
        request.headers += websocket(w.chance)
        request.about = "watch by websocket"
        request.quiet = 1.5
    return shape.finish(w, request)


def websocket(chance: Random, protocol: str = "") -> list[tuple[str, str]]:
    """The headers that ask for a websocket."""
    found = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    if protocol:
        found.append(("Sec-WebSocket-Protocol", protocol))
    elif chance.random() < 0.9:
        # Without it kube-apiserver refuses a watch.
        found.append(("Origin", "https://127.0.0.1"))
    return found


PLAIN = (
    "/",
    "/api",
    "/api/",
    "/apis",
    "/apis/",
    "/api/v1",
    "/apis/apps",
    "/apis/apps/v1",
    "/apis/d.example.com",
    "/apis/d.example.com/v1",
    "/apis/nosuch.example.com/v1",
    "/apis/nosuch.example.com/v1/things",
    "/api/v2",
    "/api/v1/nosuchthings",
    "/api/v1/namespaces/w0/nosuchthings/x",
    "/apis/apps/v1/namespaces/w0/deployments/a/nosuchpart",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/apis/d.example.com/v1",
    "/openapi/v3/nosuch",
    "/version",
    "/version/",
    "/healthz",
    "/healthz/ping",
    "/healthz/nosuch",
    "/healthz?verbose",
    "/livez",
    "/livez?verbose",
    "/readyz?exclude=etcd",
    "/metrics",
    "/metrics/slis",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
    "/logs",
    "/debug/pprof/cmdline",
    "/nosuch",
    "/nosuch/path?x=1",
    "/favicon.ico",
    "/robots.txt",
    "/swagger.json",
    "/ui",
    "/api/v1/",
    "/api/v1/namespaces//pods",
    "/apis//apps",
    "/flagz",
    "/statusz",
)
_WEIGHTS = {"/openapi/v2": 0.2, "/metrics": 0.2}


def plain(w: Worker) -> Request:
    """Discovery, documents, health and whatever else is no resource."""
    path = w.chance.choices(PLAIN, [_WEIGHTS.get(path, 1) for path in PLAIN])[0]
    method = w.chance.choices(
        ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "FOO", "PUT", "PATCH"),
        (92, 0.5, 2, 2, 1, 1, 1, 1),
    )[0]
    request = Request(method, path, about="plain")
    shape.accept(w, request, transforms=False)
    if path in ("/api", "/apis") and w.maybe(0.5):
        version = w.pick("v2", "v2beta1", "v9")
        base = w.pick(JSON, PROTOBUF)
        request.headers = [
            ("Accept", f"{base};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList,{JSON}")
        ]
        if w.maybe(0.3):
            request.headers.append(("If-None-Match", '"x"'))
    if method in ("POST", "PUT", "PATCH"):
        request.body = w.pick(b"", b"{}", b"x=1")
    return shape.finish(w, request)


def odd_method(w: Worker) -> Request:
    """Methods that a resource does not have."""
    resource: Resource = w.resource()
    namespace = w.where(resource)
    name = w.pick("", w.name(resource))
    method = w.pick("OPTIONS", "POST", "PUT", "PATCH", "DELETE", "FOO", "PROPFIND", "get")
    request = Request(method, resource.path(namespace, name), about="odd method")
    if method == "DELETE" and not name:
        # Of everything: only to try.
        request.target += "?dryRun=All"
    if method in ("POST", "PUT", "PATCH"):
        shape.write_body(w, request, w.make.new(resource, namespace, name or "a"))
    shape.accept(w, request)
    return shape.finish(w, request)
