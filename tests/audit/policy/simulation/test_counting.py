"""Requests are counted once, times in any order, groups within a bound."""

import pytest

from auditproxy.audit.policy.simulation import counting
from auditproxy.audit.policy.simulation.counting import Groups, Requests, Span, shown_resource
from auditproxy.audit.policy.simulation.logged import request_info
from tests.fakes.loggedevents import logged


def test_requests() -> None:
    """By their IDs, until they end; most have one event."""
    requests = Requests()
    stages = [
        ("a", "RequestReceived", True),
        ("b", "ResponseComplete", True),
        ("a", "ResponseStarted", False),
        ("a", "ResponseComplete", False),
        ("c", "ResponseStarted", True),
        ("c", "Panic", False),
        ("b", "ResponseComplete", True),
    ]
    for audit_id, stage, new in stages:
        assert requests.is_new(logged(auditID=audit_id, stage=stage)[0]) is new


def test_open_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, and that is said."""
    monkeypatch.setattr(counting, "MAXIMUM_OPEN", 2)
    requests = Requests()
    for audit_id in "abc":
        assert requests.is_new(logged(auditID=audit_id, stage="RequestReceived")[0])
    assert requests.forgotten == 1
    assert [requests.is_new(logged(auditID=each)[0]) for each in "cba"] == [False, False, True]


def test_span() -> None:
    """The first and the last, whatever their order."""
    span = Span()
    for second in ("05", "01", "09", "03"):
        span.take(logged(stageTimestamp=f"2026-01-01T00:00:{second}.000000Z")[0])
    assert (span.first[17:19], span.last[17:19]) == ("01", "09")


def test_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count, size and the first member as example; more groups are counted together."""
    monkeypatch.setattr(counting, "MAXIMUM_GROUPS", 1)
    groups: Groups[str] = Groups()
    groups.add("k", logged("/a", "get")[0], 3, written=1, before=5)
    groups.add("k", logged("/b", "get", user={})[0], 4)
    groups.add("other", logged()[0])
    assert list(groups) == ["k"]
    group = groups["k"]
    assert (group.count, group.bytes, group.example) == (2, 7, "bob: get /a")
    assert (group.written, group.bytes_before) == (1, 5)
    assert groups.others == 1
    nobody: Groups[str] = Groups()
    nobody.add("k", logged("/b", "get", user={})[0])
    assert nobody["k"].example == "(no user): get /b"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("/api/v1/namespaces/n/pods/x/exec", "pods/exec"),
        ("/api/v1/pods", "pods"),
        ("/livez/etcd", "/livez"),
        ("/", "/"),
    ],
)
def test_shown_resource(uri: str, shown: str) -> None:
    """Without names."""
    assert shown_resource(request_info("get", uri)) == shown
