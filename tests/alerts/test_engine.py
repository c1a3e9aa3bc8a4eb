"""The engine: what fires, folds, repeats and ends, and its bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.alerts.alert import AlertState
from auditproxy.alerts.engine import REPEAT, AlertEngine, label_name
from auditproxy.alerts.incidents import MAXIMUM_OF_OWNER, OTHERS
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.apis.units import SECOND
from auditproxy.files.alerts import read_rules
from tests.fakes.alertrules import (
    EXEC_RULE,
    audit_event,
    exec_event,
    rule_of,
    rules_of,
    session_event,
)

KEEP = 300 * SECOND


def test_an_alert() -> None:
    """Labels are its identity, everything else is in annotations."""
    (alert,) = AlertEngine(rules_of(EXEC_RULE).rules).take(exec_event(), 5)
    assert alert.name == "Exec"
    assert alert.state is AlertState.FIRING
    assert alert.labels == {
        "alertname": "Exec",
        "severity": "high",
        "user": "alice",
        "namespace": "n",
        "pod": "box",
    }
    assert alert.annotations == {
        "summary": "alice in n/box",
        "audit_id": "id",
        "time": "2026-01-01T00:00:00.000000Z",
        "groups": "dev",
        "source_ip": "192.0.2.1",
        "peer_ip": "192.0.2.1",
        "user_agent": "kubectl/v1",
        "request_uri": "/api/v1/namespaces/n/pods/box/exec?command=ls&command=-l&container=c",
        "command": "ls -l",
    }
    assert (alert.starts_at, alert.ends_at, alert.count) == (5, 5 + KEEP, 1)


def test_events_of_one_kind_are_one_alert() -> None:
    """Both requests of an exec fold; what lasts is sent again each minute, and ends."""
    engine = AlertEngine(rules_of(EXEC_RULE).rules)
    assert len(engine.take(exec_event(verb="get"), 0)) == 1
    assert engine.take(exec_event(), 2 * SECOND) == ()
    assert engine.tick(30 * SECOND) == ()
    (again,) = engine.tick(REPEAT)
    assert (again.state, again.count, again.ends_at) == (
        AlertState.REPEATED,
        2,
        2 * SECOND + KEEP,
    )
    assert again.annotations["events"] == "2"
    (latest,) = engine.take(exec_event(auditID="later"), 3 * REPEAT)
    assert (latest.state, latest.annotations["audit_id"]) == (AlertState.REPEATED, "later")
    assert latest.starts_at == 0
    assert engine.firing == 1
    (resolved,) = engine.tick(3 * REPEAT + KEEP)
    assert (resolved.state, resolved.labels) == (AlertState.RESOLVED, latest.labels)
    assert engine.firing == 0
    (new,) = engine.take(exec_event(), 4 * REPEAT + KEEP)
    assert new.state is AlertState.FIRING
    assert new.starts_at == 4 * REPEAT + KEEP


def test_an_alert_that_ended_begins_anew_without_a_tick() -> None:
    """An event after the end is not one of the old incident."""
    engine = AlertEngine(rules_of(EXEC_RULE).rules)
    engine.take(exec_event(), 0)
    (alert,) = engine.take(exec_event(), KEEP)
    assert alert.state is AlertState.FIRING


def test_other_labels_are_another_alert() -> None:
    """Each user and pod has its own."""
    engine = AlertEngine(rules_of(EXEC_RULE).rules)
    assert engine.take(exec_event(), 0)
    assert engine.take(exec_event(user={"username": "bob"}), 0)
    assert not engine.take(exec_event(user={"username": "bob"}), 0)


def test_a_condition_that_fails_counts_and_does_not_fire() -> None:
    """The other rules go on."""
    engine = AlertEngine(
        (
            *rule_of(condition="event.missing.x == 1").rules,
            *rules_of(EXEC_RULE.replace("[ResponseStarted]", "[ResponseComplete]")).rules,
        )
    )
    assert [a.name for a in engine.take(exec_event(stage="ResponseComplete"), 0)] == ["Exec"]
    assert engine.condition_errors == {"Rule": 1, "Exec": 0}


def test_a_condition_over_a_session_line() -> None:
    """Its labels and annotations are those of the session."""
    rules = rule_of(
        match={"sessionEvents": ["Command"]}, condition="session.line.contains('shadow')"
    )
    engine = AlertEngine(rules.rules)
    assert engine.take(session_event(line="ls"), 0) == ()
    (alert,) = engine.take(session_event(line="cat /etc/shadow"), 0)
    assert alert.annotations["line"] == "cat /etc/shadow"
    assert alert.annotations["session_id"] == "s1"


def test_threshold() -> None:
    """It fires with the last event that it needs, for each group by itself."""
    engine = AlertEngine(
        rule_of(
            match={"responseCodes": [403]}, threshold={"count": 3, "within": "1m"}, by=["user"]
        ).rules
    )
    refused = audit_event(responseStatus={"metadata": {}, "code": 403})
    assert [len(engine.take(refused, now * SECOND)) for now in range(4)] == [0, 0, 1, 0]
    assert engine.take(audit_event(), 3 * SECOND) == ()


def test_a_flood_of_one_kind_is_one_alert() -> None:
    """10,000 events are a handful of sendings."""
    engine = AlertEngine(rules_of(EXEC_RULE).rules)
    event = exec_event()
    sent = sum(len(engine.take(event, number * SECOND // 50)) for number in range(10_000))
    assert sent == 1 + 200 // 60
    (repeated,) = engine.tick(260 * SECOND)
    assert repeated.count == 10_000


def test_bounded_labels() -> None:
    """A user with very many alerts has one of all others; nobody else's is in it."""
    engine = AlertEngine(rules_of(EXEC_RULE).rules)
    place = {"resource": "pods", "subresource": "exec", "namespace": "n"}
    for number in range(MAXIMUM_OF_OWNER):
        assert engine.take(exec_event(objectRef={**place, "name": f"p{number}"}), 0)
    (others,) = engine.take(exec_event(objectRef={**place, "name": "one more"}), 0)
    labels = (others.labels["user"], others.labels["namespace"], others.labels["pod"])
    assert labels == ("alice", OTHERS, OTHERS)
    assert engine.take(exec_event(objectRef={**place, "name": "and one"}), 0) == ()
    assert engine.take(exec_event(objectRef={**place, "name": "p0"}), 0) == ()
    (of_bob,) = engine.take(exec_event(user={"username": "bob"}), 0)
    assert (of_bob.labels["user"], of_bob.labels["pod"]) == ("bob", "box")
    assert engine.firing == MAXIMUM_OF_OWNER + 2
    assert engine.folded == {"Exec": 2}
    assert len(engine.tick(KEEP)) == MAXIMUM_OF_OWNER + 2
    (again,) = engine.take(exec_event(objectRef={**place, "name": "one more"}), KEEP)
    assert again.labels["pod"] == "one more"


