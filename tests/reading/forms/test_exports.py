"""Export forms: each gives the events that are in it, and says what it lost."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.forms import exports as forms
from auditproxy.reading.forms.exports import Unwrapped, unwrap
from auditproxy.reading.meaning import events
from auditproxy.reading.meaning.events import Counts
from tests.fakes.trails import event

EVENT = event("create", "pods/exec", "web-1", query="command=sh", code=101)
TEXT = json.dumps(EVENT)
MILLISECONDS = 1_767_323_045_678


def found(value: Any) -> tuple[list[Unwrapped], Counts]:
    """The events in a value, and what was counted."""
    counts = Counts()
    return list(unwrap(value, counts)), counts


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (EVENT, "native"),
        ({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [EVENT]}, forms.EVENT_LIST),
        (
            {
                "messageType": "DATA_MESSAGE",
                "logStream": "kube-apiserver-audit-ab",
                "logEvents": [{"id": "3", "timestamp": MILLISECONDS, "message": TEXT}],
            },
            forms.CLOUDWATCH,
        ),
        ({"events": [{"timestamp": MILLISECONDS, "message": TEXT}], "searchedLogStreams": []}, forms.CLOUDWATCH),
        ({"@timestamp": "2026-01-02 03:04:05.678", "@message": TEXT}, forms.CLOUDWATCH),
        (
            {"message": {"data": base64.b64encode(TEXT.encode()).decode()}, "ackId": "a"},
            forms.WRAPPED,
        ),
        (
            {
                "results": [
                    [
                        {"field": "@timestamp", "value": "2026-01-02 03:04:05.678"},
                        {"field": "@message", "value": TEXT},
                        {"field": "@ptr", "value": "CmE"},
                    ]
                ],
                "status": "Complete",
            },
            forms.CLOUDWATCH,
        ),
        ({"records": [{"category": "kube-audit", "properties": {"log": TEXT + "\n"}}]}, forms.AKS),
        ({"time": "2026-01-02T03:04:05.0000000Z", "properties": {"log": TEXT}}, forms.AKS),
        ({"log_s": TEXT, "Category": "kube-audit"}, forms.AKS),
        ({"date": 1767323045.67, "log": TEXT}, forms.WRAPPED),
        ({"@timestamp": "2026-01-02T03:04:05.678Z", "message": TEXT, "log": {"offset": 7}}, forms.WRAPPED),
        ({"labels": {"job": "audit"}, "line": TEXT, "timestamp": "2026-01-02T03:04:05Z"}, forms.WRAPPED),
        ({"kubernetes": {"audit": {k: v for k, v in EVENT.items() if k != "kind"}}}, forms.ELASTIC),
        ([[EVENT]], "native"),
        # A form within a form: vector reads what CloudWatch sent.
        ({"message": json.dumps({"events": [{"message": TEXT}]})}, forms.CLOUDWATCH),
    ],
)  # fmt: skip
def test_forms(value: Any, form: str) -> None:
    """The event is whole, whatever was around it."""
    (one,), counts = found(value)
    assert one.form == form
    assert one.event.audit_id == EVENT["auditID"]
    assert one.event.verb == "create"
    assert one.event.object_ref is not None
    assert one.event.object_ref.subresource == "exec"
    assert one.event.request_uri == EVENT["requestURI"]
    assert counts == {events.EVENTS: 1}


def test_items_without_a_kind() -> None:
    """The list says what its items are."""
    item = {key: value for key, value in EVENT.items() if key not in ("kind", "apiVersion")}
    (one,), _ = found({"kind": "EventList", "apiVersion": "audit.k8s.io/v1beta1", "items": [item]})
    assert one.event.api_version == "audit.k8s.io/v1beta1"


def test_outer_times() -> None:
    """Of what was around an event, for events that lost theirs."""
    (one,), _ = found({"events": [{"timestamp": MILLISECONDS, "message": TEXT}]})
    assert one.outer == MILLISECONDS * 1_000_000
    (one,), _ = found({"log": TEXT, "date": 1767323045.5})
    assert one.outer == 1_767_323_045_500_000_000


def test_cut_on_the_way() -> None:
    """CloudWatch's agent and AKS cut long events; what precedes the bodies is read."""
    cut = json.dumps(EVENT | {"requestObject": {"a": "b" * 100}}, separators=(",", ":"))
    cut = cut[: cut.index("bbbb")] + "[Truncated...]"
    (one,), counts = found({"events": [{"timestamp": MILLISECONDS, "message": cut}]})
    assert one.event.verb == "create"
    assert counts == {events.EVENTS: 1, events.TRUNCATED: 1}


