"""What faults of durations in alert files say: the bounds, and the value found."""

import re

from auditproxy.apis.gotext import go_quote
from auditproxy.serializer.duration import format_duration


def not_a_duration(text: str, bounds: tuple[int, int]) -> str:
    """The fault of a duration that is not within bounds, in nanoseconds, or is missing."""
    given = f"is {go_quote(text)}" if text else "is missing"
    least, most = map(_short, bounds)
    return f"must be a duration from {least} to {most}, as 90s, 5m or 1h; {given}"


def _short(nanoseconds: int) -> str:
    """A duration of whole seconds, without the zeros at its end: ``24h``."""
    return re.sub(r"(?<=[hm])0[ms]", "", re.sub(r"(?<=m)0s$", "", format_duration(nanoseconds)))
