"""The local time zone, with the offset that it had, or has, at each time.

``datetime.astimezone`` gives the offset of one time alone: with it a log of the summer is read in
winter an hour off.
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from auditproxy.apis.gotext import go_quote

_POSIX = re.compile(
    r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?0?(?:[01]?\d|2[0-3])(?::\d\d){0,2}(?:\D.*)?"
)
"""``CET-1CEST``, ``<+03>-3``: a zone of its own, which no file has, less than a day off."""
_UTC_NAMES = ("", "UTC", "UTC0", "GMT", "GMT0")


class LocalZone(tzinfo):
    """The zone of the process, by the rules of the C library; raises OverflowError alone."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """What it is ahead of UTC at a time."""
        return None if when is None else _at(when).utcoffset()

    def dst(self, when: datetime | None) -> timedelta | None:
        """Not known, and not needed."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """Its abbreviation at a time."""
        return None if when is None else _at(when).tzname()

    def fromutc(self, when: datetime) -> datetime:
        """A time of UTC here; the hour that comes twice has the fold of its second time."""
        seconds = int((when.replace(tzinfo=UTC, microsecond=0)).timestamp())
        try:
            local = datetime.fromtimestamp(seconds)  # noqa: DTZ006 - it is what is asked for
        except (ValueError, OSError) as error:
            raise OverflowError(str(error)) from None
        return local.replace(microsecond=when.microsecond, tzinfo=self)


def _at(when: datetime) -> datetime:
    try:
        return when.replace(tzinfo=None).astimezone()
    except (ValueError, OSError) as error:
        raise OverflowError(str(error)) from None


def unknown_zone(environment: Mapping[str, str]) -> str:
    """What is wrong with TZ, which the C library takes for UTC then; "" where nothing is."""
    given = environment.get("TZ", "")
    name = given.removeprefix(":")
    if name in _UTC_NAMES or _POSIX.fullmatch(name):
        return ""
    # A proxy does not pay for it.
    import zoneinfo

    folders = [environment["TZDIR"]] if environment.get("TZDIR") else zoneinfo.TZPATH
    paths = [Path(name)] if os.path.isabs(name) else [Path(folder, name) for folder in folders]
    if any(path.is_file() for path in paths):
        return ""
    return (
        f"TZ={go_quote(given)} is not a time zone of this system; give one such as Europe/Berlin, "
        "or install its zones (package tzdata)"
    )
