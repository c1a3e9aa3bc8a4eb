"""Request bodies in protobuf."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.embedded.rest.kinds import RESOURCES
from auditproxy.embedded.rest.protobuf import _definitions, read_object
from auditproxy.serializer.errors import ProtobufError


def varint(value: int) -> bytes:
    """A number as it is written."""
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | str | int) -> bytes:
    """One field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def body(api_version: str, kind: str, *fields: bytes) -> bytes:
    """A whole body."""
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, b"".join(fields))


METADATA = field(1, field(1, "n") + field(3, "ns"))
NAMED = {"name": "n", "namespace": "ns"}
CONTAINER = field(1, "app") + field(2, "i:1")


@pytest.mark.parametrize(
    ("api_version", "kind", "fields", "members"),
    [
        ("v1", "ConfigMap", [field(2, field(1, "a") + field(2, "b"))], {"data": {"a": "b"}}),
        ("v1", "ConfigMap", [field(2, field(1, "a"))], {"data": {"a": ""}}),
        ("v1", "Secret", [field(2, field(1, "a") + field(2, b"\xff"))], {"data": {"a": "/w=="}}),
        (
            "v1",
            "Pod",
            [field(2, field(2, CONTAINER)), field(3, b"")],
            {"spec": {"containers": [{"name": "app", "image": "i:1"}]}},
        ),
        # A pointer to zero is a value, a plain zero is none.
        ("apps/v1", "Deployment", [field(2, field(1, 0) + field(5, 0))], {"spec": {"replicas": 0}}),
        ("apps/v1", "Deployment", [field(2, field(1, -1))], {"spec": {"replicas": -1}}),
        # Two parts of one message are one message; unknown fields are passed over.
        (
            "v1",
            "Pod",
            [field(2, field(10, "a")), field(2, field(3, "Never")), field(99, "x")],
            {"spec": {"restartPolicy": "Never", "nodeName": "a"}},
        ),
        # An inlined message, an empty one that is a pointer.
        (
            "v1",
            "Pod",
            [field(2, field(1, field(1, "v") + field(2, field(2, b""))))],
            {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
        ),
        (
            "v1",
            "Service",
            [field(2, field(1, field(3, 80) + field(4, field(1, 1) + field(3, "web"))))],
            {"spec": {"ports": [{"port": 80, "targetPort": "web"}]}},
        ),
        (
            "v1",
            "Node",
            [field(3, field(1, field(1, "cpu") + field(2, field(1, "2"))))],
            {"status": {"capacity": {"cpu": "2"}}},
        ),
    ],
)
def test_objects(api_version: str, kind: str, fields: list[bytes], members: Any) -> None:
    """As their JSON would be."""
    found = read_object(body(api_version, kind, METADATA, *fields))
    assert found == {"kind": kind, "apiVersion": api_version, "metadata": NAMED, **members}


def test_times() -> None:
    """Times in seconds, and in microseconds where the type has them."""
    metadata = field(1, field(8, field(1, 1)))
    spec = field(2, field(4, field(1, 1) + field(2, 2000)))
    found = read_object(body("coordination.k8s.io/v1", "Lease", metadata, spec))
    assert found["metadata"] == {"creationTimestamp": "1970-01-01T00:00:01Z"}
    assert "1970-01-01T00:00:01.000002Z" in found["spec"].values()


def test_every_kind_has_a_definition() -> None:
    """Whatever can be created can be sent in protobuf."""
    known = _definitions()
    for kind in RESOURCES:
        assert f"{kind.api_version}/{kind.kind}" in known.kinds
    for fields in known.types.values():
        for each in fields:
            assert not each.message or each.kind != "m" or each.message in known.types


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"k8s\0",
        body("v2", "Pod"),
        body("v1", "Pod", field(2, 5)),
        body("v1", "Pod", field(1, b"\xff\xff")),
        body("v1", "Pod", field(1, field(1, b"\xff"))),
        body("v1", "Pod", b"\x0f"),
        body("v1", "Pod", b"\x80" * 11),
    ],
)
def test_no_objects(raw: bytes) -> None:
    """What cannot be read is refused."""
    with pytest.raises(ProtobufError):
        read_object(raw)


@given(st.sampled_from(["Pod", "Service", "Event", "Node"]), st.binary(max_size=60))
def test_any_bytes(kind: str, raw: bytes) -> None:
    """Nothing but a ProtobufError comes of nonsense."""
    try:
        found = read_object(body("v1", kind, raw))
    except ProtobufError:
        return
    assert found["kind"] == kind
