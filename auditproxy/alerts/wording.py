"""What faults in alert files say: of durations the bounds, of conditions the fix."""

import re

from auditproxy.alerts.facts import EVENT_VARIABLES
from auditproxy.apis.gotext import go_quote
from auditproxy.serializer.duration import format_duration

_UNDECLARED = re.compile(r"undeclared reference to '(\w+)")


def not_a_duration(text: str, bounds: tuple[int, int]) -> str:
    """The fault of a duration that is not within bounds, in nanoseconds, or is missing."""
    given = f"is {go_quote(text)}" if text else "is missing"
    least, most = map(_short, bounds)
    return f"must be a duration from {least} to {most}, as 90s, 5m or 1h; {given}"


def not_compiled(error: str) -> str:
    """The fault of a condition; one that names a variable of the other kind of rule has the fix."""
    found = _UNDECLARED.search(error)
    name = found[1] if found else ""
    if name == "session":
        return f"{error}; session needs match.sessionEvents, such as [Command]"
    if name in EVENT_VARIABLES:
        return f"{error}; {name} is of audit events, a rule with match.sessionEvents has session"
    return error


def _short(nanoseconds: int) -> str:
    """A duration of whole seconds, without the zeros at its end: ``24h``."""
    return re.sub(r"(?<=[hm])0[ms]", "", re.sub(r"(?<=m)0s$", "", format_duration(nanoseconds)))