@pytest.mark.parametrize("of_lines", [False, True])
def test_one_alert_for_each_session(*, of_lines: bool) -> None:
    """Events and lines have the ID of their session; one user has no more than a bound of them."""

    def start(number: int) -> Event | SessionEvent:
        if of_lines:
            return session_event(type="SessionStarted", sessionID=f"s{number}")
        return exec_event(annotations={"auditproxy.io/session-id": f"s{number}"})

    match = {"sessionEvents": ["SessionStarted"]} if of_lines else {"stages": ["ResponseStarted"]}
    engine = AlertEngine(rule_of(match=match, by=["user", "sessionID"]).rules)
    for number in range(MAXIMUM_OF_OWNER):
        (alert,) = engine.take(start(number), number)
        assert alert.labels["session_id"] == f"s{number}"
    (alert,) = engine.take(start(MAXIMUM_OF_OWNER), 0)
    assert alert.labels["session_id"] == OTHERS
    assert engine.take(start(MAXIMUM_OF_OWNER + 1), 0) == ()
    assert engine.take(start(0), 1) == ()
    assert engine.firing == MAXIMUM_OF_OWNER + 1


def test_why_a_condition_failed() -> None:
    """The first reason of a rule, with the member that was probably meant."""
    match = {"sessionEvents": ["Command"]}
    engine = AlertEngine(rule_of(match=match, condition="session.lien == 'x'").rules)
    engine.take(session_event(line="s3cret"), 0)
    assert engine.condition_reasons == {
        "Rule": 'it cannot be evaluated with these values: no such member "lien" '
        "(did you mean line?)"
    }


def test_forwarded_addresses_hide_nothing() -> None:
    """A client that claims another address each time is refused as often (sourceIPs[0])."""
    engine = AlertEngine(read_rules("builtin").rules)
    refused = {"metadata": {}, "code": 403}
    fired = [
        alert
        for number in range(200)
        for alert in engine.take(
            audit_event(sourceIPs=[f"10.0.0.{number}", "192.0.2.1"], responseStatus=refused), 0
        )
    ]
    assert [alert.name for alert in fired] == ["ManyRefusedRequests"]
    assert fired[0].labels["peer_ip"] == "192.0.2.1"
    assert "source_ip" not in fired[0].labels


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("user", "user"),
        ("sourceIP", "source_ip"),
        ("peerIP", "peer_ip"),
        ("impersonatedUser", "impersonated_user"),
        ("sessionID", "session_id"),
    ],
)
def test_label_name(field: str, label: str) -> None:
    """Labels are in Prometheus' spelling."""
    assert label_name(field) == label


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(["a", "b"]), st.booleans()), max_size=40
    )
)
def test_identity_and_times(steps: list[tuple[int, str, bool]]) -> None:
    """Whatever comes when: each alert begins once, ends after it began, and is never resolved
    while events keep it firing."""
    engine = AlertEngine(rules_of(EXEC_RULE).rules)
    firing: dict[str, int] = {}
    now = 0
    for seconds, user, is_tick in steps:
        now += seconds * SECOND
        event = exec_event(user={"username": user})
        sent: Any = engine.tick(now) if is_tick else engine.take(event, now)
        for alert in sent:
            who = alert.labels["user"]
            if alert.state is AlertState.FIRING:
                assert firing.get(who, 0) <= now
            elif alert.state is AlertState.RESOLVED:
                assert alert.ends_at <= now
            else:
                assert alert.ends_at > now
            assert alert.starts_at < alert.ends_at
            firing[who] = alert.ends_at


