"""What counts as a difference, and how differences are named."""

from pathlib import Path
from typing import Any

import pytest

from tests.differential.compare import Report, compare, lost_events

TIME = "2026-11-27T20:00:00.000000Z"
LINES = {"d-1": "GET /api/v1/pods", "d-2": "GET /apis"}


def event(audit_id: str = "d-1", stage: str = "ResponseComplete", **more: Any) -> dict[str, Any]:
    """An event."""
    return {
        "auditID": audit_id,
        "stage": stage,
        "verb": "create",
        "requestURI": "/api/v1/pods",
        "user": {"username": "jane"},
        "sourceIPs": ["10.0.0.1"],
        "requestReceivedTimestamp": TIME,
        "stageTimestamp": TIME,
        **more,
    }


def compared(theirs: dict[str, Any], ours: dict[str, Any], **flags: Any) -> Report:
    """The report of one pair."""
    return compare([event(**ours)], [event(**theirs)], LINES, **flags)


def test_equal() -> None:
    """Who the server sees the request from is not compared, whom it is for is."""
    seen = {
        "user": {"username": "proxy"},
        "impersonatedUser": {"username": "jane"},
        "sourceIPs": ["::1"],
    }
    report = compared(seen, {})
    assert (report.events, report.equal, report.kinds) == (1, 1, {})
    assert report.share == 1.0
    seen["impersonatedUser"] = {"username": "joe"}
    assert list(compared(seen, {}).kinds) == ["user"]


def test_direct_requests_are_compared_exactly() -> None:
    """The client itself has asked both."""
    other = {"user": {"username": "joe"}}
    assert list(compared(other, {}, direct={"d-1"}).kinds) == ["user"]
    assert list(compared({"sourceIPs": ["::1"]}, {}, direct={"d-1"}).kinds) == ["sourceIPs"]


def test_other_identities() -> None:
    """A front proxy tells whom the client acts as; a token that is passed through tells nothing."""
    acting = {"impersonatedUser": {"username": "joe"}}
    assert compared({"user": {"username": "joe"}}, acting, identity="request-header").kinds == {}
    assert compared({}, {}, identity="request-header").kinds == {}
    assert list(compared({}, acting, identity="request-header").kinds) == ["user"]
    assert compared({"sourceIPs": ["::1"]}, {}, identity="passthrough").kinds == {}
    assert list(compared({"user": {}}, {}, identity="passthrough").kinds) == ["user"]


def test_events_without_a_counterpart() -> None:
    """An event on one side counts as unequal; other requests' events do not count at all."""
    ours = [event(), event("d-2", "Panic"), event("other")]
    theirs = [event("d-1", "RequestReceived"), event("other", "Panic")]
    report = compare(ours, theirs, LINES)
    assert (report.events, report.equal) == (3, 0)
    assert set(report.kinds) == {
        "only auditproxy has a ResponseComplete",
        "only auditproxy has a Panic",
        "only kube-apiserver has a RequestReceived",
    }


def test_events_that_the_server_lost(tmp_path: Path) -> None:
    """What the server itself says it could not write is counted apart."""
    log = tmp_path / "kube-apiserver.log"
    log.write_text(
        "E1127 metrics.go:110] Error in audit plugin 'log' affecting 1 audit events: json: ...\n"
        "Impacted events:\n"
        '2026-11-27T21:32:36Z AUDIT: id="d-1" stage="ResponseComplete" ip="127.0.0.1"\n'
        "I1127 something else\n"
    )
    lost = lost_events(log)
    assert lost == {("d-1", "ResponseComplete")}
    report = compare([event(), event(stage="ResponseStarted")], [], LINES, lost=lost)
    assert (report.lost, report.events, report.equal) == (1, 1, 0)


FAILED = {"status": "Failure", "reason": "NotFound", "code": 404}


@pytest.mark.parametrize(
    ("theirs", "ours", "kind"),
    [
        ({"requestObject": {"a": 1}}, {}, "requestObject: only kube-apiserver has one"),
        ({}, {"responseObject": {}}, "responseObject: only auditproxy has one"),
        ({"responseStatus": FAILED}, {"responseStatus": {"code": 404}}, "responseStatus: only its code is known"),
        ({"responseStatus": FAILED}, {"responseStatus": {**FAILED, "code": 403}}, "responseStatus.code"),
        ({"responseObject": {"kind": "Pod"}}, {"responseObject": {"kind": "Status"}}, "responseObject: another kind of object"),
        ({"responseObject": {"a": [{"b": 1}]}}, {"responseObject": {"a": [{"b": 2}]}}, "responseObject.a"),
        ({"objectRef": {"name": "x"}}, {"objectRef": {"uid": "u"}}, "objectRef.name-,uid+"),
        ({"requestObject": {"l": [{"cpu": "1k"}]}}, {"requestObject": {"l": [{"cpu": "1000"}]}}, "requestObject: the spelling of a Quantity"),
        ({"requestObject": {"s": "1G"}}, {"requestObject": {"s": 1000000000}}, "requestObject: the spelling of a Quantity"),
        ({"requestObject": {"t": None}}, {"requestObject": {"t": "0001-01-01T00:00:00Z"}}, "requestObject: the spelling of a time"),
        ({"requestObject": {"p": ["Ingress"]}}, {"requestObject": {"p": []}}, "requestObject: a default in place of an empty member"),
        ({"requestObject": {"l": [{"p": "a"}]}}, {"requestObject": {"l": [{"p": "b"}]}}, "requestObject.l[].p"),
        ({"annotations": {"a": "1"}}, {}, "annotations[a] only in kube-apiserver"),
        ({"annotations": {"a": "1"}}, {"annotations": {"a": "2"}}, "annotations[a]"),
        ({}, {"annotations": {"b": ""}}, "annotations[b] only in auditproxy"),
    ],
)  # fmt: skip
def test_kinds(theirs: dict[str, Any], ours: dict[str, Any], kind: str) -> None:
    """A difference has a name that does not depend on the object."""
    who = {"impersonatedUser": {"username": "jane"}}
    report = compared({**theirs, **who}, ours)
    assert list(report.kinds) == [kind]
    assert (report.events, report.equal) == (1, 0)
    assert kind in str(report)
    assert "GET /api/v1/pods d-1" in report.kinds[kind].example


def test_what_only_the_server_knows() -> None:
    """Its admission's annotations are no difference; defaults in a request's object are none."""
    theirs = {
        "annotations": {
            "pod-security.kubernetes.io/enforce-policy": "x",
            "judge.example.com/seen": "yes",
        },
        "requestObject": {"a": 1, "b": 2},
        "impersonatedUser": {"username": "jane"},
    }
    assert compared(theirs, {"requestObject": {"a": 1}}).equal == 1