def test_control_messages() -> None:
    """They are no events, and nothing is missing."""
    assert found({"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "x"}]}) == ([], {})


def test_the_table_of_aks() -> None:
    """Its columns, with members as text or as values."""
    row = {
        "TenantId": "t", "AuditId": "x", "Level": "RequestResponse", "Stage": "ResponseComplete",
        "Verb": "delete", "RequestUri": "/api/v1/namespaces/shop/pods/a", "User": '{"username":"alice"}',
        "SourceIps": ["192.0.2.7"], "UserAgent": "kubectl", "ObjectRef": {"resource": "pods", "name": "a"},
        "ResponseStatus": '{"code":200}', "RequestObject": "skipped-too-big-size-object",
        "Annotations": "not json", "RequestReceivedTime": "2026-01-02T03:04:05.678Z",
    }  # fmt: skip
    (one,), counts = found(row)
    assert one.form == forms.AKS_TABLE
    assert (one.event.user.username, one.event.verb) == ("alice", "delete")
    assert one.event.response_status is not None
    assert one.event.response_status.code == 200
    assert bytes(one.event.request_object) == b""
    assert counts == {events.EVENTS: 1}


def test_annotations_of_elastic() -> None:
    """Their dots are put back."""
    audit = EVENT | {"annotations": {"authorization_k8s_io/decision": "allow", "plain": "x"}}
    (one,), _ = found({"kubernetes": {"audit": audit}, "@timestamp": "2026-01-02T03:04:05Z"})
    assert one.event.annotations == {"authorization.k8s.io/decision": "allow", "plain": "x"}


@pytest.mark.parametrize(
    "value",
    [
        5,
        "text",
        None,
        {},
        {"message": "hello"},
        {"protoPayload": {}},
        {"message": 5},
        {"message": {"data": "no base64"}},
        {"message": {"data": base64.b64encode(b"\xff{").decode()}},
        {"kind": "Pod"},
    ],
)
def test_other_values(value: Any) -> None:
    """They are counted as what is not an event."""
    got, counts = found(value)
    assert got == []
    assert counts == {events.FOREIGN: 1}


def test_deep_nesting() -> None:
    """A value that is wrapped again and again is given up."""
    text = TEXT
    for _ in range(20):
        text = json.dumps({"message": text})
    assert found(json.loads(text)) == ([], {events.FOREIGN: 1})


NAMES = st.sampled_from(
    ["kind", "items", "events", "message", "records", "properties", "log", "log_s", "protoPayload", "messageType",
     "logEvents", "kubernetes", "audit", "@message", "results", "field", "value", "AuditId", "RequestUri", "User", "auditID", "apiVersion", "time"]
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.integers()
    | st.sampled_from(["Event", "EventList", "DATA_MESSAGE", "{", TEXT, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_any_value(value: Any) -> None:
    """Nothing raises, and each event is counted."""
    got, counts = found(value)
    assert len(got) == counts[events.EVENTS]


def test_losses_are_of_forms() -> None:
    """What is said to be lost is said of forms that there are."""
    assert set(forms.LOST) == {forms.GKE, forms.AKS_TABLE, forms.ELASTIC}


def test_gke_through_pub_sub() -> None:
    """What is in the message says which form it is."""
    entry = {
        "insertId": "6f0c",
        "timestamp": "2026-01-02T03:04:05.6Z",
        "protoPayload": {
            "serviceName": "k8s.io",
            "methodName": "io.k8s.core.v1.secrets.delete",
            "resourceName": "core/v1/namespaces/shop/secrets/db",
        },
    }
    data = base64.b64encode(json.dumps(entry).encode()).decode()
    (got,), _ = found({"message": {"data": data, "messageId": "1"}, "subscription": "s"})
    assert (got.form, got.event.verb) == (forms.GKE, "delete")
