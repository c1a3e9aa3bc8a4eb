"""Bodies in the four languages, read back by the product."""

import json
from random import Random
from typing import Any

import msgspec
import pytest
import yaml

from auditproxy.serializer import cbor
from auditproxy.serializer.protobuf.decoder import Decoder
from tests.differential.objects import Maker
from tests.differential.resources import CUSTOM, RESOURCES, Resource
from tests.differential.wire import CBOR, JSON, PROTOBUF, YAML, NotProtobufError, encode

BUILT_IN = [resource for resource in RESOURCES if resource.group != CUSTOM]


def without_empty(value: Any) -> Any:
    """The value without members that protobuf does not tell from absent ones."""
    if isinstance(value, dict):
        kept = {key: without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, "", 0, [], {}, False)}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("resource", BUILT_IN, ids=lambda r: f"{r.api_version}-{r.kind}")
def test_protobuf(resource: Resource) -> None:
    """Each kind's object comes back as it went in."""
    obj = resource.minimal()
    obj["metadata"] = {
        "name": "a",
        "labels": {"a": "b"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    if resource.kind == "CustomResourceDefinition":
        # Its schema holds values that only the server's own types can write.
        obj["spec"]["versions"][0].pop("schema")
    if resource.kind == "IngressClass":
        obj["spec"]["parameters"]["scope"] = "Cluster"
    decoder = Decoder()
    back = json.loads(decoder.decode(encode(obj, PROTOBUF)))
    # Both are written as Go does: quantities have one spelling.
    members = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in obj.items()}
    decoder.spell(members)
    assert without_empty(back) == without_empty(json.loads(msgspec.json.encode(members)))


def test_other_languages() -> None:
    """YAML, CBOR and JSON."""
    obj = {"a": [1, 2.5, None, True, "Gr\u00f6\u00dfe"], "b": {"c": ""}}
    assert yaml.safe_load(encode(obj, YAML)) == obj
    assert json.loads(cbor.to_json(encode(obj, CBOR))) == obj
    assert json.loads(encode(obj, JSON)) == obj


@pytest.mark.parametrize(
    "obj",
    [
        {"apiVersion": f"{CUSTOM}/v1", "kind": "Widget"},
        {"apiVersion": "v1", "kind": "Pod", "spec": "x"},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": "yesterday"}},
        {},
    ],
)
def test_no_protobuf(obj: dict[str, Any]) -> None:
    """What has no protobuf is told from what has."""
    with pytest.raises(NotProtobufError):
        encode(obj, PROTOBUF)


def test_objects_are_made_from_the_seed() -> None:
    """The same chance gives the same objects, another one others."""

    def objects(seed: int) -> list[dict[str, Any]]:
        maker = Maker(Random(seed))
        return [maker.new(resource, "w0", "a") for resource in RESOURCES]

    assert objects(1) == objects(1)
    assert objects(1) != objects(2)
