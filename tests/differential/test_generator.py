"""The requests of a seed: the same each time, of all sorts, and sound as HTTP."""

import json
import re
from collections import Counter

import pytest

from tests.conformance.client import Answer
from tests.differential.client import Request
from tests.differential.generator import Worker
from tests.differential.resources import BY_NAME, RESOURCES
from tests.differential.rig import SCENARIOS

TARGET = re.compile(r"/[^\x00-\x20\x7f]*")


def requests(seed: int, count: int = 600) -> list[Request]:
    """A worker's first requests, without any answer."""
    worker = Worker(seed, 0)
    return [worker.next(SCENARIOS) for _ in range(count)]


def test_reproducible() -> None:
    """A seed is all that decides."""
    assert requests(1) == requests(1)
    assert requests(1) != requests(2)


def test_sound() -> None:
    """Every request can be sent, and its Audit-ID is its own."""
    made = requests(3, 3000)
    assert len({request.audit_id for request in made}) == len(made)
    for request in made:
        assert TARGET.fullmatch(request.target), request.line
        for name, value in request.headers:
            assert re.fullmatch(r"[A-Za-z0-9-]+", name), request.line
            assert "\n" not in value, request.line
            assert "\r" not in value, request.line


def test_all_sorts() -> None:
    """Thousands of requests are of every sort, method, resource type and language."""
    made = requests(4, 6000)
    assert {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} <= {r.method for r in made}
    sorts = Counter(request.about for request in made)
    assert len(sorts) > 40, sorts
    targets = " ".join(request.target for request in made)
    for resource in RESOURCES:
        assert f"{resource.prefix}/" in targets
        assert f"/{resource.plural}" in targets
    given = Counter(value for r in made for name, value in r.headers if name == "Content-Type")
    for media_type in ("json", "yaml", "vnd.kubernetes.protobuf", "cbor", "apply-patch+yaml"):
        assert given[f"application/{media_type}"] > 5, given
    assert any(request.chunked for request in made)
    assert any(request.refused for request in made)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_each_scenario(scenario: object) -> None:
    """Each sort is made without any memory of answers."""
    for seed in range(20):
        request = Worker(seed, 1).next({scenario: 1})  # type: ignore[dict-item]
        assert request.method
        assert request.about


def test_deleting_collections_is_bounded() -> None:
    """Only objects that a run has made are ever deleted by selector: the rig's own stay."""
    for request in requests(5, 6000):
        if request.about != "deletecollection":
            continue
        assert "made%3Ddifferential" in request.target, request.line


def test_learns() -> None:
    """What an answer told comes back in later requests."""
    worker = Worker(1, 0)
    configmaps = BY_NAME["", "configmaps"]
    obj = {"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "77", "uid": "u"}}
    answer = Answer(201, [("Content-Type", "application/json")], json.dumps(obj).encode())
    worker.learn(Request("POST", configmaps.path("w0")), answer)
    path = configmaps.path("w0", "a")
    assert worker.objects == {path: obj}
    assert worker.places[path] == (configmaps, "w0", "a")
    assert worker.resource_version == "77"
    page = Answer(200, answer.headers, json.dumps({"metadata": {"continue": "c"}}).encode())
    worker.learn(Request("GET", configmaps.path("w0") + "?limit=1"), page)
    assert worker.continues == {configmaps.path("w0"): "c"}
    worker.learn(Request("DELETE", path), answer)
    assert worker.objects == {}
    worker.learn(Request("GET", path), Answer(200, answer.headers, b"{"))
    worker.learn(Request("GET", path), Answer(404, answer.headers, answer.body))
    assert worker.objects == {}


def test_cluster_scoped_objects_are_found() -> None:
    """Objects without a namespace are remembered under their path, too."""
    worker = Worker(1, 0)
    nodes = BY_NAME["", "nodes"]
    obj = {"kind": "Node", "metadata": {"name": "w0-a"}}
    answer = Answer(200, [("Content-Type", "application/json")], json.dumps(obj).encode())
    worker.learn(Request("GET", nodes.path("", "w0-a")), answer)
    assert worker.places[nodes.path("", "w0-a")] == (nodes, "", "w0-a")
