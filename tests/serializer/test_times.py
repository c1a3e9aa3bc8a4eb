"""Times as Kubernetes writes them."""

from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.times import micro_time, parse_time, rfc3339, rfc3339_nano

MOMENT = 1795439191_814986999


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (MOMENT, "2026-11-23T13:06:31.814986Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        (999, "1970-01-01T00:00:00.000000Z"),
        (1_000_000, "1970-01-01T00:00:00.001000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_micro_time(nanoseconds: int, text: str) -> None:
    """Six digits always, cut and not rounded."""
    assert micro_time(nanoseconds) == text


def test_rfc3339() -> None:
    """Seconds are cut and not rounded."""
    assert rfc3339(MOMENT) == "2026-11-23T13:06:31Z"


@pytest.mark.parametrize(
    ("nanoseconds", "zone", "text"),
    [
        (MOMENT, ZoneInfo("UTC"), "2026-11-23T13:06:31.814986999Z"),
        (MOMENT - 999, ZoneInfo("Europe/Berlin"), "2026-11-23T14:06:31.814986+01:00"),
        (MOMENT - 999, ZoneInfo("America/St_Johns"), "2026-11-23T09:36:31.814986-03:30"),
        (1795439191_810000000, ZoneInfo("Asia/Kathmandu"), "2026-11-23T18:51:31.81+05:45"),
        (1795439191_000000000, timezone(timedelta(0)), "2026-11-23T13:06:31Z"),
    ],
)
def test_rfc3339_nano(nanoseconds: int, zone: tzinfo, text: str) -> None:
    """Trailing zeros go, and the zone is told as Go tells it."""
    assert rfc3339_nano(nanoseconds, zone) == text


@pytest.mark.parametrize(
    "text", ["", "null", "yesterday", "2026-11-23T13:06:31", "2026-13-01T00:00:00Z"]
)
def test_parse_time_error(text: str) -> None:
    """What is no time, or has no zone, is an error."""
    with pytest.raises(SerializationError):
        parse_time(text)


@given(st.integers(0, 250_000_000_000_000_000))
def test_parse_time_reads_micro_time(microseconds: int) -> None:
    """What micro_time writes is read as the same time."""
    assert parse_time(micro_time(microseconds * 1000)) == microseconds * 1000
