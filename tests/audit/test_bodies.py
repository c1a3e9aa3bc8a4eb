"""Reading captured bodies."""

import gzip
import json
import zlib

import pytest

from auditproxy.audit import bodies
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import compact


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
