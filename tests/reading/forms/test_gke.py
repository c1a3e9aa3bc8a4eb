"""Entries of Cloud Logging to events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.forms.gke import event_of_entry
from auditproxy.reading.meaning.events import Counts, TrailEvent


def entry(**payload: Any) -> dict[str, Any]:
    """An entry as GKE writes it."""
    return {
        "insertId": "6f0c",
        "timestamp": "2026-01-02T03:04:05.6Z",
        "receiveTimestamp": "2026-01-02T03:04:07Z",
        "labels": {"authorization.k8s.io/decision": "allow"},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "k8s.io",
            "methodName": "io.k8s.core.v1.secrets.delete",
            "resourceName": "core/v1/namespaces/shop/secrets/db",
            "authenticationInfo": {"principalEmail": "ann@example.com"},
            "requestMetadata": {"callerIp": "192.0.2.7", "callerSuppliedUserAgent": "kubectl/v1"},
            "status": {"code": 5, "message": "not found"},
        }
        | payload,
    }


def read(value: dict[str, Any]) -> TrailEvent:
    """The event of an entry."""
    found = event_of_entry(value, Counts())
    assert found is not None
    return found


def test_an_entry() -> None:
    """Who, what, where, when, and the HTTP code of the gRPC code."""
    one = read(entry())
    assert (one.user.username, one.verb, one.audit_id) == ("ann@example.com", "delete", "6f0c")
    assert one.source_ips == ("192.0.2.7",)
    assert one.request_received_timestamp == "2026-01-02T03:04:05.6Z"
    assert one.request_uri == "/api/v1/namespaces/shop/secrets/db"
    assert one.response_status is not None
    assert (one.response_status.code, one.response_status.message) == (404, "not found")
    assert one.annotations == {"authorization.k8s.io/decision": "allow"}
    assert (one.level, one.stage) == ("Metadata", "ResponseComplete")


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        ("core/v1/namespaces/n/pods/p", "io.k8s.core.v1.pods.get", ("", "n", "pods", "p", "")),
        (
            "core/v1/namespaces/n/pods/p/exec",
            "io.k8s.core.v1.pods.exec.create",
            ("", "n", "pods", "p", "exec"),
        ),
        (
            "apps/v1/namespaces/n/deployments",
            "io.k8s.apps.v1.deployments.list",
            ("apps", "n", "deployments", "", ""),
        ),
        (
            "core/v1/nodes/x/proxy",
            "io.k8s.core.v1.nodes.proxy.get",
            ("", "", "nodes", "x", "proxy"),
        ),
        ("core/v1/namespaces/n", "io.k8s.core.v1.namespaces.get", ("", "n", "namespaces", "n", "")),
        (
            "core/v1/namespaces/n/finalize",
            "io.k8s.core.v1.namespaces.finalize.update",
            ("", "n", "namespaces", "n", "finalize"),
        ),
    ],
)
def test_objects(name: str, method: str, expected: tuple[str, ...]) -> None:
    """methodName says whether a namespace is meant or what is in it."""
    reference = read(entry(resourceName=name, methodName=method)).object_ref
    assert reference is not None
    assert (
        reference.api_group, reference.namespace, reference.resource, reference.name, reference.subresource,
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    ("status", "method", "code"),
    [
        (None, "io.k8s.core.v1.pods.create", 201),
        ({}, "io.k8s.core.v1.pods.get", 200),
        ({"code": 7}, "io.k8s.core.v1.pods.get", 403),
        ({"code": 422}, "io.k8s.core.v1.pods.create", 422),
    ],
)
def test_codes(status: Any, method: str, code: int) -> None:
    """As documented; others are kept."""
    found = read(entry(status=status, methodName=method)).response_status
    assert found is not None
    assert found.code == code


def test_bodies() -> None:
    """Without what Cloud Logging added, and with the level that they show."""
    one = read(entry(request={"@type": "core.k8s.io/v1.Pod", "spec": {}}, response={"@type": "x"}))
    assert bytes(one.request_object) == b'{"spec": {}}'
    assert one.level == "Request"


def test_dry_runs_and_sessions() -> None:
    """A label says so, and an operation that goes on is not at its end."""
    dry = entry() | {"labels": {"command.gke.io/dryRun": "true"}}
    assert read(dry).request_uri.endswith("?dryRun=All")
    assert read(entry() | {"operation": {"id": "a", "first": True}}).stage == "ResponseStarted"
    both = {"operation": {"id": "a", "first": True, "last": True}}
    assert read(entry() | both).stage == "ResponseComplete"


def test_other_services() -> None:
    """Not of the Kubernetes API."""
    assert event_of_entry(entry(serviceName="iam.googleapis.com"), Counts()) is None
    assert event_of_entry({"protoPayload": {}}, Counts()) is None


ANY = st.recursive(
    st.none() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
)


@given(
    st.dictionaries(st.sampled_from([*entry()["protoPayload"], "request"]), ANY),
    st.dictionaries(st.sampled_from(["labels", "operation", "timestamp", "insertId"]), ANY),
)
def test_any_entry(payload: dict[str, Any], outside: dict[str, Any]) -> None:
    """Whatever members have, there is an event or there is none."""
    assert isinstance(event_of_entry(entry(**payload) | outside, Counts()), TrailEvent | None)
