"""Values in the spelling of their Go types, as kube-apiserver 1.36 recorded them."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.govalues import DEPTH_LIMIT, GoValues
from auditproxy.serializer.protobuf.table import Field, WireTable, builtin

VALUES = GoValues(builtin())
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def spelled(body: Any, values: GoValues = VALUES) -> Any:
    """A body after its values got their spelling."""
    members = _MEMBERS.decode(body if isinstance(body, bytes) else json.dumps(body).encode())
    values.apply(members)
    return json.loads(msgspec.json.encode(members))


def pod(**spec: Any) -> dict[str, Any]:
    """A Pod."""
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        (pod(containers=[{"name": "c", "resources": {"limits": {"cpu": "0.1", "memory": "1.5Gi"}}}]),
         ("spec", "containers", 0, "resources", "limits"), {"cpu": "100m", "memory": "1536Mi"}),
        (pod(containers=[{"resources": {"limits": {"pods": 1000, "x": None, "y": 0.1, "z": 1}}}]),
         ("spec", "containers", 0, "resources", "limits"),
         {"pods": "1k", "x": "0", "y": "100m", "z": "1"}),
        (pod(volumes=[{"emptyDir": {"sizeLimit": "2048Mi"}}]),
         ("spec", "volumes", 0, "emptyDir", "sizeLimit"), "2Gi"),
        (pod(volumes=[{"emptyDir": {"sizeLimit": None}}]),
         ("spec", "volumes", 0, "emptyDir", "sizeLimit"), None),
        (pod(overhead={"cpu": "0.00001"}), ("spec", "overhead", "cpu"), "1m"),
        ({"kind": "RuntimeClass", "apiVersion": "node.k8s.io/v1",
          "overhead": {"podFixed": {"cpu": "0.00001"}}}, ("overhead", "podFixed", "cpu"), "10u"),
        ({"kind": "Pod", "apiVersion": "v1", "status": {"nodeAllocatableResourceClaimStatuses": [
            {"resources": {"cpu": "0.00001"}}]}},
         ("status", "nodeAllocatableResourceClaimStatuses", 0, "resources", "cpu"), "10u"),
        ({"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"template": {"spec": {
            "initContainers": [{"resources": {"requests": {"cpu": "1000m"}}}]}}}},
         ("spec", "template", "spec", "initContainers", 0, "resources", "requests", "cpu"), "1"),
        ({"kind": "CSIStorageCapacity", "apiVersion": "storage.k8s.io/v1", "capacity": " 1.5Gi "},
         ("capacity",), "1536Mi"),
        ({"kind": "Event", "apiVersion": "v1", "firstTimestamp": "2026-01-02T00:04:05.5-11:30"},
         ("firstTimestamp",), "2026-01-02T11:34:05Z"),
        ({"kind": "Event", "apiVersion": "v1", "firstTimestamp": "2026-01-02T03:04:05,25Z"},
         ("firstTimestamp",), "2026-01-02T03:04:05Z"),
        ({"kind": "Event", "apiVersion": "v1", "firstTimestamp": "0001-01-01T00:00:00Z"},
         ("firstTimestamp",), None),
        ({"kind": "Event", "apiVersion": "v1", "firstTimestamp": "9999-12-31T23:59:59-01:00"},
         ("firstTimestamp",), "9999-12-31T23:59:59-01:00"),
        ({"kind": "Event", "apiVersion": "v1", "firstTimestamp": "2026-02-30T00:00:00Z"},
         ("firstTimestamp",), "2026-02-30T00:00:00Z"),
        ({"kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
          "spec": {"renewTime": "2026-01-02T03:04:05.123456+02:00"}},
         ("spec", "renewTime"), "2026-01-02T01:04:05.123456Z"),
        ({"kind": "Lease", "apiVersion": "coordination.k8s.io/v1",
          "spec": {"renewTime": "2026-01-02T03:04:05Z"}}, ("spec", "renewTime"),
         "2026-01-02T03:04:05Z"),
        ({"kind": "Secret", "apiVersion": "v1",
          "data": {"a": "YQ\n==\r\n", "b": "YR==", "c": "", "d": None, "e": "!", "f": 1}},
         ("data",), {"a": "YQ==", "b": "YQ==", "c": "", "d": None, "e": "!", "f": 1}),
        ({"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "1024Mi"},
          "metadata": {"creationTimestamp": "2026-01-02T03:04:05+02:00",
                       "managedFields": [{"time": "2026-01-02T03:04:05.999Z"}]}},
         ("metadata",), {"creationTimestamp": "2026-01-02T01:04:05Z",
                         "managedFields": [{"time": "2026-01-02T03:04:05Z"}]}),
    ],
)  # fmt: skip
def test_rows(body: Any, path: tuple[Any, ...], expected: Any) -> None:
    """A10: what the table of types knows, in lists and maps and inlined messages too."""
    found = spelled(body)
    for step in path:
        found = found[step]
    assert found == expected


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "Database", "apiVersion": "example.com/v1", "spec": {"resources": {"limits": {"cpu": "0.1"}}}},
        {"spec": {"containers": [{"resources": {"limits": {"cpu": "0.1"}}}]}},
        pod(containers=[{"resources": {"Limits": {"cpu": "0.1"}}, "unknown": "1024Mi"}]),
        pod(containers={"resources": {"limits": {"cpu": "0.1"}}}),
        pod(containers=[{"resources": {"limits": ["0.1"]}}, None, 1]),
        pod(containers=[{"resources": {"limits": {"cpu": "a lot", "memory": {}, "x": True}}}]),
        pod(containers=[{"ports": [{"containerPort": 80}], "image": "0.1"}]),
        {"kind": ["Pod"], "apiVersion": "v1"},
    ],
)  # fmt: skip
def test_what_stays(body: Any) -> None:
    """A10: other kinds, unknown members, and what the type could not read stay as they are."""
    assert spelled(body) == body


def test_spelling_beside_the_values() -> None:
    """A10: what is not such a value keeps its order, its numbers and its escapes."""
    raw = rb'{"kind":"Pod","apiVersion":"v1","x":1.0e2,"spec":{"z":"\u00e9\/","overhead":{"cpu":"0.1"},"a":01.0}}'
    raw = raw.replace(b"01.0", b"1.0")
    members = _MEMBERS.decode(raw)
    VALUES.apply(members)
    assert msgspec.json.encode(members) == raw.replace(b'"0.1"', b'"100m"')


@pytest.mark.parametrize(
    "spec",
    [
        {"overhead": {"cpu": "100m"}},
        {"containers": [{"resources": {"limits": {"cpu": "100m", "memory": "1Gi"}}}]},
    ],
)
def test_nothing_to_do_changes_nothing(spec: dict[str, Any]) -> None:
    """A10: an object whose values are spelled so already keeps its very bytes, spaces too."""
    members = _MEMBERS.decode(json.dumps(pod(**spec)).encode())
    before = dict(members)
    VALUES.apply(members)
    assert all(members[name] is value for name, value in before.items())


def test_other_tables() -> None:
    """A10: a table that was added names durations, and is not the core group's."""
    table = WireTable(
        {"example.com/v1/Widget": "example.Widget"},
        {
            "example.Widget": (
                Field(1, "wait", "duration", "op"),
                Field(2, "sizes", "quantity", "r"),
                Field(3, "limits", "quantity", "m"),
                Field(4, "next", "m", "op", "example.Widget"),
            )
        },
    )
    body = {
        "kind": "Widget",
        "apiVersion": "example.com/v1",
        "wait": "90m",
        "next": {"wait": "soon", "sizes": ["1024Mi", "1n"], "limits": {"a": "0.00001"}},
    }
    found = spelled(body, GoValues(table))
    assert found["wait"] == "1h30m0s"
    assert found["next"] == {"wait": "soon", "sizes": ["1Gi", "1n"], "limits": {"a": "10u"}}


