"""The outermost layer of protobuf: numbers, fields, groups, and what is none of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf import wire as wireformat


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\x80\x00", 0),
        (b"\xff" * 9 + b"\x01", 2**64 - 1),
        (b"\xff" * 9 + b"\x7f", 2**64 - 1),
    ],
)
def test_varint(raw: bytes, value: int) -> None:
    """Numbers of up to ten bytes; bits beyond 64 are lost, as they are in Go."""
    assert wireformat.varint(raw, 0, len(raw)) == (value, len(raw))


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\xff" * 10, b"\xff" * 100])
def test_no_varint(raw: bytes) -> None:
    """Ending early or longer than ten bytes."""
    with pytest.raises(ProtobufError):
        wireformat.varint(raw, 0, len(raw))


@pytest.mark.parametrize(
    ("value", "bits", "meaning"),
    [
        (5, 32, 5),
        (2**64 - 5, 64, -5),
        (2**64 - 5, 32, -5),
        (2**32 + 7, 32, 7),
        (2**31, 32, -(2**31)),
    ],
)
def test_signed(value: int, bits: int, meaning: int) -> None:
    """Two's complement of the lowest bits."""
    assert wireformat.signed(value, bits) == meaning


def test_fields() -> None:
    """Every wire type, a group with everything inside it, in the order of the bytes."""
    group = b"\x1b" + b"\x08\x01" + b"\x0a\x01x" + b"\x23\x24" + b"\x1c"
    raw = b"\x08\x05" + b"\x12\x02hi" + group + b"\x21" + b"8" * 8 + b"\x2d" + b"4444"
    found = [(number, wire) for number, wire, _, _ in wireformat.fields(raw, 0, len(raw))]
    assert found == [(1, 0), (2, 2), (3, 3), (4, 1), (5, 5)]


def test_deep_groups() -> None:
    """Groups in groups do not recurse."""
    raw = b"\x0b" * 100_000 + b"\x0c" * 100_000
    assert len(list(wireformat.fields(raw, 0, len(raw)))) == 1


@given(st.binary(max_size=100))
def test_any_bytes(raw: bytes) -> None:
    """Spans lie inside the bytes, or ProtobufError."""
    try:
        for _, wire, first, last in wireformat.fields(raw, 0, len(raw)):
            assert wire == wireformat.VARINT or 0 <= first <= last <= len(raw)
    except ProtobufError:
        pass
