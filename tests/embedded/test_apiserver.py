"""The embedded API server as kubectl does not show it: heads, texts, reviews, watches."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.embedded import Cluster, make_pki, read_answer, read_head, running

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
WEB = "/apis/apps/v1/namespaces/default/deployments/web"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
MERGE = "application/merge-patch+json"


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """A server without TLS."""
    async with asyncio.timeout(30), running() as found:
        yield found


def config_map(name: str, **more: Any) -> dict[str, Any]:
    """A config map."""
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, **more}


async def test_heads(cluster: Cluster) -> None:
    """Audit-Id is echoed or made, and nothing may be cached."""
    answer = await cluster.ask("GET", PODS, Audit_Id="mine")
    assert answer.status == 200
    assert answer.headers["audit-id"] == "mine"
    assert answer.headers["cache-control"] == "no-cache, private"
    assert answer.headers["content-type"] == "application/json"
    answer = await cluster.ask("GET", PODS, token="wrong")
    assert answer.status == 401
    assert len(answer.headers["audit-id"]) == 36
    assert answer.body == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
        b'"message":"Unauthorized","reason":"Unauthorized","code":401}\n'
    )


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/healthz", "", 200),
        ("GET", "/version", "", 200),
        ("GET", "/api", "", 401),
        ("GET", PODS, "", 401),
        ("GET", "/apis", "nobody-token", 200),
        ("GET", "/openapi/v3/api/v1", "nobody-token", 200),
        ("GET", "/metrics", "nobody-token", 403),
        ("POST", "/version", "admin-token", 405),
        ("GET", PODS, "nobody-token", 403),
        ("GET", PODS, "viewer-token", 200),
        ("GET", f"{PODS}/hello", "viewer-token", 200),
        ("GET", "/api/v1/secrets", "viewer-token", 403),
        ("DELETE", f"{PODS}/hello", "viewer-token", 403),
        ("GET", f"{PODS}/hello/exec", "viewer-token", 403),
        ("GET", "/nothing", "admin-token", 404),
        ("GET", "/api/v1/nothing", "admin-token", 404),
        ("GET", "/api/v2/pods", "admin-token", 404),
        ("GET", "/api/v1/namespaces/default/nodes", "admin-token", 404),
        ("GET", f"{PODS}/hello/nothing", "admin-token", 404),
        ("GET", f"{PODS}/hello/exec/more", "admin-token", 404),
        ("PUT", PODS, "admin-token", 405),
        ("DELETE", "/api/v1/namespaces", "admin-token", 405),
        ("DELETE", f"{PODS}/hello/status", "admin-token", 405),
        ("GET", "/apis/authentication.k8s.io/v1/tokenreviews", "admin-token", 405),
        ("GET", "/api/v1/watch", "admin-token", 500),
    ],
)
async def test_statuses(cluster: Cluster, method: str, path: str, token: str, status: int) -> None:
    """Who may reach what, and what is not there."""
    assert (await cluster.ask(method, path, token=token)).status == status


async def test_created_objects(cluster: Cluster) -> None:
    """The server's part of the metadata, and the order of members."""
    body = {"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "b"}}
    body["metadata"] = {"generateName": "made-", "uid": "mine", "managedFields": []}
    answer = await cluster.ask("POST", MAPS, body, User_Agent="tester/1.0 (x)")
    assert answer.status == 201
    found = answer.json
    metadata = found["metadata"]
    assert list(found) == ["kind", "apiVersion", "metadata", "data"]
    assert metadata["name"].startswith("made-")
    assert len(metadata["name"]) == 10
    assert metadata["uid"] != "mine"
    assert metadata["resourceVersion"].isdigit()
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata["managedFields"][0]["manager"] == "tester"
    assert metadata["managedFields"][0]["fieldsV1"] == {"f:data": {"f:a": {}}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", f"{MAPS}/no", None, 404, 'configmaps "no" not found'),
        ("GET", WEB + "x", None, 404, 'deployments.apps "webx" not found'),
        (
            "POST",
            "/api/v1/namespaces/no/configmaps",
            config_map("a"),
            404,
            'namespaces "no" not found',
        ),
        (
            "POST",
            MAPS,
            config_map("kube-root-ca.crt"),
            409,
            'configmaps "kube-root-ca.crt" already exists',
        ),
        (
            "PUT",
            f"{MAPS}/kube-root-ca.crt",
            config_map("kube-root-ca.crt") | {"metadata": {"resourceVersion": "1"}},
            409,
            'Operation cannot be fulfilled on configmaps "kube-root-ca.crt": the object has been '
            "modified; please apply your changes to the latest version and try again",
        ),
        (
            "PUT",
            f"{MAPS}/b",
            config_map("a"),
            400,
            "the name of the object (a) does not match the name on the URL (b)",
        ),
        (
            "POST",
            PODS,
            {"metadata": {"name": "p"}},
            422,
            'Pod "p" is invalid: spec.containers: Required value',
        ),
        (
            "POST",
            MAPS,
            {"metadata": {}},
            422,
            'ConfigMap "" is invalid: metadata.name: Required value: '
            "name or generateName is required",
        ),
        (
            "POST",
            MAPS,
            config_map("a") | {"metadata": {"name": "a", "namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "DELETE",
            "/api/v1/namespaces/default",
            None,
            403,
            'namespaces "default" is forbidden: this namespace may not be deleted',
        ),
        (
            "DELETE",
            f"{PODS}/hello",
            {"preconditions": {"uid": "x"}},
            409,
            'Operation cannot be fulfilled on pods "hello": Precondition failed: UID in '
            "precondition: x, UID in object meta: UID",
        ),
        ("GET", f"{PODS}?fieldSelector=spec.x=y", None, 400, "field label not supported: spec.x"),
        ("POST", f"{MAPS}?dryRun=x", config_map("a"), 400, None),
        ("POST", MAPS, {"kind": "Pod", "metadata": {}}, 400, None),
        ("POST", MAPS, [], 400, "the request body is not an object"),
        ("POST", MAPS, b"{", 400, None),
        ("GET", f"{PODS}?watch=1&resourceVersion=x", None, 400, None),
        ("GET", f"{PODS}?limit=1&continue=x", None, 400, "continue key is not valid"),
        ("POST", MAPS, config_map("a", data=1) | {"metadata": {"name": 1}}, 500, None),
    ],
)
async def test_refusals(
    cluster: Cluster, method: str, path: str, body: Any, status: int, message: str | None
) -> None:
    """kube-apiserver's words."""
    answer = await cluster.ask(method, path, body)
    assert answer.status == status
    found = answer.json
    assert (found["kind"], found["status"], found["code"]) == ("Status", "Failure", status)
    if message is not None:
        pod = (await cluster.ask("GET", f"{PODS}/hello")).json
        if message.endswith("UID"):
            message = message[:-3] + pod["metadata"]["uid"]
        assert found["message"] == message


async def test_media_types(cluster: Cluster) -> None:
    """JSON is what is written; JSON, YAML and protobuf are read."""
    refused = await cluster.ask("GET", PODS, Accept="application/vnd.kubernetes.protobuf")
    assert (refused.status, refused.json["reason"]) == (406, "NotAcceptable")
    refused = await cluster.ask("POST", MAPS, b"x", content_type="text/plain")
    assert (refused.status, refused.json["reason"]) == (415, "UnsupportedMediaType")
    refused = await cluster.ask("PATCH", f"{MAPS}/a", b"{}")
    assert refused.status == 415
    text = b"metadata: {name: a}\ndata: {b: c, b: d}\n"
    strict = f"{MAPS}?fieldValidation=Strict"
    refused = await cluster.ask("POST", strict, text, content_type="application/yaml")
    assert refused.status == 400
    assert refused.json["message"].startswith("strict decoding error: yaml: unmarshal errors:")
    made = await cluster.ask("POST", MAPS, text, content_type="application/yaml")
    assert made.json["data"] == {"b": "d"}


async def test_lists(cluster: Cluster) -> None:
    """Selectors, pieces, and items that do not repeat their kind."""
    for name in ("a", "b", "c"):
        labels = {"metadata": {"name": name, "labels": {"l": name}}}
        await cluster.ask("POST", MAPS, config_map(name) | labels)

    async def names(query: str) -> list[str]:
        items = (await cluster.ask("GET", f"{MAPS}?{query}")).json["items"]
        return [item["metadata"]["name"] for item in items]

    found = (await cluster.ask("GET", MAPS)).json
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    assert "kind" not in found["items"][0]
    assert await names("labelSelector=l%20in%20(a,b)") == ["a", "b"]
    assert await names("labelSelector=l,l!=a") == ["b", "c"]
    assert await names("labelSelector=!l") == ["kube-root-ca.crt"]
    assert await names("fieldSelector=metadata.name=c") == ["c"]
    assert await names("fieldSelector=metadata.namespace!=default") == []
    first = (await cluster.ask("GET", f"{MAPS}?limit=3")).json
    assert first["metadata"]["remainingItemCount"] == 1
    rest = await names(f"limit=3&continue={first['metadata']['continue']}")
    assert rest == ["kube-root-ca.crt"]
    everywhere = (await cluster.ask("GET", "/api/v1/configmaps")).json
    assert len(everywhere["items"]) == 7
    deleted = await cluster.ask("DELETE", f"{MAPS}?labelSelector=l")
    assert [item["metadata"]["name"] for item in deleted.json["items"]] == ["a", "b", "c"]
    assert await names("") == ["kube-root-ca.crt"]


async def test_forms(cluster: Cluster) -> None:
    """Tables and metadata alone."""
    found = (await cluster.ask("GET", PODS, Accept=TABLE)).json
    assert (found["kind"], found["rows"][0]["cells"][:3]) == ("Table", ["hello", "1/1", "Running"])
    assert found["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    found = (await cluster.ask("GET", f"{PODS}/hello?includeObject=Object", Accept=TABLE)).json
    assert found["rows"][0]["object"]["kind"] == "Pod"
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    found = (await cluster.ask("GET", PODS, Accept=accept)).json
    assert found["kind"] == "PartialObjectMetadataList"
    assert set(found["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_updates(cluster: Cluster) -> None:
    """Generation follows the spec, status its own subresource, nothing changed is no write."""
    before = (await cluster.ask("GET", WEB)).json
    patch = {"spec": {"replicas": 5}, "status": {"replicas": 99}}
    after = (await cluster.ask("PATCH", WEB, patch, content_type=MERGE)).json
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["status"]["replicas"] == 5
    again = (await cluster.ask("PATCH", WEB, patch, content_type=MERGE)).json
    assert again["metadata"] == after["metadata"]
    status = {"spec": {"replicas": 7}, "status": {"phase": "Failed"}}
    pod = (await cluster.ask("PATCH", f"{PODS}/hello/status", status, content_type=MERGE)).json
    assert pod["status"]["phase"] == "Failed"
    assert "replicas" not in pod["spec"]
    assert pod["metadata"]["managedFields"][-1]["subresource"] == "status"


async def test_scale(cluster: Cluster) -> None:
    """Scale is an object of its own."""
    found = (await cluster.ask("GET", f"{WEB}/scale")).json
    assert (found["kind"], found["spec"]) == ("Scale", {"replicas": 1})
    found["spec"]["replicas"] = 4
    assert (await cluster.ask("PUT", f"{WEB}/scale", found)).json["spec"] == {"replicas": 4}
    assert (await cluster.ask("PUT", f"{WEB}/scale", found)).status == 409
    negative = {"spec": {"replicas": -1}}
    refused = await cluster.ask("PATCH", f"{WEB}/scale", negative, content_type=MERGE)
    assert refused.status == 422
    assert (await cluster.ask("GET", WEB)).json["status"]["replicas"] == 4


async def test_deletions(cluster: Cluster) -> None:
    """A Status, a pod that terminates, finalizers that hold, a namespace with all in it."""
    await cluster.ask("POST", MAPS, config_map("a"))
    gone = (await cluster.ask("DELETE", f"{MAPS}/a")).json
    assert (gone["status"], gone["details"]["kind"]) == ("Success", "configmaps")
    pod = (await cluster.ask("DELETE", f"{PODS}/hello")).json
    assert (pod["kind"], pod["metadata"]["deletionGracePeriodSeconds"]) == ("Pod", 30)
    assert (await cluster.ask("GET", f"{PODS}/hello")).status == 404
    held = {"metadata": {"name": "held", "finalizers": ["x/y"]}}
    await cluster.ask("POST", MAPS, config_map("held") | held)
    assert "deletionTimestamp" in (await cluster.ask("DELETE", f"{MAPS}/held")).json["metadata"]
    assert (await cluster.ask("GET", f"{MAPS}/held")).status == 200
    free = {"metadata": {"finalizers": None}}
    await cluster.ask("PATCH", f"{MAPS}/held", free, content_type=MERGE)
    assert (await cluster.ask("GET", f"{MAPS}/held")).status == 404
    await cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    inside = "/api/v1/namespaces/n/configmaps"
    assert len((await cluster.ask("GET", inside)).json["items"]) == 1
    leaving = (await cluster.ask("DELETE", "/api/v1/namespaces/n")).json
    assert leaving["status"]["phase"] == "Terminating"
    assert (await cluster.ask("GET", inside)).json["items"] == []


class Watching:
    """A watch on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Type and object of the next event."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        event = json.loads((await self.reader.readexactly(size + 2))[:-2])
        return event["type"], event["object"]


@contextlib.asynccontextmanager
async def watching(cluster: Cluster, query: str, accept: str = "*/*") -> AsyncIterator[Watching]:
    """Watch the config maps of the default namespace."""
    reader, writer = await cluster.connect()
    try:
        writer.write(
            f"GET {MAPS}?watch=true&{query} HTTP/1.1\r\nAccept: {accept}\r\n"
            "Authorization: Bearer viewer-token\r\n\r\n".encode()
        )
        assert (await read_head(reader))[0] == 200
        yield Watching(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_watch(cluster: Cluster) -> None:
    """What exists, what changes, what comes to fit and what ceases to; then a time to end."""
    async with watching(cluster, "labelSelector=l=1&timeoutSeconds=1") as watch:
        for labels in ({}, {"l": "1"}, {"l": "1", "m": "1"}, {"l": "2"}):
            item = config_map("a") | {"metadata": {"name": "a", "labels": labels}}
            await cluster.ask("PUT" if labels else "POST", MAPS + ("/a" if labels else ""), item)
        found = [await watch.next() for _ in range(3)]
        assert [kind for kind, _ in found] == ["ADDED", "MODIFIED", "DELETED"]
        versions = [int(item["metadata"]["resourceVersion"]) for _, item in found]
        assert versions == sorted(set(versions))
        assert await watch.reader.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"


async def test_watch_from_the_past(cluster: Cluster) -> None:
    """A list and a watch from its resourceVersion miss nothing."""
    version = (await cluster.ask("GET", MAPS)).json["metadata"]["resourceVersion"]
    await cluster.ask("POST", MAPS, config_map("a"))
    await cluster.ask("DELETE", f"{MAPS}/a")
    async with watching(cluster, f"resourceVersion={version}") as watch:
        assert [(await watch.next())[0] for _ in range(2)] == ["ADDED", "DELETED"]


async def test_watch_lists(cluster: Cluster) -> None:
    """sendInitialEvents ends with a bookmark that says so."""
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with watching(cluster, query) as watch:
        assert (await watch.next())[0] == "ADDED"
        kind, item = await watch.next()
        assert kind == "BOOKMARK"
        assert item["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_watch_as_tables(cluster: Cluster) -> None:
    """Columns come with the first row only."""
    await cluster.ask("POST", MAPS, config_map("a"))
    async with watching(cluster, "", TABLE) as watch:
        _, first = await watch.next()
        _, second = await watch.next()
    assert first["columnDefinitions"][0]["name"] == "Name"
    assert second["columnDefinitions"] is None
    assert [table["rows"][0]["cells"][0] for table in (first, second)] == ["a", "kube-root-ca.crt"]


async def test_watch_too_old() -> None:
    """The history's end is an event of its own."""
    async with asyncio.timeout(30), running(history=2) as small:
        for name in ("a", "b", "c"):
            await small.ask("POST", MAPS, config_map(name))
        async with watching(small, "resourceVersion=1") as watch:
            kind, status = await watch.next()
        assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


async def review(cluster: Cluster, path: str, spec: Any, **more: Any) -> Any:
    """The status of a review."""
    answer = await cluster.ask("POST", f"/apis/{path}", {"spec": spec}, **more)
    assert answer.status == 201, answer.body
    return answer.json["status"]


async def test_reviews(cluster: Cluster) -> None:
    """What a proxy asks before it believes somebody."""
    found = await review(
        cluster, "authentication.k8s.io/v1/tokenreviews", {"token": "viewer-token"}
    )
    assert found["authenticated"] is True
    assert found["user"] == {
        "username": "viewer",
        "uid": "u1",
        "groups": ["dev", "system:authenticated"],
    }
    found = await review(cluster, "authentication.k8s.io/v1/tokenreviews", {"token": "x"})
    assert "authenticated" not in found
    access = "authorization.k8s.io/v1/subjectaccessreviews"
    asked = {"user": "viewer", "resourceAttributes": {"verb": "list", "resource": "pods"}}
    assert (await review(cluster, access, asked))["allowed"] is True
    asked["resourceAttributes"] = {"verb": "create", "resource": "pods"}
    assert (await review(cluster, access, asked))["allowed"] is False
    path = {"groups": ["system:masters"], "nonResourceAttributes": {"path": "/x", "verb": "get"}}
    assert (await review(cluster, access, path))["allowed"] is True
    mine = {"resourceAttributes": {"verb": "get", "resource": "secrets"}}
    name = "authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await review(cluster, name, mine, token="viewer-token"))["allowed"] is False
    refused = await cluster.ask("POST", f"/apis/{access}", {"spec": {"user": "a"}})
    assert refused.status == 422
    refused = await cluster.ask("POST", f"/apis/{access}", {"spec": {}}, token="viewer-token")
    assert refused.status == 403


async def test_impersonation(cluster: Cluster) -> None:
    """All of it for masters, none of it for others."""
    name = "authentication.k8s.io/v1/selfsubjectreviews"
    found = await review(
        cluster,
        name,
        {},
        Impersonate_User="bob",
        Impersonate_Group="dev",
        Impersonate_Uid="7",
        **{"Impersonate_Extra_a%2Fb": "c"},
    )
    assert found["userInfo"] == {
        "username": "bob",
        "uid": "7",
        "groups": ["dev", "system:authenticated"],
        "extra": {"a/b": ["c"]},
    }
    refused = await cluster.ask("GET", PODS, token="viewer-token", Impersonate_Group="dev")
    assert refused.status == 400
    refused = await cluster.ask(
        "GET", PODS, token="viewer-token", Impersonate_User="system:serviceaccount:default:x"
    )
    assert refused.json["message"] == (
        'serviceaccounts "x" is forbidden: User "viewer" cannot impersonate resource '
        '"serviceaccounts" in API group "" in the namespace "default"'
    )


async def test_discovery(cluster: Cluster) -> None:
    """Aggregated and not, and a document of OpenAPI that says fieldValidation is known."""
    form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    for path in ("/api", "/apis"):
        answer = await cluster.ask("GET", path, Accept=f"{form},application/json")
        assert answer.headers["content-type"] == form
        assert answer.json["kind"] == "APIGroupDiscoveryList"
    assert (await cluster.ask("GET", "/api")).json["versions"] == ["v1"]
    groups = (await cluster.ask("GET", "/apis")).json["groups"]
    for version in [f"apis/{group['versions'][0]['groupVersion']}" for group in groups]:
        resources = (await cluster.ask("GET", f"/{version}")).json
        assert f"apis/{resources['groupVersion']}" == version
        assert resources["resources"]
    index = (await cluster.ask("GET", "/openapi/v3")).json
    for entry in index["paths"].values():
        document = (await cluster.ask("GET", entry["serverRelativeURL"])).json
        assert document["openapi"] == "3.0.0"


async def test_client_certificates(tmp_path: Path) -> None:
    """The common name is the user; a certificate is not demanded."""
    context = make_pki(tmp_path / "pki")
    async with running(ssl_context=context) as cluster:
        for name, status in (("admin", 200), ("alice", 403), ("", 401)):
            client = ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.crt"))
            if name:
                pki = tmp_path / "pki"
                client.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", cluster.port, ssl=client, server_hostname="localhost"
            )
            writer.write(f"GET {PODS} HTTP/1.1\r\n\r\n".encode())
            assert (await read_answer(reader)).status == status
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_add_pod(cluster: Cluster) -> None:
    """A demo may have more pods."""
    cluster.server.add_pod("two", containers=("a", "b"))
    found = (await cluster.ask("GET", f"{PODS}/two")).json
    assert [each["name"] for each in found["spec"]["containers"]] == ["a", "b"]
    assert found["status"]["phase"] == "Running"
