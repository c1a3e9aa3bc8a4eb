"""The fuzzer, briefly; and its oracle, which must see what it is there for."""

import pytest

from auditproxy.apis.audit import Event, ObjectReference
from auditproxy.apis.status import Status
from auditproxy.apis.user import UserInfo
from tests.fakes.gohttp import GoRequest
from tests.fuzz.requests import Oracle, run


async def test_nothing_is_found() -> None:
    """T121: whatever is forwarded was audited as what it is, for several thousand bent requests."""
    oracle = await run(4_000, seed=3)
    assert oracle.findings == []
    assert oracle.counts["forwarded"] > 400


EVENT = Event(
    kind="Event",
    api_version="audit.k8s.io/v1",
    level="Metadata",
    audit_id="a",
    stage="ResponseComplete",
    request_uri="/api/v1/namespaces/n/pods/p",
    verb="get",
    user=UserInfo(username="alice", groups=("dev",)),
    object_ref=ObjectReference(resource="pods", namespace="n", name="p", api_version="v1"),
    response_status=Status(metadata={}, code=200),
    request_received_timestamp="",
    stage_timestamp="",
)
HEADERS = (
    (b"host", b"a"),
    (b"audit-id", b"a"),
    (b"authorization", b"Bearer proxy-credential"),
    (b"impersonate-user", b"alice"),
    (b"impersonate-group", b"dev"),
)


def judged(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> list[str]:
    """What the oracle finds about one forwarded request."""
    oracle = Oracle()
    oracle.process_events((EVENT,))
    oracle.forwarded.append(GoRequest(method, target, headers, b""))
    oracle.settle()
    return [finding.partition(":")[0] for finding in oracle.findings]


@pytest.mark.parametrize(
    ("method", "target", "headers", "finding"),
    [
        ("GET", b"/api/v1/namespaces/n/pods/p", HEADERS, []),
        ("GET", b"/api/v1/namespaces/n/pods/p?", HEADERS, ["URI"]),
        ("DELETE", b"/api/v1/namespaces/n/pods/p", HEADERS, ["verb"]),
        ("GET", b"/api/v1/namespaces/n/pods/q", HEADERS, ["URI", "object"]),
        ("GET", b"/api/v1/watch", HEADERS, ["URI", "forwarded without a meaning"]),
        ("GET", b"/api/v1/namespaces/n/pods/p", HEADERS[:-1], ["identity"]),
        (
            "GET",
            b"/api/v1/namespaces/n/pods/p",
            (*HEADERS, (b"x_remote_user", b"r")),
            ["identity"],
        ),
        (
            "GET",
            b"/api/v1/namespaces/n/pods/p",
            (*HEADERS, (b"authorization", b"x")),
            ["credential"],
        ),
        ("GET", b"/api/v1/namespaces/n/pods/p", HEADERS[:1], ["forwarded without an event"]),
    ],
)
def test_oracle(
    method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...], finding: list[str]
) -> None:
    """T121: a difference in method, target, object or identity is a finding."""
    assert judged(method, target, headers) == finding
