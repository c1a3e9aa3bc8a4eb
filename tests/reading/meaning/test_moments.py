"""Times as people give them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.units import SECOND
from auditproxy.reading.meaning.moments import (
    in_seconds,
    iso,
    length_of,
    moment,
    pattern_for,
    shown,
    stamp,
)

NOW = 1_795_871_400 * SECOND
"""2026-11-28T13:10:00Z."""
EARLIEST, LATEST = (datetime.fromisoformat(day) for day in ("0001-01-02", "9999-12-30"))
EAST = timezone(timedelta(hours=2))


def at(text: str) -> int:
    """Nanoseconds of an ISO time."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def test_now() -> None:
    """The constant is what its comment says."""
    assert iso(NOW) == "2026-11-28T13:10:00Z"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10m", "2026-11-28T13:00:00Z"),
        ("2h", "2026-11-28T11:10:00Z"),
        ("now-2h", "2026-11-28T11:10:00Z"),
        ("7d", "2026-11-21T13:10:00Z"),
        ("1w1d1h", "2026-11-20T12:10:00Z"),
        ("now", "2026-11-28T13:10:00Z"),
        ("today", "2026-11-28T00:00:00Z"),
        ("yesterday", "2026-11-27T00:00:00Z"),
        ("14:02", "2026-11-28T14:02:00Z"),
        ("14:02:30", "2026-11-28T14:02:30Z"),
        ("tuesday", "2026-11-24T00:00:00Z"),
        ("Tuesday 09:00", "2026-11-24T09:00:00Z"),
        ("saturday 23:59:59", "2026-11-28T23:59:59Z"),
        ("sunday", "2026-11-22T00:00:00Z"),
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        ("2026-01-02T03:04", "2026-01-02T03:04:00Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04Z", "2026-01-02T03:04:00Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-02T03:04:05-00:30", "2026-01-02T03:34:05Z"),
    ],
)
def test_moment(text: str, meant: str) -> None:
    """Durations, words, clocks, dates."""
    assert iso(moment(text, NOW)) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-02", "2026-01-03T00:00:00Z"),
        ("yesterday", "2026-11-28T00:00:00Z"),
        ("tuesday", "2026-11-25T00:00:00Z"),
        ("tuesday 10:00", "2026-11-24T10:00:00Z"),
        ("2026-01-02T03:04", "2026-01-02T03:04:00Z"),
    ],
)
def test_ends(text: str, meant: str) -> None:
    """A day as an end includes the whole day."""
    assert iso(moment(text, NOW, is_end=True)) == meant


def test_zones() -> None:
    """Without a zone a time is one of the zone that is given; durations have none."""
    assert iso(moment("14:02", NOW, EAST)) == "2026-11-28T12:02:00Z"
    assert iso(moment("2026-01-02T00:30", NOW, EAST)) == "2026-01-01T22:30:00Z"
    assert iso(moment("today", NOW, EAST)) == "2026-11-27T22:00:00Z"
    assert iso(moment("2026-01-02T00:30Z", NOW, EAST)) == "2026-01-02T00:30:00Z"
    assert iso(NOW, EAST) == "2026-11-28T15:10:00+02:00"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "25:00", "12:60", "2026-13-01", "2026-01-02T03:04+99:00", "5x", "٣h", "9999999w"],
)
def test_not_a_time(text: str) -> None:
    """The error says what a time is like."""
    with pytest.raises(ValueError, match="is not a time; give one such as 30m"):
        moment(text, NOW)


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    """A text is a time within the years 1 to 9999, or a ValueError."""
    try:
        found = moment(text, NOW)
    except ValueError:
        return
    assert iso(found) != ""


@given(
    st.datetimes(EARLIEST, LATEST),
    st.integers(0, 999_999_999),
    st.integers(-23 * 60, 23 * 60),
)
def test_stamps(when: datetime, fraction: int, offset: int) -> None:
    """Nanoseconds and offsets are kept exactly."""
    when = when.replace(microsecond=0)
    sign, minutes = ("-" if offset < 0 else "+"), abs(offset)
    text = f"{when.isoformat()}.{fraction:09d}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    seconds = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert stamp(text) == (seconds - offset * 60) * SECOND + fraction


@pytest.mark.parametrize(
    "text", ["", "2026-11-23", "2026-02-30T00:00:00Z", "2026-11-23T10:00:00", "x"]
)
def test_not_a_stamp(text: str) -> None:
    """Anything but RFC 3339 is None."""
    assert stamp(text) is None


def test_patterns() -> None:
    """A list has the shortest times that leave no doubt."""
    today, this_year, old = (
        at("2026-11-28T01:00:00Z"),
        at("2026-01-02T03:04:05Z"),
        at("2025-01-02T03:04:05Z"),
    )
    assert shown(today, pattern_for([today], NOW)) == "01:00:00"
    assert shown(this_year, pattern_for([today, this_year], NOW)) == "Jan 02 03:04:05"
    assert shown(old, pattern_for([today, old], NOW)) == "2025-01-02 03:04:05"
    assert shown(1 << 80, "%Y") == ""


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (4_000_000, "4ms"),
        (-5, "0ms"),
        (2_100_000_000, "2.1s"),
        (187 * SECOND, "3m07s"),
        (7500 * SECOND, "2h05m"),
        (100 * 3600 * SECOND, "4d04h"),
    ],
)
def test_lengths(nanoseconds: int, text: str) -> None:
    """Durations in few characters."""
    assert length_of(nanoseconds) == text


def test_in_seconds() -> None:
    """The number decides, whatever its type."""
    assert [in_seconds(value) for value in (1.0, 0.5, 300)] == [
        "1 second",
        "0.5 seconds",
        "300 seconds",
    ]
