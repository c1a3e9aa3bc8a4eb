"""Kubernetes' own values in protobuf, row by row."""

import json
import math
import struct
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.errors import ProtobufError
from auditproxy.serializer.protobuf import values as wirevalues
from tests.fakes.wire import block, number_field


def timestamp(seconds: int, nanoseconds: int = 0) -> bytes:
    """A Timestamp message."""
    return number_field(1, seconds) + number_field(2, nanoseconds)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", b"null"),
        (timestamp(-62135596800), b"null"),
        (timestamp(0), b'"1970-01-01T00:00:00Z"'),
        (timestamp(1_795_500_000, 999_999_999), b'"2026-11-24T06:00:00Z"'),
        (timestamp(951_782_399), b'"2000-02-28T23:59:59Z"'),
        (timestamp(951_782_400), b'"2000-02-29T00:00:00Z"'),
        (timestamp(253_402_300_800), b'"10000-01-01T00:00:00Z"'),
        (timestamp(-62135596801), b'"0000-12-31T23:59:59Z"'),
        (timestamp(-62167219201), b'"-0001-12-31T23:59:59Z"'),
    ],
)
def test_time(raw: bytes, expected: bytes) -> None:
    """Whole seconds; the zero time is null; years of any number of digits."""
    assert wirevalues.time(raw) == expected


@given(st.integers(-62135596799, 253402300799))
def test_time_is_the_calendar(seconds: int) -> None:
    """The same date as another implementation of the calendar."""
    moment = datetime.fromtimestamp(seconds, UTC) if seconds >= 0 else None
    if moment is not None:
        expected = moment.replace(tzinfo=None).isoformat() + "Z"
        assert wirevalues.time(timestamp(seconds)) == json.dumps(expected).encode()
    assert wirevalues.time(timestamp(seconds)).endswith(b'Z"')


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", b"null"),
        (timestamp(0, 1999), b'"1970-01-01T00:00:00.000001Z"'),
        (timestamp(0, -1), b'"1969-12-31T23:59:59.999999Z"'),
        (timestamp(0, 1_500_000_000), b'"1970-01-01T00:00:01.500000Z"'),
    ],
)
def test_micro_time(raw: bytes, expected: bytes) -> None:
    """Six digits, cut; nanoseconds carry into the seconds, as time.Unix does."""
    assert wirevalues.micro_time(raw) == expected


@pytest.mark.parametrize("read", [wirevalues.time, wirevalues.micro_time, wirevalues.quantity])
def test_long_messages_are_not_kept(read: Callable[[bytes], bytes]) -> None:
    """B2: what is remembered of values is bounded in bytes, too, whatever stands beside them."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20):
        assert read(block(9, b"%06d" % number * 10_000))
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept < 60_000


@pytest.mark.parametrize(("value", "expected"), [(1.25e-7, b"1.25e-7"), (-0.0, b"-0")])
def test_double(value: float, expected: bytes) -> None:
    """Eight bytes, in Go's spelling."""
    assert wirevalues.double(struct.pack("<d", value)) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_double_is_the_same_number(value: float) -> None:
    """Whatever the spelling, reading it gives the number."""
    assert float(wirevalues.double(struct.pack("<d", value))) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_double_that_json_has_not(value: float) -> None:
    """Go cannot write them either."""
    with pytest.raises(ProtobufError):
        wirevalues.double(struct.pack("<d", value))


def test_quantity() -> None:
    """As sent; zero when empty."""
    assert wirevalues.quantity(block(1, b"250m")) == b'"250m"'
    assert wirevalues.quantity(block(1, b"1.5Gi")) == b'"1536Mi"'
    assert wirevalues.quantity(block(1, b"1000")) == b'"1k"'
    assert wirevalues.quantity(block(1, b"much")) == b'"much"'
    assert wirevalues.quantity(block(1, b"\xff")) == b'"\\ufffd"'
    assert wirevalues.quantity(b"") == b'"0"'


def test_int_or_string() -> None:
    """Type 0 is a number of 32 bits, type 1 a string, others are nothing."""
    assert wirevalues.int_or_string(b"") == b"0"
    assert wirevalues.int_or_string(number_field(2, -3)) == b"-3"
    assert wirevalues.int_or_string(number_field(1, 1) + block(3, b"25%")) == b'"25%"'
    with pytest.raises(ProtobufError, match="unknown type"):
        wirevalues.int_or_string(number_field(1, 2))
    with pytest.raises(ProtobufError):
        wirevalues.int_or_string(number_field(3, 1))


def test_embedded_json() -> None:
    """Spaces go, spellings stay; nothing is null; what is no JSON is refused."""
    assert wirevalues.raw_json(block(1, b'{ "a" : 1.0e2 }')) == b'{"a":1.0e2}'
    assert wirevalues.raw_json(b"") == b"null"
    assert wirevalues.unknown(block(2, b"[ ]")) == b"[]"
    with pytest.raises(ProtobufError):
        wirevalues.raw_json(block(1, b"k8s\0"))
    with pytest.raises(ProtobufError):
        wirevalues.raw_json(number_field(1, 1))


def test_duration() -> None:
    """Go's spelling."""
    assert wirevalues.duration(number_field(1, 90_000_000_000)) == b'"1m30s"'
    assert wirevalues.duration(b"") == b'"0s"'


def test_string_list() -> None:
    """Elements in order; none is null, as a nil slice is."""
    assert wirevalues.string_list(block(1, b"a") + block(1, b"")) == b'["a",""]'
    assert wirevalues.string_list(b"") == b"null"


def test_quoted() -> None:
    """Bytes that are not UTF-8 become U+FFFD, one each."""
    assert wirevalues.quoted(b'a"\xff\xfe') == b'"a\\"\\ufffd\\ufffd"'