def test_depth() -> None:
    """A10 HD1: messages without end in one another are looked into so far and no further."""
    fields = (Field(1, "wait", "duration", "op"), Field(2, "next", "m", "op", "example.Widget"))
    values = GoValues(WireTable({"v1/Widget": "example.Widget"}, {"example.Widget": fields}))
    body: Any = {"wait": "90m"}
    for _ in range(200):
        body = {"wait": "90m", "next": body}
    found = spelled({"kind": "Widget", "apiVersion": "v1", **body}, values)
    waits = []
    while found is not None:
        waits.append(found["wait"])
        found = found.get("next")
    assert waits == ["1h30m0s"] * DEPTH_LIMIT + ["90m"] * (201 - DEPTH_LIMIT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("1.5Gi"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["metadata", "spec", "containers", "resources", "limits", "managedFields", "time"]),
        inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data"]), JSON))
def test_any_body(body: dict[str, Any]) -> None:
    """A10: whatever stands where is no error, and doing it again changes nothing."""
    once = spelled({"kind": "Pod", "apiVersion": "v1", **body})
    assert spelled(once) == once


@pytest.mark.parametrize(
    "spec",
    [
        {"overhead": {str(number): "1" for number in range(1000)}},
        {"containers": [{"resources": {"limits": {"a": 1}}}, *({} for _ in range(1000))]},
        {"containers": [{"resources": {"limits": {}}} for _ in range(400)]},
    ],
)
def test_values_are_counted(spec: dict[str, Any]) -> None:
    """B1: rewriting values costs of the budget; a Pod that people write is far below it."""
    members = _MEMBERS.decode(json.dumps(pod(**spec)).encode())
    BUILTIN_TYPES.spell(dict(members), Budget(4000))
    with pytest.raises(BudgetExceededError):
        BUILTIN_TYPES.spell(members, Budget(300))


@pytest.mark.parametrize(
    ("named", "version", "resource", "memory"),
    [
        ({"kind": "Pod", "apiVersion": "v1"}, "", "", "1536Mi"),
        ({"kind": "Pod", "apiVersion": ""}, "v1", "pods", "1536Mi"),
        ({"kind": None}, "v1", "pods", "1536Mi"),
        ({}, "v1", "pods", "1536Mi"),
        ({}, "v1", "", "1.5Gi"),
        ({}, "v2", "pods", "1.5Gi"),
        ({"kind": "Pod", "apiVersion": "v9"}, "v1", "pods", "1.5Gi"),
    ],
)
def test_what_an_object_leaves_out(
    named: dict[str, Any], version: str, resource: str, memory: str
) -> None:
    """A10: an object that does not say what it is, is what its path says."""
    body = {**named, "spec": {"overhead": {"memory": "1.5Gi"}}}
    members = _MEMBERS.decode(json.dumps(body).encode())
    VALUES.apply(members, api_version=version, resource=resource)
    assert json.loads(bytes(members["spec"]))["overhead"]["memory"] == memory


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("v1/Endpoints", "endpoints"),
        ("networking.k8s.io/v1/Ingress", "ingresses"),
        ("networking.k8s.io/v1/NetworkPolicy", "networkpolicies"),
        ("apps/v1/Deployment", "deployments"),
    ],
)
def test_resources_of_kinds(kind: str, resource: str) -> None:
    """The plural of a kind is kube-apiserver's."""
    version, _, name = kind.rpartition("/")
    assert VALUES._resources[json.dumps(version).encode(), resource] == json.dumps(name).encode()
