"""The object of an event, whatever form of the answer or of the patch the client chose."""

from typing import Any

import pytest

from auditproxy.alerts.objects import object_of, pod_spec

SENT = {"kind": "ClusterRole", "rules": ["sent"]}
STORED = {"kind": "ClusterRole", "rules": ["stored"]}
METADATA = {"apiVersion": "meta.k8s.io/v1", "metadata": {"name": "x"}}


@pytest.mark.parametrize(
    ("answered", "rules"),
    [
        (STORED, ["stored"]),
        (None, ["sent"]),
        ("a text", ["sent"]),
        ([STORED], ["sent"]),
        ({"rules": ["no kind"]}, ["sent"]),
        ({"kind": None}, ["sent"]),
        ({"kind": "Status", "code": 201}, ["sent"]),
        ({"kind": "Table", "rows": []}, ["sent"]),
        ({"kind": "PartialObjectMetadata", **METADATA}, ["sent"]),
        ({"kind": "PartialObjectMetadataList", "items": [], **METADATA}, ["sent"]),
        ({"kind": ["ClusterRole"], "rules": ["odd"]}, ["odd"]),
    ],
)
def test_object_of(answered: object, rules: list[str]) -> None:
    """An answer that only describes the object does not stand for it."""
    assert object_of({"requestObject": SENT, "responseObject": answered})["rules"] == rules


def test_a_json_patch() -> None:
    """Where the answer has not the object, it is what the patch sets; of nothing else is a list."""
    sent = [{"op": "add", "path": "/rules/-", "value": "set"}]
    table = {"kind": "Table"}
    event = {"verb": "patch", "requestObject": sent, "responseObject": table}
    assert object_of(event) == {"rules": ["set"]}
    assert object_of({**event, "responseObject": STORED}) == STORED
    assert object_of({**event, "verb": "update"}) == {}


@pytest.mark.parametrize("event", [{}, {"requestObject": "text"}, {"responseObject": [1]}])
def test_no_object(event: dict[str, Any]) -> None:
    """Where there is none, members can be asked for all the same."""
    assert object_of(event) == {}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"spec": {"x": 1}}, {"x": 1}),
        ({"spec": {"template": {"spec": {"x": 1}}}}, {"x": 1}),
        ({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"x": 1}}}}}}, {"x": 1}),
        ({"spec": ["x"]}, {}),
        ({}, {}),
    ],
)
def test_pod_spec(body: dict[str, Any], found: dict[str, Any]) -> None:
    """Of a pod, a workload and a CronJob."""
    assert pod_spec(body) == found
