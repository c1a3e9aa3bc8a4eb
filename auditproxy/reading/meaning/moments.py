"""Times as people give them and as they read them; nanoseconds since the epoch.

Pure: what time it is, and where, comes in as parameters.

    10m  2h  7d  2w  now-2h       before now
    now  today  yesterday         the beginning of the day
    14:02  14:02:30               today
    tuesday  tuesday 09:00        the last one, today included
    2026-11-28                    the beginning of the day; as an end, its end
    2026-11-28T13:00[:00[.5]][Z]  in the given time zone without one
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from auditproxy.apis.units import SECOND
from auditproxy.serializer.duration import parse_duration
from auditproxy.serializer.errors import GoDurationError

_DAYS = re.compile(r"(?:(\d{1,5})w)?(?:(\d{1,5})d)?(.*)", re.DOTALL | re.ASCII)
_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAY = re.compile(
    r"(mon|tues|wednes|thurs|fri|satur|sun)day(?:[T ]+(\d\d):(\d\d)(?::(\d\d))?)?",
    re.ASCII | re.IGNORECASE,
)
_WEEKDAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_WORDS = {"now": None, "today": 0, "yesterday": 1}
_LAST = 253_402_300_800 * SECOND
"""The year 10000."""

EXAMPLES = (
    "30m, 24h, 7d, yesterday, 14:02, 'tuesday 09:00', 2026-11-28, 2026-11-28T13:00 or "
    "2026-11-28T13:00:00+01:00"
)


def moment(text: str, now: int, zone: tzinfo = UTC, *, is_end: bool = False) -> int:
    """The time that a text means; raises ValueError with what is accepted."""
    word = text.strip()
    found = _relative(word, now, zone, is_end=is_end)
    if found is None:
        found = _absolute(word, now, zone, is_end=is_end)
    if found is None or not -62_135_596_800 * SECOND <= found < _LAST:
        raise ValueError(f"is not a time; give one such as {EXAMPLES}")
    return found


def stamp(text: str) -> int | None:
    """Nanoseconds of an RFC 3339 time with any number of digits; None where it is not valid."""
    parts = _STAMP.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = parts.groups()
    try:
        whole = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
        passed = whole - _EPOCH - _offset(zone)
    except (ValueError, OverflowError):
        return None
    nanoseconds = int((fraction or "").ljust(9, "0")[:9])
    return (passed.days * 86_400 + passed.seconds) * SECOND + nanoseconds


def iso(nanoseconds: int, zone: tzinfo = UTC) -> str:
    """RFC 3339 in seconds: ``2026-11-28T13:06:31Z``; "" for what is outside of the years."""
    local = _local(nanoseconds, zone)
    if local is None:
        return ""
    text = local.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def pattern_for(moments: Iterable[int], now: int, zone: tzinfo = UTC) -> str:
    """The shortest strftime pattern that leaves no doubt about any of these times."""
    today = _local(now, zone)
    found = [local for local in (_local(each, zone) for each in moments) if local is not None]
    if today is not None and all(local.date() == today.date() for local in found):
        return "%H:%M:%S"
    if today is not None and all(local.year == today.year for local in found):
        return "%b %d %H:%M:%S"
    return "%Y-%m-%d %H:%M:%S"


def shown(nanoseconds: int, pattern: str, zone: tzinfo = UTC) -> str:
    """A time by one of the patterns; "" for what is outside of the years."""
    local = _local(nanoseconds, zone)
    return "" if local is None else local.strftime(pattern)


def length_of(nanoseconds: int) -> str:
    """A duration in few characters: ``4ms``, ``2.1s``, ``3m07s``, ``2h05m``, ``3d04h``."""
    if nanoseconds < SECOND:
        return f"{max(0, nanoseconds) // 1_000_000}ms"
    seconds = nanoseconds / SECOND
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d{hours % 24:02d}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def in_seconds(seconds: float) -> str:
    """``1 second``, ``0.5 seconds``, ``300 seconds``."""
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def _relative(text: str, now: int, zone: tzinfo, *, is_end: bool) -> int | None:
    if text in _WORDS:
        days = _WORDS[text]
        if days is None:
            return now
        return _beginning(now, zone, days - is_end)
    weekday = _WEEKDAY.fullmatch(text)
    if weekday is not None:
        return _on_weekday(weekday, now, zone, is_end=is_end)
    span = text.removeprefix("now-")
    found = _DAYS.fullmatch(span)
    try:
        if found is None or not (found[1] or found[2]):
            return now - parse_duration(span)
        rest = parse_duration(found[3]) if found[3] else 0
    except GoDurationError:
        return None
    return now - (7 * int(found[1] or 0) + int(found[2] or 0)) * _DAY - rest


def _absolute(text: str, now: int, zone: tzinfo, *, is_end: bool) -> int | None:
    clock = _CLOCK.fullmatch(text)
    try:
        if clock is not None:
            local = _local(now, zone)
            if local is None:
                return None
            hour, minute, second = (int(part or 0) for part in clock.groups())
            return _nanoseconds(
                local.replace(hour=hour, minute=minute, second=second, microsecond=0)
            )
        parts = _DATE.fullmatch(text)
        if parts is None:
            return None
        date, minutes, seconds, fraction, offset = parts.groups()
        whole = datetime.fromisoformat(f"{date}T{minutes or '00:00'}{seconds or ':00'}")
        where = zone if offset is None else None
        begun = whole.replace(tzinfo=where or UTC)
        found = _nanoseconds(begun) + int((fraction or "").ljust(9, "0"))
        if offset is not None:
            found -= _nanoseconds(_EPOCH + _offset(offset))
        return found + _DAY if is_end and minutes is None else found
    except (ValueError, OverflowError):
        return None


def _beginning(now: int, zone: tzinfo, days_ago: int) -> int | None:
    local = _local(now, zone)
    if local is None:
        return None
    try:
        day = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
        return _nanoseconds(day)
    except OverflowError:
        return None


def _on_weekday(weekday: re.Match[str], now: int, zone: tzinfo, *, is_end: bool) -> int | None:
    """A time of the last such day, or of today; without one its beginning, or as an end its end."""
    local = _local(now, zone)
    if local is None:
        return None
    days = (local.weekday() - _WEEKDAYS.index(weekday[1].lower())) % 7
    if weekday[2] is None:
        return _beginning(now, zone, days - is_end)
    hour, minute, second = (int(part or 0) for part in weekday.groups()[1:])
    try:
        day = local.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return _nanoseconds(day - timedelta(days=days))
    except (ValueError, OverflowError):
        return None


def _offset(zone: str) -> timedelta:
    """Of ``Z`` or ``+01:00``; raises ValueError."""
    if zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError
    return (-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def _local(nanoseconds: int, zone: tzinfo) -> datetime | None:
    try:
        local = (_EPOCH + timedelta(seconds=nanoseconds // SECOND)).astimezone(zone)
        # Zones of the C library may be a whole day ahead, which no offset can be.
        local.utcoffset()
        return local
    except (OverflowError, ValueError, OSError):
        return None


def _nanoseconds(moment: datetime) -> int:
    passed = moment.astimezone(UTC) - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND + passed.microseconds * 1000
