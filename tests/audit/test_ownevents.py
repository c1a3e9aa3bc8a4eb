"""audit/ownevents.py: events that the proxy makes of itself are events to every reader."""

import msgspec

from auditproxy.audit.encode import json_line
from auditproxy.audit.ownevents import USER, own_event

TIME = "2026-11-23T10:00:00.000000Z"


def test_a_valid_event() -> None:
    """It has all members that kube-apiserver always writes, and the annotations."""
    said = {"auditproxy.io/x": "1"}
    event = msgspec.json.decode(json_line(own_event("a-1", "/auditproxy/x", said, TIME)))
    assert event == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "a-1",
        "stage": "ResponseComplete",
        "requestURI": "/auditproxy/x",
        "verb": "create",
        "user": {"username": USER},
        "requestReceivedTimestamp": TIME,
        "stageTimestamp": TIME,
        "annotations": said,
    }
