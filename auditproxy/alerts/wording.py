"""What faults of alert files have in common: the values that are allowed, and the one found."""

import re
from typing import Any

from auditproxy.apis.gotext import go_quote
from auditproxy.serializer.duration import format_duration


def not_one_of(value: Any, allowed: tuple[str, ...]) -> str:
    """The fault of a value that is not one of the allowed ones, or is missing."""
    words = ", ".join(allowed)
    some = f"one of {words}" if len(allowed) > 1 else words
    if value in (None, ""):
        return f"is missing; give {some}"
    return f"must be {some}; is {go_quote(str(value))}"


def not_a_duration(text: str, bounds: tuple[int, int]) -> str:
    """The fault of a duration that is not within bounds, in nanoseconds, or is missing."""
    given = f"is {go_quote(text)}" if text else "is missing"
    least, most = map(_short, bounds)
    return f"must be a duration from {least} to {most}, as 90s, 5m or 1h; {given}"


def _short(nanoseconds: int) -> str:
    """A duration of whole seconds, without the zeros at its end: ``24h``."""
    return re.sub(r"(?<=[hm])0[ms]", "", re.sub(r"(?<=m)0s$", "", format_duration(nanoseconds)))
