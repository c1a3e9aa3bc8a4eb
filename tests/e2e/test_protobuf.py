"""The decoder against a real API server: every object and list it has, in both languages."""

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator

import pytest

from auditproxy.serializer import json as go_json
from auditproxy.serializer.protobuf.decoder import Decoder
from tests.e2e.cluster import ADMIN_TOKEN, Cluster, assets, running
from tests.e2e.objects import OBJECTS

PROTOBUF = "application/vnd.kubernetes.protobuf"
PARTIAL = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
EXPECTED = 40
"""Kinds that the server must at least have told about for the test to mean anything."""


class Client:
    """One connection of the administrator."""

    def __init__(self, cluster: Cluster) -> None:
        context = ssl.create_default_context(cafile=str(cluster.ca))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        url = urllib.parse.urlsplit(cluster.url)
        self.connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, context=context, timeout=30
        )

    def ask(
        self, method: str, path: str, accept: str, body: object = None
    ) -> tuple[int, str, bytes]:
        """Code, Content-Type and body of an answer."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Accept": accept}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with an object of each kind that can be made."""
    if assets() is None:
        pytest.skip("KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd")
    with running(tmp_path_factory.mktemp("protobuf")) as cluster:
        client = Client(cluster)
        for name in ("d", "e"):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            client.ask("POST", "/api/v1/namespaces", "application/json", namespace)
        refused = []
        for path, kind, rest in OBJECTS:
            parts = path.split("/")
            api_version = "v1" if parts[1] == "api" else f"{parts[2]}/{parts[3]}"
            metadata = {"name": "x", "labels": {"a": "b"}, **rest.get("metadata", {})}
            made = {"apiVersion": api_version, "kind": kind, **rest, "metadata": metadata}
            code, _, body = client.ask("POST", path, "application/json", made)
            if code != 201:
                refused.append((path, code, json.loads(body).get("message", "")[:300]))
        assert refused == []
        yield client
        client.connection.close()


def collections(client: Client) -> Iterator[str]:
    """Every collection that can be listed, of all groups and versions."""
    groups = json.loads(client.ask("GET", "/apis", "application/json")[2])["groups"]
    prefixes = ["/api/v1"]
    prefixes += [f"/apis/{v['groupVersion']}" for group in groups for v in group["versions"]]
    for prefix in prefixes:
        code, _, body = client.ask("GET", prefix, "application/json")
        for resource in json.loads(body).get("resources", ()) if code == 200 else ():
            if "list" in resource["verbs"] and "/" not in resource["name"]:
                yield f"{prefix}/{resource['name']}"


def both(client: Client, path: str, form: str = "") -> tuple[bytes, bytes] | None:
    """The decoder's JSON and the server's of one path; None where it speaks no protobuf."""
    decoder = Decoder()
    for _ in range(5):
        code, media_type, raw = client.ask("GET", path, PROTOBUF + form)
        if code == 406 or not media_type.startswith(PROTOBUF):
            return None
        _, _, text = client.ask("GET", path, "application/json" + form)
        _, _, again = client.ask("GET", path, PROTOBUF + form)
        if raw == again:
            return decoder.decode(raw), go_json.compact(text.rstrip(b"\n"))
    raise AssertionError(f"{path} changes all the time")


@pytest.mark.timeout(240)
def test_every_kind(client: Client) -> None:
    """Lists, single objects and metadata alone: byte for byte the server's own JSON."""
    kinds = set()
    for path in collections(client):
        # Component statuses come in another order each time.
        found = None if path.endswith("/componentstatuses") else both(client, path)
        if found is None:
            continue
        ours, theirs = found
        assert ours == theirs, path
        listed = json.loads(theirs)
        partial = both(client, path, PARTIAL_LIST)
        assert partial is not None
        assert partial[0] == partial[1], path
        for item in listed["items"][:3]:
            kinds.add(listed["kind"])
            one = object_path(path, item["metadata"])
            for form in ("", PARTIAL):
                pair = both(client, one, form)
                assert pair is not None
                assert pair[0] == pair[1], one
    assert len(kinds) >= EXPECTED, sorted(kinds)


def object_path(collection: str, metadata: dict[str, str]) -> str:
    """The path of an object of a collection over all namespaces."""
    prefix, _, resource = collection.rpartition("/")
    namespace = metadata.get("namespace")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{prefix}{where}/{resource}/{urllib.parse.quote(metadata['name'])}"


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1"])
def test_discovery(client: Client, path: str) -> None:
    """The documents of discovery speak protobuf too."""
    found = both(client, path)
    assert found is not None
    assert found[0] == found[1]


def test_refusal(client: Client) -> None:
    """A Status in protobuf is the Status in JSON."""
    found = both(client, "/api/v1/namespaces/d/pods/none")
    assert found is not None
    assert found[0] == found[1]
