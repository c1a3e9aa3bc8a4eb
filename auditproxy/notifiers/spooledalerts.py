"""Alerts in a spool: the line of an alert, that of a gap, and what a gap counts of one.

A gap is an alert itself, so that each receiver gets it in the form that it understands.
"""

import hashlib
from collections.abc import Callable

import msgspec

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.apis.prepared import prepared
from auditproxy.apis.session import SESSION_API_VERSION
from auditproxy.audit.gaps import DIGEST, EVENTS, Gap, gap_annotations
from auditproxy.backends.spool.form import CountedLine, SpoolForm
from auditproxy.metrics.spool import ALERTS
from auditproxy.serializer import json
from auditproxy.serializer.times import micro_time, parse_time

GAP_NAME = "AlertsMissing"
GAP_SEVERITY = "high"
"""Of the alert that stands for missing ones: they may have been of any."""


@prepared
class _SpooledAlert(msgspec.Struct, rename="camel"):
    """The members of a line."""

    name: str
    severity: str
    state: AlertState
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    count: int = 1


def alert_as_line(alert: Alert) -> bytes:
    """An alert as a spool has it: all of it, times cut to microseconds."""
    return json.encode(
        {
            "apiVersion": SESSION_API_VERSION,
            "kind": "Alert",
            "name": alert.name,
            "severity": alert.severity,
            "state": alert.state.value,
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": micro_time(alert.starts_at),
            "endsAt": micro_time(alert.ends_at),
            "count": alert.count,
        }
    )


def alert_of_line(line: bytes) -> Alert:
    """The alert of a line."""
    found = msgspec.json.decode(line, type=_SpooledAlert)
    return Alert(
        name=found.name,
        severity=found.severity,
        state=found.state,
        labels=found.labels,
        annotations=found.annotations,
        starts_at=parse_time(found.starts_at),
        ends_at=parse_time(found.ends_at),
        count=found.count,
    )


def identity_of(alert: Alert) -> str:
    """What the digest of a gap has of an alert: the audit ID of its last event, or its session."""
    return alert.annotations.get("audit_id") or alert.annotations.get("session_id", "")


def time_of(alert: Alert) -> str:
    """When an alert began, or ended where it says so."""
    ended = alert.state is AlertState.RESOLVED
    return micro_time(alert.ends_at if ended else alert.starts_at)


def alert_gap_line(gap: Gap, time: str, labels: dict[str, str]) -> bytes:
    """The alert in the place of missing ones, with the labels that all alerts have."""
    said = gap_annotations(gap)
    span = f" from {gap.first} to {gap.last}" if gap.first else ""
    what = "alert is" if gap.events == 1 else "alerts are"
    if not gap.events:
        what = f"alerts, in {gap.lost_bytes} damaged bytes, are"
    count = f"{gap.events} " if gap.events else ""
    at = parse_time(time)
    named = {"alertname": GAP_NAME, "severity": GAP_SEVERITY}
    return alert_as_line(
        Alert(
            name=GAP_NAME,
            severity=GAP_SEVERITY,
            state=AlertState.FIRING,
            # Each gap is an alert of its own.
            labels={**labels, **named, "gap": _own_name(said, time)},
            annotations={
                "summary": f"{count}{what} missing here{span}: {gap.reason}",
                "description": "The spool of this destination has lost them. They are counted in "
                "auditproxy_alerts_failed_total; the audit log has their events.",
                **said,
            },
            starts_at=at,
            ends_at=at,
            count=max(1, gap.events),
        )
    )


def _own_name(said: dict[str, str], time: str) -> str:
    return hashlib.sha256(repr((sorted(said.items()), time)).encode()).hexdigest()[:16]


def alert_counted(line: bytes) -> CountedLine:
    """What a gap counts of an alert; one in the place of others is counted by its digest."""
    alert = alert_of_line(line)
    if EVENTS in alert.annotations and alert.name == GAP_NAME:
        return CountedLine(alert.annotations.get(DIGEST, ""), time_of(alert), alert.annotations)
    return CountedLine(identity_of(alert), time_of(alert))


def alert_form(owner: str, labels: Callable[[], dict[str, str]]) -> SpoolForm:
    """The form of these lines; ``labels`` are those of all alerts now."""
    return SpoolForm(
        owner,
        ALERTS,
        lambda gap, time: alert_gap_line(gap, time, labels()),
        alert_counted,
        lambda line: alert_counted(line).time,
    )
