"""The webhooks answer what objects ask for."""

import json
from base64 import b64decode
from typing import Any

from tests.differential.webhooks import ANSWER, convert, mutate, validate


def asking(answer: Any) -> dict[str, Any]:
    """A request about an object that wants an answer."""
    return {"object": {"metadata": {"annotations": {ANSWER: json.dumps(answer)}}}}


def test_validate() -> None:
    """A Status of the object's own denies; without one all is allowed."""
    status = {"code": 413, "message": "m"}
    assert validate(asking(status)) == {"allowed": False, "status": status}
    assert validate({"object": None, "oldObject": {"metadata": {}}})["allowed"]


def test_mutate() -> None:
    """A JSON patch, at times one that cannot be applied."""
    requests: tuple[dict[str, Any], ...] = ({"object": {}}, asking("broken"))
    paths = [json.loads(b64decode(mutate(one)["patch"]))[0]["path"] for one in requests]
    assert paths == ["/metadata/labels/mutated", "/nowhere/x"]


def test_convert() -> None:
    """There and back; a broken object fails."""
    first = {"apiVersion": "d.example.com/v1", "spec": {"host": "h", "port": "1", "any": {}}}
    there = convert({"desiredAPIVersion": "d.example.com/v1beta1", "objects": [first]})
    assert there["convertedObjects"][0]["spec"] == {"any": {}, "hostPort": "h:1"}
    back = convert({"desiredAPIVersion": "d.example.com/v1", "objects": there["convertedObjects"]})
    assert back["convertedObjects"] == [first]
    broken = {"spec": {"host": "broken"}}
    refused = convert({"desiredAPIVersion": "d.example.com/v1beta1", "objects": [broken]})
    assert refused["result"]["status"] == "Failure"
