"""Times in submitted objects: as kube-apiserver writes them, except where it records what was sent."""

import json
from typing import Any

import pytest
import yaml

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.audit.objects import request_object
from auditproxy.serializer.protobuf.decoder import Decoder
from auditproxy.serializer.protobuf.table import Field, WireTable, merged

PYTHONS, NODES, WRITTEN = (
    "2026-11-27T20:22:14+00:00",
    "2026-11-27T20:22:14.000Z",
    "2026-11-27T20:22:14Z",
)


def recorded(verb: str, body: bytes, content_type: str, **more: Any) -> dict[str, Any]:
    """The object that is recorded of a body."""
    info = RequestInfo(is_resource_request=True, path="/", verb=verb, resource="configmaps")
    found = request_object(
        info,
        content_type,
        body,
        level=Level.REQUEST,
        omit_managed_fields=False,
        decoded=True,
        **more,
    )
    assert found.object is not None
    result: dict[str, Any] = json.loads(bytes(found.object))
    return result


def config_map(moment: str) -> dict[str, Any]:
    """An object as a client sends back what it has read."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "creationTimestamp": moment, "managedFields": [{"time": moment}]},
        "data": {"at": moment},
    }


@pytest.mark.parametrize("moment", [PYTHONS, NODES, WRITTEN])
@pytest.mark.parametrize("verb", ["create", "update"])
def test_read_modify_write(verb: str, moment: str) -> None:
    """What the clients for Python and JavaScript send back is recorded as the server has it."""
    metadata = {"name": "a", "creationTimestamp": WRITTEN, "managedFields": [{"time": WRITTEN}]}
    wanted = {**config_map(WRITTEN), "metadata": metadata, "data": {"at": moment}}
    obj = config_map(moment)
    assert recorded(verb, json.dumps(obj).encode(), "application/json") == wanted
    assert recorded(verb, yaml.safe_dump(obj).encode(), "application/yaml") == wanted


def test_custom_resources() -> None:
    """Of a kind that nobody has told us of, the metadata alone."""
    obj = {**config_map(PYTHONS), "apiVersion": "d.example.com/v1", "kind": "Widget"}
    metadata = {"name": "a", "creationTimestamp": WRITTEN, "managedFields": [{"time": WRITTEN}]}
    found = recorded("create", json.dumps(obj).encode(), "application/json")
    assert found == {**obj, "metadata": metadata}
    bare = {"metadata": {"name": "a", "creationTimestamp": PYTHONS}}
    found = recorded("create", json.dumps(bare).encode(), "application/json")
    assert found["metadata"]["creationTimestamp"] == WRITTEN
    odds: tuple[object, ...] = (None, [], "x", {"managedFields": [None]})
    for odd in odds:
        assert recorded("create", json.dumps({"metadata": odd}).encode(), "application/json") == {
            "metadata": odd
        }


def test_patches_stay() -> None:
    """A patch is recorded as it was sent: the server does not decode it for its record."""
    body = json.dumps(config_map(PYTHONS)).encode()
    for patch_type in ("application/merge-patch+json", "application/apply-patch+yaml"):
        assert recorded("patch", body, patch_type) == config_map(PYTHONS)


def test_tables_of_other_types() -> None:
    """The kinds of --audit-protobuf-table count too."""
    types: dict[str, tuple[Field, ...]] = {
        "m": (Field(1, "", "@typemeta"), Field(2, "at", "time", "o"))
    }
    decoder = Decoder(merged((WireTable(kinds={"d.example.com/v1/Thing": "m"}, types=types),)))
    obj = {"apiVersion": "d.example.com/v1", "kind": "Thing", "at": PYTHONS}
    body = json.dumps(obj).encode()
    assert recorded("create", body, "application/json", types=decoder)["at"] == WRITTEN
    assert recorded("create", body, "application/json")["at"] == PYTHONS
