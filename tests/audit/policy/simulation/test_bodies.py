"""Bodies that a log has not."""

import pytest

from auditproxy.apis.audit import Level
from auditproxy.audit.policy.simulation import bodies as module
from auditproxy.audit.policy.simulation.bodies import Bodies, missing
from auditproxy.audit.policy.simulation.logged import request_info
from tests.fakes.loggedevents import logged

POD = "/api/v1/namespaces/n/pods/x"


@pytest.mark.parametrize(
    ("verb", "uri", "recorded", "level", "directions"),
    [
        ("update", POD, "Metadata", Level.REQUEST, ["request"]),
        ("update", POD, "Metadata", Level.REQUEST_RESPONSE, ["request", "response"]),
        ("update", POD, "Request", Level.REQUEST_RESPONSE, ["response"]),
        ("update", POD, "RequestResponse", Level.REQUEST_RESPONSE, []),
        ("update", POD, "RequestResponse", Level.METADATA, []),
        ("get", POD, "Metadata", Level.REQUEST, []),
        ("get", POD, "Metadata", Level.REQUEST_RESPONSE, ["response"]),
        ("watch", "/api/v1/watch/pods", "Metadata", Level.REQUEST_RESPONSE, []),
        ("create", f"{POD}/exec", "Metadata", Level.REQUEST_RESPONSE, []),
        ("get", "/healthz", "Metadata", Level.REQUEST_RESPONSE, []),
    ],
)
def test_missing(verb: str, uri: str, recorded: str, level: Level, directions: list[str]) -> None:
    """What has no body at any level is not missing."""
    event, _ = logged(uri, verb, level=recorded)
    info = request_info(verb, uri)
    assert [kind[0] for kind in missing(event, info, level)] == directions
    early, _ = logged(uri, verb, level=recorded, stage="RequestReceived")
    assert missing(early, info, level) == ()


def test_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """By direction, resource and verb; kinds are bounded."""
    monkeypatch.setattr(module, "MAXIMUM_KINDS", 1)
    bodies = Bodies()
    info = request_info("update", POD)
    for body in ([1], [1, 2, 3]):
        bodies.take(logged(POD, "update", requestObject=body, responseObject="x")[0], info)
    assert bodies.mean(("request", "", "pods", "", "update")) == 5
    assert bodies.mean(("response", "", "pods", "", "update")) is None
