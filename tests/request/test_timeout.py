"""The timeout parameter: rows of kube-apiserver's request deadline, then a property."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.request.target import parse_target
from auditproxy.request.timeout import TimeoutParameterError, request_deadline
from auditproxy.serializer.duration import format_duration

SECOND = 1_000_000_000
MAXIMUM = 60 * SECOND
PREFIX = "invalid timeout specified in the request URL - "


def deadline(query: str) -> int:
    """The nanoseconds that a list with this query may take."""
    target = parse_target("GET", b"/api/v1/namespaces" + query.encode())
    return request_deadline(target, MAXIMUM)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", MAXIMUM),
        ("?", MAXIMUM),
        ("?limit=500", MAXIMUM),
        ("?timeout=", MAXIMUM),
        ("?timeout", MAXIMUM),
        ("?timeout=0s", MAXIMUM),
        ("?timeout=0", MAXIMUM),
        ("?timeout=-5s", MAXIMUM),
        ("?timeout=10s", 10 * SECOND),
        ("?timeout=15s", 15 * SECOND),
        ("?timeout=59s", 59 * SECOND),
        ("?timeout=60s", MAXIMUM),
        ("?timeout=61s", MAXIMUM),
        ("?timeout=1ns", 1),
        ("?timeout=%2B1.5s", SECOND * 3 // 2),
        ("?timeout=1m1s", MAXIMUM),
        ("?timeout=12%C2%B5s", 12_000),
        ("?timeout=&timeout=5s", MAXIMUM),
        ("?timeout=5s&timeout=foo", 5 * SECOND),
        ("?timeout=foo;x", MAXIMUM),
        ("?timeout=%zz", MAXIMUM),
        ("?Timeout=foo", MAXIMUM),
    ],
)
def test_deadline(query: str, expected: int) -> None:
    """The first value counts when it is positive and below the maximum."""
    assert deadline(query) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("foo", 'time: invalid duration "foo"'),
        ("10", 'time: missing unit in duration "10"'),
        ("1h1", 'time: missing unit in duration "1h1"'),
        ("10x", 'time: unknown unit "x" in duration "10x"'),
        ("1e3s", 'time: unknown unit "e" in duration "1e3s"'),
        ("1s%20", 'time: unknown unit "s " in duration "1s "'),
        ("1s+", 'time: unknown unit "s " in duration "1s "'),
        ("%22%5C", 'time: invalid duration "\\"\\\\"'),
        ("%01%ff%c3%a4", 'time: invalid duration "\\x01\\xff\\xc3\\xa4"'),
    ],
)
def test_no_duration(value: str, text: str) -> None:
    """What Go cannot read is kube-apiserver's 400, with Go's text."""
    with pytest.raises(TimeoutParameterError) as caught:
        deadline(f"?timeout={value}")
    assert str(caught.value) == PREFIX + text


@given(st.integers(-(10**12), 10**12))
def test_bounds(nanoseconds: int) -> None:
    """Whatever is asked for, the answer is positive, at most the maximum, else what was asked."""
    text = format_duration(nanoseconds).replace("\u00b5", "%C2%B5")
    found = deadline(f"?timeout={text}")
    assert 0 < found <= MAXIMUM
    assert found == nanoseconds or not 0 < nanoseconds < MAXIMUM


@given(st.text(max_size=20))
def test_any_text(text: str) -> None:
    """Every value is a deadline or a refusal."""
    raw = b"/a?timeout=" + b"".join(b"%%%02x" % byte for byte in text.encode())
    with contextlib.suppress(TimeoutParameterError):
        assert 0 < request_deadline(parse_target("GET", raw), MAXIMUM) <= MAXIMUM
