"""Alert: what a rule says about events of one kind, as its receivers need it."""

import enum

import msgspec

SEVERITIES = ("info", "low", "medium", "high", "critical")
"""Of a rule, the least first."""


class AlertState(enum.StrEnum):
    """Why an alert is sent."""

    FIRING = "firing"
    """It begins."""
    REPEATED = "repeated"
    """It was sent before and is still firing."""
    RESOLVED = "resolved"
    """No event has kept it firing; ``ends_at`` is in the past."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert at one moment; times are nanoseconds since the epoch.

    ``labels`` is its identity: the same from its first event to its last, with ``alertname`` and
    ``severity`` among them, without empty values. What changes from event to event is in
    ``annotations``, which are those of the latest event that was sent. ``count`` is how many
    events it stands for.
    """

    name: str
    severity: str
    state: AlertState
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: int
    ends_at: int
    count: int = 1
