"""The local time zone in summer and in winter, and names that no zone has."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from auditproxy.apis.units import SECOND
from auditproxy.app.localzone import LocalZone, unknown_zone
from auditproxy.reading.meaning.moments import iso, moment

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""A zone of its own, which needs no files."""


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone of the process; the one before at the end."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", BERLIN)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("utc", "shown"),
    [
        ("2026-11-23T09:00:00+00:00", "2026-11-23T10:00:00+01:00"),
        ("2026-07-23T09:00:00+00:00", "2026-07-23T11:00:00+02:00"),
        ("2026-10-25T00:30:00+00:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T01:30:00+00:00", "2026-10-25T02:30:00+01:00"),
        ("2026-03-29T01:00:00+00:00", "2026-03-29T03:00:00+02:00"),
    ],
)
def test_summer_and_winter(utc: str, shown: str) -> None:
    """Each time has the offset that it had, in the hour that comes twice too."""
    instant = datetime.fromisoformat(utc)
    local = instant.astimezone(LocalZone())
    assert local.isoformat() == shown
    assert local.astimezone(UTC) == instant
    assert local.tzname() == ("CEST" if shown.endswith("+02:00") else "CET")
    nanoseconds = int(instant.timestamp()) * SECOND
    assert iso(nanoseconds, LocalZone()) == shown


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-07-23T11:00", "2026-07-23T09:00:00Z"),
        ("2026-07-23", "2026-07-22T22:00:00Z"),
        ("10:00", "2026-11-23T09:00:00Z"),
        ("yesterday", "2026-11-21T23:00:00Z"),
        ("2026-10-25", "2026-10-24T22:00:00Z"),
    ],
)
def test_times_that_are_given(text: str, utc: str) -> None:
    """In winter a time of the summer is meant as it was then."""
    now = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * SECOND
    assert iso(moment(text, now, LocalZone())) == utc


def test_the_day_of_the_change() -> None:
    """Yesterday began at midnight, whatever the offset was."""
    now = int(datetime(2026, 10, 26, 12, tzinfo=UTC).timestamp()) * SECOND
    assert iso(moment("yesterday", now, LocalZone())) == "2026-10-24T22:00:00Z"


def test_times_without_a_place() -> None:
    """One error for what the C library cannot say."""
    zone = LocalZone()
    for when in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)):
        with pytest.raises(OverflowError):
            when.astimezone(zone).utcoffset()
    assert (zone.utcoffset(None), zone.tzname(None), zone.dst(None)) == (None, None, None)


def test_a_zone_that_is_a_day_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time there has no offset that could be shown; the other times of the zone have theirs."""
    monkeypatch.setenv("TZ", "AAA-1BBB-25,J60,J300")
    time.tzset()
    winter, summer = (datetime(2026, month, 1, tzinfo=UTC).timestamp() for month in (1, 7))
    found = [iso(int(each) * SECOND, LocalZone()) for each in (winter, summer)]
    assert found == ["2026-01-01T01:00:00+01:00", ""]


@pytest.mark.parametrize(
    "name", ["", "UTC", ":UTC", "CET-1CEST", "<+03>-3", "UTC+2", BERLIN, "EST5EDT", "GMT0"]
)
def test_zones(name: str) -> None:
    """Zones of their own need no files."""
    assert unknown_zone({"TZ": name, "TZDIR": "/nowhere"}) == ""
    assert unknown_zone({}) == ""


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", ":Mars/Olympus", "/nowhere/zone", "garbage", "UTC-24", "AAA999999"]
)
def test_no_zone(name: str) -> None:
    """The C library takes it for UTC, and does not say so."""
    assert unknown_zone({"TZ": name}).startswith(f'TZ="{name}" is not a time zone of this system')


def test_zones_with_files() -> None:
    """A file of the folder of zones is one."""
    assert unknown_zone({"TZ": "test_localzone.py", "TZDIR": __file__.rpartition("/")[0]}) == ""
    assert unknown_zone({"TZ": __file__}) == ""
