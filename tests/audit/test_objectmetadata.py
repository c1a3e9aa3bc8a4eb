"""What objectRef needs of an object is read as if the whole object had been."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditproxy.audit import bodies
from auditproxy.audit.objectmetadata import canonical_metadata, metadata_of, object_metadata
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import go_text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"metadata":{"name":"n","namespace":"s","uid":"u","resourceVersion":"1"}}', "n s u 1"),
        (b'{"metadata":{"name":5,"uid":null}}', "   "),
        (b'{"metadata":[]}', "   "),
        (b'{"metadata":null}', "   "),
        (b"{}", "   "),
    ],
)
def test_metadata(raw: bytes, expected: str) -> None:
    """Members of another type count as absent."""
    found = metadata_of(bodies.members(raw))
    assert f"{found.name} {found.namespace} {found.uid} {found.resource_version}" == expected


LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
NAMES = st.sampled_from(["metadata", "name", "namespace", "uid", "resourceVersion", "kind", "x"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5) | VALUES, st.sampled_from([None, 1, 4]))
@example({"metadata": {"name": "a", "labels": {"name": "b"}}}, None)
@example({"metadata": ["name"]}, None)
@example({"metadata": {"name": "\ud800", "uid": 1}}, None)
def test_skimming_agrees(value: Any, indent: int | None) -> None:
    """B1: what fills objectRef is the same as if the whole object had been decoded."""
    raw = json.dumps(value, indent=indent).encode()
    if value is not None and not isinstance(value, dict):
        with pytest.raises(SerializationError):
            object_metadata(raw)
        return
    found = (value or {}).get("metadata")
    found = found if isinstance(found, dict) else {}

    def told(name: str) -> str:
        member = found.get(name, "")
        return go_text(member) if isinstance(member, str) else ""

    metadata = object_metadata(raw)
    assert metadata.name == told("name")
    assert metadata.namespace == told("namespace")
    assert metadata.uid == told("uid")
    assert metadata.resource_version == told("resourceVersion")
    assert metadata_of(bodies.members(raw)) == metadata


@given(st.binary(max_size=60) | st.text('{}[]",:metadatanull ', max_size=60).map(str.encode))
def test_skimming_refuses_what_members_refuse(raw: bytes) -> None:
    """B1: of any bytes either both are read or neither, and the metadata is the same."""
    try:
        expected = metadata_of(bodies.members(raw))
    except SerializationError:
        with pytest.raises(SerializationError):
            object_metadata(raw)
        return
    assert object_metadata(raw) == expected


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_canonical_objects(value: dict[str, Any]) -> None:
    """An object as our encoder writes it is read at once, and to the same."""
    raw = msgspec.json.encode(value)
    assert canonical_metadata(raw) == object_metadata(raw)
    assert canonical_metadata(b" " + raw) is None


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b"{", b'{"metadata":{"uid":"1","uid":"2"}}'])
def test_not_canonical(raw: bytes) -> None:
    """What is no object, or has a member twice, is for others to read."""
    assert canonical_metadata(raw) is None
