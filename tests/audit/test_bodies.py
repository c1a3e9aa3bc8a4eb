"""Reading captured bodies."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditproxy.audit import bodies
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import compact, go_text


def test_members_keep_lexemes() -> None:
    """Values stay as they were written; the last of a doubled name counts."""
    members = bodies.members(b'{"a": 1.0e2, "b": "\\u00e9", "a": 2.50}')
    assert {name: bytes(raw) for name, raw in members.items()} == {
        "a": b"2.50",
        "b": b'"\\u00e9"',
    }


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"x"', b"{", b"", b"{'a':1}"])
def test_no_members(raw: bytes) -> None:
    """What is no object is a SerializationError."""
    with pytest.raises(SerializationError):
        bodies.members(raw)


def test_invalid_text_in_members() -> None:
    """Bytes that are not UTF-8 are what Go makes of them."""
    members = bodies.members(b'{"a":"\xff"}')
    assert json.loads(compact(bytes(members["a"]))) == "\ufffd"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"kind":"Pod"}', "Pod"),
        (b'{"kind":1}', ""),
        (b"{}", ""),
        (b"[1]", ""),
        (b"{", ""),
        (b'{"kind":"Pod","x":"\xff"}', "Pod"),
    ],
)
def test_kind(raw: bytes, kind: str) -> None:
    """The kind, where there is one."""
    assert bodies.kind(raw) == kind


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
    found = bodies.metadata(bodies.members(raw))
    assert f"{found.name} {found.namespace} {found.uid} {found.resource_version}" == expected


def test_status_from_json() -> None:
    """Members of a wrong type count as absent; a Status that is no object is an error."""
    status = bodies.status_from_json(
        b'{"status":1,"message":"m","code":"x","details":{"name":1,"causes":[{"field":"f"},3]}}'
    )
    assert (status.status, status.message, status.code) == ("", "m", 0)
    assert status.details is not None
    assert [cause.field for cause in status.details.causes] == ["f"]
    with pytest.raises(SerializationError):
        bodies.status_from_json(b"[]")


def test_identity_encoding() -> None:
    """No coding, no change and no limit."""
    assert bodies.inflate(b"x" * 10, "", 1) == b"x" * 10
    assert bodies.inflate(b"x", "Identity", 1) == b"x"


PLAIN = b'{"kind":"Pod"}' * 10


def raw_deflate(plain: bytes) -> bytes:
    """Deflate without zlib's frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush()


@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (gzip.compress(PLAIN, mtime=0), "X-Gzip"),
        (gzip.compress(PLAIN[:50], mtime=0) + gzip.compress(PLAIN[50:], mtime=0), "gzip"),
        (zlib.compress(PLAIN), "deflate"),
        (raw_deflate(PLAIN), "deflate"),
    ],
)
def test_inflate(packed: bytes, coding: str) -> None:
    """gzip of any number of members, and deflate with and without its frame."""
    assert bodies.inflate(packed, coding, 1000) == PLAIN
    with pytest.raises(SerializationError, match="larger than 139 bytes when unpacked"):
        bodies.inflate(packed, coding, 139)
    with pytest.raises(SerializationError):
        bodies.inflate(packed[:-1], coding, 1000)


def test_bombs() -> None:
    """T220: what unfolds to a multiple of itself is given up at the ratio, before the limit."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(bomb) < 100 * 1024
    allowed = bodies.RATIO_LIMIT * len(bomb)
    with pytest.raises(SerializationError, match=f"larger than {allowed} bytes"):
        bodies.inflate(bomb, "gzip", 1 << 30)
    small = gzip.compress(bytes(bodies.RATIO_FREE), mtime=0)
    assert bodies.inflate(small, "gzip", 1 << 30) == bytes(bodies.RATIO_FREE)


def test_many_members() -> None:
    """T220: a body of countless empty members is given up."""
    with pytest.raises(SerializationError, match="too many members"):
        bodies.inflate(gzip.compress(b"") * 1000, "gzip", 1000)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "x" * 100])
def test_unknown_codings(coding: str) -> None:
    """Codings that are not decoded are named, cut to a readable length."""
    with pytest.raises(SerializationError, match=f"'{coding[:40]}' is not decoded"):
        bodies.inflate(b"x", coding, 1000)


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
            bodies.object_metadata(raw)
        return
    found = (value or {}).get("metadata")
    found = found if isinstance(found, dict) else {}

    def told(name: str) -> str:
        member = found.get(name, "")
        return go_text(member) if isinstance(member, str) else ""

    metadata = bodies.object_metadata(raw)
    assert metadata.name == told("name")
    assert metadata.namespace == told("namespace")
    assert metadata.uid == told("uid")
    assert metadata.resource_version == told("resourceVersion")
    assert bodies.metadata(bodies.members(raw)) == metadata


@given(st.binary(max_size=60) | st.text('{}[]",:metadatanull ', max_size=60).map(str.encode))
def test_skimming_refuses_what_members_refuse(raw: bytes) -> None:
    """B1: of any bytes either both are read or neither, and the metadata is the same."""
    try:
        expected = bodies.metadata(bodies.members(raw))
    except SerializationError:
        with pytest.raises(SerializationError):
            bodies.object_metadata(raw)
        return
    assert bodies.object_metadata(raw) == expected


def test_members_that_are_made_at_once() -> None:
    """B8: an object of countless members is not made; what a large one holds further down is no matter."""
    many = b"{" + b",".join(b'"%d":1' % number for number in range(60_000)) + b"}"
    assert len(bodies.members(many)) == 60_000
    with pytest.raises(BudgetExceededError, match="members of one object"):
        bodies.members(many, Budget(1_000_000))
    for inside in (b'{"kind":"A","data":%b}', b'{"x":%b}'):
        body = inside % (b'{"%b":1}' % (b"a" * 10))
        assert bodies.members(body, Budget(1))
    assert set(bodies.members(b'{"kind":"A","data":%b}' % many, Budget(1))) == {"kind", "data"}
