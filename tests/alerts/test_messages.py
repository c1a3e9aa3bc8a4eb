"""Bodies of alerts: what each receiver gets, and that no value leaves its text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.alert import AlertState
from auditproxy.alerts.messages import (
    Message,
    alert_line,
    alertmanager_body,
    default_body,
    message_faults,
    slack_body,
)
from tests.fakes.alertrules import alert

HOSTILE = '<!channel> & "quoted" \\ {{ name }}'


def test_alertmanager() -> None:
    """An array, with times as RFC 3339 and labels as strings."""
    assert json.loads(alertmanager_body([alert()])) == [
        {
            "labels": {"alertname": "Exec", "severity": "high", "user": "alice"},
            "annotations": {"summary": "alice in n/box"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2026-01-01T00:05:00Z",
        }
    ]


def test_default() -> None:
    """Everything that an alert has."""
    body = json.loads(default_body(alert(count=3)))
    assert (body["kind"], body["name"], body["state"], body["count"]) == (
        "Alert",
        "Exec",
        "firing",
        3,
    )


def test_slack_escapes() -> None:
    """A user agent cannot ping a channel."""
    annotations = {"summary": HOSTILE, "description": HOSTILE, "command": HOSTILE}
    text = slack_body(alert(annotations=annotations))
    body = json.loads(text)
    shown = json.dumps(body)
    assert "<" not in shown
    assert "&lt;!channel&gt; &amp;" in body["text"]
    assert body["attachments"][0]["color"] == "danger"
    resolved = json.loads(slack_body(alert(state=AlertState.RESOLVED)))
    assert resolved["text"].startswith("[high] resolved: ")
    assert resolved["attachments"][0]["color"] == "good"


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ({"text": "{{ summary }}!"}, {"text": "alice in n/box!"}),
        ({"a": [1, True, None, "{{ severity }}"]}, {"a": [1, True, None, "high"]}),
        ("{{ name }}", "Exec"),
        (
            {"labels": "{{ labels }}"},
            {"labels": {"alertname": "Exec", "severity": "high", "user": "alice"}},
        ),
        ({"text": "a {{ annotations }}"}, {"text": 'a {"summary":"alice in n/box"}'}),
        ({"x": "{{ startsAt }} {{ count }}"}, {"x": "2026-01-01T00:00:00Z 1"}),
    ],
)
def test_template(template: Any, body: Any) -> None:
    """Each text of the tree is a template."""
    assert message_faults(template) == []
    assert json.loads(Message(template).body(alert())) == body


def test_template_faults() -> None:
    """Each has its place."""
    found = message_faults({"a": ["{{ summry }}"], "b": "{{"})
    assert [where for where, _ in found] == [".a[0]", ".b"]
    assert "did you mean summary?" in found[0][1]


@given(st.text(max_size=50))
def test_values_stay_in_their_texts(value: str) -> None:
    """Whatever a value holds, the body is JSON with the template's form."""
    hostile = alert(annotations={"summary": value, "description": value}, labels={"user": value})
    body = json.loads(Message({"text": "{{ summary }}", "n": 1}).body(hostile))
    assert set(body) == {"text", "n"}
    for made in (slack_body, default_body):
        json.loads(made(hostile))
    json.loads(alertmanager_body([hostile]))


def test_line() -> None:
    """What somebody at a terminal sees."""
    assert alert_line(alert(annotations={"summary": "s", "command": "ls"})) == (
        "alert Exec (high) firing: s user='alice' command='ls'"
    )