def pod_event(size: int, **members: Any) -> Event:
    """The creation of a privileged pod with so many bytes of environment."""
    padding = [{"name": f"N{index}", "value": "x" * 50} for index in range(size // 80)]
    container = {"name": "c", "env": padding, "securityContext": {"privileged": True}}
    pod = {"kind": "Pod", "metadata": {"name": "node-debugger-1"}, "spec": {"containers": []}}
    pod["spec"] = {"containers": [container], "hostPID": True}
    return audit_event(
        **{
            "level": "RequestResponse",
            "verb": "create",
            "requestObject": pod,
            "responseObject": pod,
            "responseStatus": {"metadata": {}, "code": 201},
            **members,
        }
    )


def _nested(depth: int) -> Any:
    """Lists in each other."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("size", [1_000, 60_000, 2_000_000])
def test_pods_of_every_size(size: int) -> None:
    """The shipped rules see the same in each."""
    engine = AlertEngine(read_rules("builtin").rules)
    alerts = engine.take(pod_event(size), 0)
    assert {alert.name for alert in alerts} == {"PrivilegedPod", "HostNamespaces", "NodeDebugPod"}
    assert not any(engine.condition_errors.values())


@pytest.mark.parametrize(
    ("rule", "spec", "reason"),
    [
        ("SensitiveHostPath", {"volumes": [{}] * 12_000}, "the bodies have too many values"),
        ("PrivilegedPod", {"containers": [{}] * 12_000}, "the bodies have too many values"),
        ("HostNamespaces", {"hostPID": _nested(40)}, "the bodies are nested too deeply"),
    ],
)
def test_padding_silences_no_rule(rule: str, spec: dict[str, Any], reason: str) -> None:
    """A body that cannot be read as far as the condition asks fires it, and the alert says so."""
    engine = AlertEngine(read_rules("builtin").rules)
    event = audit_event(
        level="Request",
        verb="create",
        objectRef={"resource": "pods", "namespace": "a"},
        requestObject={"kind": "Pod", "spec": {**spec, "padding": "x" * 70_000}},
        responseStatus={"metadata": {}, "code": 201},
    )
    alerts = {alert.name: alert for alert in engine.take(event, 0)}
    text = alerts[rule].annotations["unevaluated"]
    assert text == f"the condition counts as true unevaluated: {reason}"
    assert engine.condition_errors[rule] == 1


def test_others_have_their_turn_within_one_event() -> None:
    """Between two conditions, and within one over much."""
    engine = AlertEngine(read_rules("builtin").rules)
    turns = [list(engine.steps(pod_event(size), 0)).count(None) for size in (1_000, 2_000_000)]
    assert turns[0] >= 5
    assert turns[1] >= 5 * turns[0]
    assert engine.steps(audit_event(stage="RequestReceived"), 0) == ()


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ("has(event.requestObject.spec.hostPID)", True),
        ("has(event.responseObject.spec.hostPID)", True),
        ("object['kind'] == 'Pod' && event.verb == 'create'", True),
        ("request.path.startsWith('/api/')", True),
        ("object.kind == 'Pod' && podSpec.hostPID == false", False),
        ("size(object.spec.containers[0].env) > 1000", True),
    ],
)
def test_what_conditions_see_of_large_bodies(condition: str, fires: bool) -> None:
    """Every member whose name is in their text."""
    engine = AlertEngine(rule_of(condition=condition).rules)
    assert bool(engine.take(pod_event(200_000), 0)) is fires
    assert engine.condition_errors == {"Rule": 0}


def test_an_answer_that_is_no_object() -> None:
    """The object is the one that was sent then."""
    table = {"kind": "Table", "rows": [{"cells": "x" * 70_000}]}
    engine = AlertEngine(rule_of(condition="podSpec.hostPID").rules)
    assert engine.take(pod_event(100_000, responseObject=table), 0)
    assert engine.take(pod_event(100_000, responseObject=None), 400 * SECOND)
    assert not engine.take(audit_event(responseObject=table), 800 * SECOND)
    assert engine.condition_errors == {"Rule": 1}
    assert engine.condition_reasons["Rule"].startswith("it cannot be evaluated with these values")
    metadata = {"kind": "PartialObjectMetadata", "metadata": {"annotations": {"a": "x" * 70_000}}}
    assert engine.take(pod_event(1_000, responseObject=metadata), 1200 * SECOND)
    patch = [
        {"op": "test", "path": "/x", "value": "x" * 70_000},
        {"op": "add", "path": "/spec/hostPID", "value": True},
    ]
    event = pod_event(1_000, verb="patch", requestObject=patch, responseObject=metadata)
    assert engine.take(event, 1600 * SECOND)
