"""What a body says it is."""

import contextlib

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.submitted import is_delete_options, type_of
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import SerializationError

PROTOBUF = "application/vnd.kubernetes.protobuf"
OPTIONS = b"k8s\0\n\x13\n\x02v1\x12\rDeleteOptions\x12\x02\x08\x05"


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("", b'{"kind":"A","apiVersion":"g/v1"}', ("A", "g/v1")),
        ("application/json; charset=x", b'{"kind":1}', ("", "")),
        ("application/yaml", b"kind: A\napiVersion: v1\n", ("A", "v1")),
        ("application/cbor", cbor2.dumps({"kind": "A"}), ("A", "")),
        (PROTOBUF, OPTIONS, ("DeleteOptions", "v1")),
    ],
)
def test_type_of(content_type: str, body: bytes, expected: tuple[str, str]) -> None:
    """The kind and version in each form of a body."""
    assert type_of(content_type, body) == expected


@pytest.mark.parametrize("body", [b"[]", b"{", b"1", b""])
def test_no_object(body: bytes) -> None:
    """What is no object has no type."""
    with pytest.raises(SerializationError):
        type_of("application/json", body)


@pytest.mark.parametrize(
    ("content_type", "body", "taken"),
    [
        ("", b"{}", True),
        ("", b'{"kind":"DeleteOptions","apiVersion":"none.io/v1","nothing":1}', True),
        ("", b'{"kind":"Pod"}', False),
        ("", b'{"dryRun":"All"}', False),
        ("", b'{"dryRun":["All"],"preconditions":{"uid":"u"}}', True),
        ("", b'{"preconditions":{"uid":1}}', False),
        ("", b'{"orphanDependents":"true"}', False),
        ("", b"[]", False),
        ("application/yaml", b"propagationPolicy: Orphan", True),
        (PROTOBUF, OPTIONS, True),
        (PROTOBUF, OPTIONS.replace(b"DeleteOptions", b"UpdateOptions"), False),
        (PROTOBUF, b"k8s\0\xff", False),
    ],
)
def test_delete_options(content_type: str, body: bytes, taken: bool) -> None:
    """A5: DeleteOptions by their kind and the types of their members."""
    assert is_delete_options(content_type, body) is taken


@given(st.binary(), st.sampled_from(["", "application/yaml", "application/cbor", PROTOBUF]))
def test_nothing_else_is_raised(body: bytes, content_type: str) -> None:
    """No body raises anything but SerializationError."""
    assert is_delete_options(content_type, body) in (True, False)
    with contextlib.suppress(SerializationError):
        type_of(content_type, body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/yaml", b"[" + b"1," * 5000 + b"1]"),
        ("application/cbor", b"\x9f" + b"\1" * 5000 + b"\xff"),
        (PROTOBUF, b"k8s\0" + b"\x18\1" * 5000),
        (PROTOBUF, OPTIONS[:-2] + b"\x88\x27" + b"\x78\1" * 2500),
    ],
)
def test_budget(content_type: str, body: bytes) -> None:
    """B1: what a body says it is has a budget like everything that is read of it."""
    now = iter(range(0, 1_000_000, 10))
    for read in (type_of, is_delete_options):
        if body.startswith(OPTIONS[:-2]) and read is type_of:
            continue
        budget = Budget(1000, seconds=1, clock=lambda: next(now))
        with pytest.raises(BudgetExceededError):
            read(content_type, body, budget)
