"""Alert rules and events for tests."""

from typing import Any

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.alerts.decoding import load_rules
from auditproxy.alerts.reading import event_of, session_event_of
from auditproxy.alerts.rules import AlertRules
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.serializer import json

HEAD = "apiVersion: auditproxy.io/v1alpha1\nkind: AlertRules\n"
TIME = "2026-01-01T00:00:00.000000Z"
EXEC_RULE = """
rules:
- name: Exec
  severity: high
  summary: "{{ user }} in {{ namespace }}/{{ pod }}"
  match:
    verbs: [get, create]
    resources: [{group: "", resources: [pods/exec]}]
    stages: [ResponseStarted]
  by: [user, namespace, pod]
"""


def rules_of(text: str) -> AlertRules:
    """The rules of a file that lacks only its version and kind."""
    return load_rules((HEAD + text).encode())


def rule_of(**members: Any) -> AlertRules:
    """One rule, named Rule, with members as a file has them."""
    rule = {"name": "Rule", "severity": "low", "summary": "s", **members}
    return rules_of(f"rules: [{json.encode(rule).decode()}]\n")


def audit_event(**members: Any) -> Event:
    """An audit event with members as JSON has them; a read of the pod box by alice."""
    return event_of(
        {
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": "id",
            "stage": "ResponseComplete",
            "requestURI": "/api/v1/namespaces/n/pods/box",
            "verb": "get",
            "user": {"username": "alice", "groups": ["dev"]},
            "sourceIPs": ["192.0.2.1"],
            "userAgent": "kubectl/v1",
            "objectRef": {"resource": "pods", "namespace": "n", "name": "box"},
            "responseStatus": {"metadata": {}, "code": 200},
            "requestReceivedTimestamp": TIME,
            "stageTimestamp": TIME,
            **members,
        }
    )


def exec_event(**members: Any) -> Event:
    """An exec of alice in n/box, at its beginning."""
    return audit_event(
        **{
            "stage": "ResponseStarted",
            "verb": "create",
            "requestURI": "/api/v1/namespaces/n/pods/box/exec?command=ls&command=-l&container=c",
            "objectRef": {
                "resource": "pods",
                "namespace": "n",
                "name": "box",
                "subresource": "exec",
            },
            "responseStatus": {"metadata": {}, "code": 101},
            **members,
        }
    )


def session_event(**members: Any) -> SessionEvent:
    """A line of the session log about alice in n/box."""
    return session_event_of(
        {
            "apiVersion": "auditproxy.io/v1alpha1",
            "type": "Command",
            "timestamp": TIME,
            "sessionID": "s1",
            "auditID": "id",
            "session": "exec",
            "user": {"username": "alice"},
            "objectRef": {
                "resource": "pods",
                "namespace": "n",
                "name": "box",
                "subresource": "exec",
            },
            **members,
        }
    )


def alert(**members: Any) -> Alert:
    """An alert that begins."""
    return Alert(
        **{
            "name": "Exec",
            "severity": "high",
            "state": AlertState.FIRING,
            "labels": {"alertname": "Exec", "severity": "high", "user": "alice"},
            "annotations": {"summary": "alice in n/box"},
            "starts_at": 1_767_225_600_000_000_000,
            "ends_at": 1_767_225_900_000_000_000,
            **members,
        }
    )
