"""CBOR as Kubernetes writes it."""

import contextlib
import json
import random
import sys
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer import cbor
from auditproxy.serializer.errors import CBORError
from tests.fakes.cpu import fastest


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        # Names and texts are byte strings, with the tag of CBOR itself in front.
        ("d9d9f7a1446b696e6443506f64", '{"kind":"Pod"}'),
        ("a1646b696e6463506f64", '{"kind":"Pod"}'),
        ("a14161d6420102", '{"a":"AQI="}'),
        ("a14161d542fbff", '{"a":"-_8"}'),
        ("a14161d742fbff", '{"a":"fbff"}'),
        ("a14161c074323032362d30312d30315430303a30303a30305a", '{"a":"2026-01-01T00:00:00Z"}'),
        ("83f4f5f6", "[false,true,null]"),
        ("c11a00000001", '"1970-01-01T00:00:01Z"'),
        ("c1fb3ff8000000000000", '"1970-01-01T00:00:01.500000Z"'),
        ("c054323032362d30312d30315430303a30303a30305a", '"2026-01-01T00:00:00Z"'),
        ("81d9d9f76161", '["a"]'),
        ("831820397fff3b7fffffffffffffff", "[32,-32768,-9223372036854775808]"),
        ("1bffffffffffffffff", "18446744073709551615"),
        ("fb3ff8000000000000", "1.5"),
        ("413c", '"\\u003c"'),
        ("41ff", '"\\ufffd"'),
        ("9fff", "[]"),
    ],
)
def test_to_json(raw: str, expected: str) -> None:
    """Byte strings are texts unless a tag says which form they take in JSON."""
    assert cbor.to_json(bytes.fromhex(raw)).decode() == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a1",
        "5b7fffffffffffffff",
        "bb7fffffffffffffff",
        "f97e00",
        "fb7ff0000000000000",
        "f7",
        "a10102",
        "a2416101416102",
        "d81c81d81d00",
        "d90100a10102",
        "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        # Below Go's int64, a bignum, a number of two parts, a fraction, an expression.
        "3b8000000000000000",
        "c249ffffffffffffffffff",
        "c341ff",
        "c5821b0000000005ffffff03",
        "d81e820102",
        "d8236161",
        "d824613a",
        # Times that are none, and bytes that are none.
        "c06133",
        "c0623a31",
        "c174323032362d30312d30315430303a30303a30305a",
        "c11bffffffffffffffff",
        "c1fb7ff8000000000000",
        "c1f5",
        "d61801",
        "81" * 65 + "00",
        "81" * 100_000 + "00",
    ],
)
def test_refused(raw: str) -> None:
    """T220: cut off, too deep, doubled, self-referring, or nothing that JSON has."""
    with pytest.raises(CBORError) as caught:
        cbor.to_json(bytes.fromhex(raw))
    assert "example.com" not in str(caught.value)


def number(seed: int) -> bytes:
    """A byte string of 30,000 bytes."""
    return b"\x59\x75\x30" + random.Random(seed).randbytes(30_000)


@pytest.mark.parametrize(
    "raw",
    [
        # The library would compile this expression for seconds, divide these numbers,
        # and make an integer that Python does not write.
        b"\xa1\x41a\xd8\x23\x78\x5f" + b"(?i)" + "[\x01-\U0010ffff]".encode() * 11 + b"abc",
        b"\xa1\x41a\xd8\x1e\x82\xc2" + number(1) + b"\xc2" + number(2),
        b"\xa1\x41a\xc2\x59\x0b\xb8" + b"\xff" * 3000,
    ],
)  # fmt: skip
def test_no_decoder_of_the_librarys_runs(raw: bytes) -> None:
    """B1: T220: a tag that Kubernetes does not use costs no more than its bytes."""

    def refused() -> None:
        with pytest.raises(CBORError):
            cbor.to_json(raw)

    honest = b"\x81\x59\x75\x30" + b"a" * 30_000
    # The same bytes in a text take a fraction of a millisecond, the library some seconds.
    assert fastest(refused) < 20 * fastest(lambda: cbor.to_json(honest)) + 0.01


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    monkeypatch.setitem(sys.modules, "cbor2", None)
    with pytest.raises(CBORError, match=r"the extra cbor is not installed"):
        cbor.to_json(b"\xa0")


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """T220: any bytes are read or refused by a CBORError, and what is read is valid JSON."""
    with contextlib.suppress(CBORError):
        json.loads(cbor.to_json(raw))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    """What JSON can say comes back, whether texts were texts or bytes."""
    assert json.loads(cbor.to_json(cbor2.dumps(value))) == value
