"""Lines of audit logs for tests of what reads them."""

import json
from typing import Any

from auditproxy.audit.policy.simulation.logged import LoggedEvent, read_logged


def line(uri: str = "/api/v1/namespaces/shop/pods", verb: str = "list", **members: Any) -> bytes:
    """A line; members are given by their names in JSON."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "a",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": {"username": "bob", "groups": ["dev"]},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "stageTimestamp": "2026-01-01T00:00:00.000000Z",
    } | members
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def logged(*arguments: str, **members: Any) -> tuple[LoggedEvent, int]:
    """The event of such a line, and the line's size."""
    text = line(*arguments, **members)
    return read_logged(text), len(text)
