"""A group of events has the sizes that its events have together."""

import pytest

from auditproxy.apis.audit import Level
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from tests.fakes.loggedevents import logged

_PODS = "/api/v1/namespaces/shop/pods"
_BODIES = {
    "level": "RequestResponse",
    "requestObject": {"kind": "Pod"},
    "responseObject": {"kind": "Pod", "metadata": {}},
    "responseStatus": {"code": 201},
    "annotations": {"a": "b"},
}


@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])
@pytest.mark.parametrize("has_bodies", [True, False])
def test_sizes(level: Level, has_bodies: bool) -> None:
    """At each level, and of their RequestReceived events."""
    members = _BODIES if has_bodies else {}
    both = [logged(f"{_PODS}/{name}", "create", **members) for name in ("a", "long-name")]
    group = LoggedGroup(
        event=both[0][0],
        example=both[0][0],
        count=2,
        is_new=True,
        first="",
        last="",
        size=sum(size for _, size in both),
        request_objects=sum(len(one.request_object) for one, _ in both) if has_bodies else None,
        response_objects=sum(len(one.response_object) for one, _ in both) if has_bodies else None,
        arrivals=sum(one.size_of_arrival(size, Level.METADATA) for one, size in both),
    )
    assert group.size_at(level) == sum(one.size_at(size, level) for one, size in both)
    assert group.size_of_arrivals(level) == sum(
        one.size_of_arrival(size, level) for one, size in both
    )
