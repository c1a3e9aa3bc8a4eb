"""Numbers out of Go's range."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.jsonnumbers import DIGITS, check_numbers

LONG = b"1" * 5000


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":%b}' % LONG,
        b'{"a":[1,"\\"",-%b]}' % LONG,
        b"1" * 310,
        b"-" + b"9" * 310,
        b"%b.5" % LONG,
        b"%be-10" % LONG,
        b'{"%b":%b}' % (LONG, LONG),
    ],
)
def test_refused(raw: bytes) -> None:
    """An integer that Go's decoder, or a reader in Python, does not take."""
    with pytest.raises(JSONError, match="a number is out of range"):
        check_numbers(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1" * DIGITS,
        b'{"a":"%b"}' % LONG,
        b'{"%b":1}' % LONG,
        b'{"a":"\\"%b"}' % LONG,
        b'{"a":0.%b}' % LONG,
        b'{"a":%be-5000}' % LONG,
        b'{"a":1e-%b}' % LONG,
        b'{"a":1%b' % (b"-" * 5000),
        LONG + b"-+e.1",
        b'"%b"' % LONG,
    ],
)
def test_taken(raw: bytes) -> None:
    """Digits in strings, fractions and exponents, numbers that fit, and what is not JSON."""
    check_numbers(raw)


@given(st.integers(0, 700), st.integers(300, 330), st.integers(0, 400))
def test_wherever_it_stands(before: int, digits: int, after: int) -> None:
    """The result is that of reading every number, for all places and lengths around the limit."""
    raw = json.dumps(["x" * before, 0, "y" * after]).encode()
    raw = raw.replace(b", 0,", b", %b," % (b"3" * digits))
    if math.isinf(float("3" * digits)):
        with pytest.raises(JSONError):
            check_numbers(raw)
    else:
        check_numbers(raw)
