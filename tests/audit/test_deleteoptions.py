"""DeleteOptions as they are recorded; more rows are in test_objects.py."""

import json
from typing import Any

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.audit import deleteoptions
from auditproxy.audit.objects import Recorded, request_object
from auditproxy.serializer.budget import Budget


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"dryRun": [], "gracePeriodSeconds": 0}, {"gracePeriodSeconds": 0}),
        ({"kind": "DeleteOptions", "apiVersion": "v1", "x": 1}, {}),
        ({"kind": "", "propagationPolicy": "Orphan"}, {"propagationPolicy": "Orphan"}),
        ({"kind": None, "propagationPolicy": "Orphan"}, {"propagationPolicy": "Orphan"}),
        ({"ignoreStoreReadErrorWithClusterBreakingPotential": False}, {}),
    ],
)
def test_recorded(options: dict[str, Any], expected: dict[str, Any]) -> None:
    """Known members in Go's order, under the internal version."""
    found = deleteoptions.recorded(options)
    assert found is not None
    head = {"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/__internal"}
    assert json.loads(bytes(found)) == {**head, **expected}


def test_order() -> None:
    """The members stand in Go's order, whatever order the body has."""
    options = {"dryRun": ["All"], "propagationPolicy": "Orphan", "gracePeriodSeconds": 0}
    options |= {"preconditions": {"uid": "u"}, "orphanDependents": True}
    found = deleteoptions.recorded(options)
    assert found is not None
    assert list(json.loads(bytes(found)))[2:] == [
        "gracePeriodSeconds",
        "preconditions",
        "orphanDependents",
        "propagationPolicy",
        "dryRun",
    ]


def test_other_kinds() -> None:
    """An object of another kind is not recorded."""
    assert deleteoptions.recorded({"kind": "Pod"}) is None


@pytest.mark.parametrize("verb", ["delete", "deletecollection"])
def test_options_of_countless_values(verb: str) -> None:
    """B8: DeleteOptions of lists upon lists are a string; what they do not know is not looked at."""
    info = RequestInfo(is_resource_request=True, path="/api/v1/pods", verb=verb, resource="pods")

    def recorded(body: bytes) -> Recorded:
        return request_object(
            info,
            "application/json",
            body,
            level=Level.REQUEST,
            omit_managed_fields=False,
            decoded=True,
            budget=Budget(250_000),
        )

    lists = b"[" + b"[]," * 100_000 + b"[]]"
    assert recorded(b'{"unknown":%b,"dryRun":["All"]}' % lists).object is not None
    found = recorded(b'{"dryRun":%b}' % lists)
    assert found.object is not None
    assert isinstance(json.loads(bytes(found.object)), str)
    assert found.annotations[0][0] == "auditproxy.io/request-object-omitted"
