"""The bodies in which alerts are sent: Alertmanager's, Slack's, and those of a template.

A template is a tree as YAML has it: each text in it may have places for values, ``{{ summary }}``.
So a value cannot leave its text, whatever it holds. A text that is ``{{ labels }}`` or
``{{ annotations }}`` alone becomes that object.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.templates import Template, TemplateError
from auditproxy.apis.gotext import html_sanitize
from auditproxy.apis.units import SECOND
from auditproxy.serializer import json
from auditproxy.serializer.times import rfc3339, rfc3339_nano

_HEADER = 150
_SECTION = 2900
_SLACK_FIELDS = 10
_COLOURS = {"info": "#439fe0", "low": "#439fe0", "medium": "warning"}

FIELDS: dict[str, Callable[[Alert], Any]] = {
    "name": lambda alert: alert.name,
    "severity": lambda alert: alert.severity,
    "state": lambda alert: alert.state.value,
    "summary": lambda alert: alert.annotations.get("summary", ""),
    "description": lambda alert: alert.annotations.get("description", ""),
    "startsAt": lambda alert: rfc3339(alert.starts_at),
    "endsAt": lambda alert: rfc3339(alert.ends_at),
    "count": lambda alert: str(alert.count),
    "line": lambda alert: alert_line(alert),
    "labels": lambda alert: alert.labels,
    "annotations": lambda alert: alert.annotations,
}
"""What a template may name."""
_OBJECTS = ("labels", "annotations")
_STATE = frozenset({"state", "line"})
"""Fields that are others for a resolved alert."""


class Message:
    """A template of bodies; the constructor raises TemplateError."""

    __slots__ = ("_tree",)

    def __init__(self, template: Any) -> None:
        self._tree = _compiled(template)

    @property
    def shows_state(self) -> bool:
        """Whether its text says that an alert is resolved."""
        return not _STATE.isdisjoint(_names(self._tree))

    def body(self, alert: Alert) -> bytes:
        """The body for an alert, as JSON."""
        return json.encode(_rendered(self._tree, alert))


def message_faults(template: Any, where: str = "") -> list[tuple[str, str]]:
    """What is wrong with a template, each with its place in it; [] when it is sound."""
    if isinstance(template, dict):
        return [
            fault
            for name, value in template.items()
            for fault in message_faults(value, f"{where}.{name}")
        ]
    if isinstance(template, list):
        return [
            fault
            for index, value in enumerate(template)
            for fault in message_faults(value, f"{where}[{index}]")
        ]
    if isinstance(template, str):
        try:
            Template(template, FIELDS)
        except TemplateError as error:
            return [(where, fault) for fault in error.faults]
    return []


def default_body(alert: Alert) -> bytes:
    """The body of a webhook without a template: everything."""
    return json.encode(
        {
            "apiVersion": "auditproxy.io/v1alpha1",
            "kind": "Alert",
            "name": alert.name,
            "severity": alert.severity,
            "state": alert.state.value,
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": rfc3339_nano(alert.starts_at),
            "endsAt": rfc3339_nano(alert.ends_at),
            "count": alert.count,
        }
    )


def alertmanager_body(alerts: Iterable[Alert]) -> bytes:
    """The body of POST /api/v2/alerts (prometheus/alertmanager api/v2/openapi.yaml)."""
    return json.encode(
        [
            {
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": rfc3339_nano(alert.starts_at),
                "endsAt": rfc3339_nano(alert.ends_at),
            }
            for alert in alerts
        ]
    )


def slack_body(alert: Alert) -> bytes:
    """The body for a Slack incoming webhook, and for what takes the same.

    Values are escaped: ``<!channel>`` in a user agent would notify all members.
    """
    resolved = alert.state is AlertState.RESOLVED
    title = f"{'resolved: ' if resolved else ''}{alert.annotations.get('summary', alert.name)}"
    fields = [
        {"title": html_sanitize(name), "value": html_sanitize(value), "short": True}
        for name, value in list(_shown(alert).items())[:_SLACK_FIELDS]
    ]
    return json.encode(
        {
            "text": html_sanitize(f"[{alert.severity}] {title}")[:_SECTION],
            "attachments": [
                {
                    "color": "good" if resolved else _COLOURS.get(alert.severity, "danger"),
                    "title": html_sanitize(alert.name)[:_HEADER],
                    "text": html_sanitize(alert.annotations.get("description", ""))[:_SECTION],
                    "fields": fields,
                    "ts": alert.starts_at // SECOND,
                }
            ],
        }
    )


def alert_line(alert: Alert) -> str:
    """The alert on one line, for a terminal."""
    shown = " ".join(f"{name}={value!r}" for name, value in _shown(alert).items())
    return (
        f"alert {alert.name} ({alert.severity}) {alert.state.value}: "
        f"{alert.annotations.get('summary', '')} {shown}".rstrip()
    )


def _shown(alert: Alert) -> Mapping[str, str]:
    """The labels and annotations that are shown first."""
    labels = {
        name: value for name, value in alert.labels.items() if name not in ("alertname", "severity")
    }
    wanted = ("command", "line", "source_ip", "attack", "audit_id", "session_id", "events")
    return {
        **labels,
        **{name: alert.annotations[name] for name in wanted if name in alert.annotations},
    }


def _compiled(value: Any) -> Any:
    if isinstance(value, dict):
        return {json.go_text(name): _compiled(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_compiled(member) for member in value]
    return Template(value, FIELDS) if isinstance(value, str) else value


def _names(value: Any) -> Iterator[str]:
    """The fields that a compiled template names."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _names(member)
    elif isinstance(value, Template):
        yield from value.names


def _rendered(value: Any, alert: Alert) -> Any:
    if isinstance(value, dict):
        return {name: _rendered(member, alert) for name, member in value.items()}
    if isinstance(value, list):
        return [_rendered(member, alert) for member in value]
    if not isinstance(value, Template):
        return value
    for name in _OBJECTS:
        if value.names == (name,) and value.text.strip("{} ") == name:
            return FIELDS[name](alert)
    return value.render(lambda name: _text(FIELDS[name](alert)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.encode(value).decode()
