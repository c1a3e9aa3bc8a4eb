"""Points in time as Kubernetes writes them. A time is an int: nanoseconds since the epoch, UTC."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from auditproxy.apis.units import SECOND
from auditproxy.serializer.errors import SerializationError

ZERO_TIME = "0001-01-01T00:00:00Z"
"""What Go writes for a time that was never set."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micro_time(nanoseconds: int) -> str:
    """metav1.MicroTime: ``2026-11-23T13:06:31.814986Z``, always six digits, cut and not rounded."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{date_and_time(seconds)}.{rest // 1000:06d}Z"


def rfc3339(nanoseconds: int) -> str:
    """metav1.Time: ``2026-11-23T13:06:31Z``, seconds cut and not rounded."""
    return date_and_time(nanoseconds // SECOND) + "Z"


def rfc3339_nano(nanoseconds: int, zone: tzinfo = UTC) -> str:
    """Go's RFC3339Nano in a time zone: digits without trailing zeros, ``Z`` or ``+02:00``."""
    seconds, rest = divmod(nanoseconds, SECOND)
    local = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    # Go cuts the seconds that some zones of the nineteenth century have.
    offset = int((local.utcoffset() or timedelta()).total_seconds() / 60)
    if offset == 0:
        name = "Z"
    else:
        name = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    return f"{local.replace(tzinfo=None).isoformat(timespec='seconds')}{fraction}{name}"


def parse_time(text: str) -> int:
    """Nanoseconds of an RFC 3339 time with up to six digits; raises SerializationError."""
    try:
        moment = datetime.fromisoformat(text)
        passed = moment - _EPOCH
    except (ValueError, TypeError, OverflowError):
        raise SerializationError("not a time as RFC 3339 writes it") from None
    return (passed.days * 86400 + passed.seconds) * SECOND + passed.microseconds * 1000


@lru_cache(maxsize=8)
def date_and_time(seconds: int) -> str:
    """Return date and time of a second since the epoch; events of one second share it."""
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
