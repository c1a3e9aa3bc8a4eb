"""Where requests were refused: what a real kube-apiserver did, row by row, and what texts cannot do."""

import base64
import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import StatusDetails
from auditproxy.apis.user import UserInfo
from auditproxy.audit.annotations import DECISION, REASON
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.record import record_answer, record_end, record_request
from auditproxy.audit.refusals.order import TABLE, stopped_at
from auditproxy.audit.refusals.refusal import Stop
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.requestinfo import resolve
from auditproxy.request.target import parse_target
from tests.audit.refusals.refusing import MAPS, REASONS, refusal

FACTS = Path(__file__).parent / "data" / "refusals.jsonl.gz"
USERS = {"e2e-admin-token": "tadmin", "e2e-viewer-token": "bob", "wrong": ""}
IMITATIONS = (
    "Unauthorized",
    "apiserver is shutting down",
    "the server could not find the requested resource",
    "415: Unsupported Media Type",
    "Request entity too large: limit is 1",
    "only the following media types are accepted: x",
    "name must be provided",
    'CreateOptions.meta.k8s.io "" is invalid: x',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: x',
    "the object provided is unrecognized (must be of type ConfigMap): x",
    " cannot create ",
    'configmaps is forbidden: User "jane" cannot create resource "configmaps" in API group "" '
    'in the namespace "n"',
    'users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group ""',
    'admission webhook "w.io" denied the request: configmaps',
    "CreateOptions",
    "users",
)
AMBIGUOUS = tuple(
    f"no such subresource of a custom resource, {method} widgets/w/{subresource} "
    for method in ("PUT", "PATCH")
    for subresource in ("status", "scale")
)
"""What cannot be told from an object that is not there: docs/parity.md."""


def facts() -> list[Any]:
    """Every recorded refusal; an event that the server lost is left out."""
    with gzip.open(FACTS, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [
        pytest.param(fact, id=f"{fact['source']}: {fact['name']}")
        for fact in found
        if fact["event"]
    ]


def context_of(fact: dict[str, Any], level: Level) -> AuditContext:
    """The record of one request before its answer comes, the client's impersonation included."""
    event = fact["event"]
    target = parse_target(fact["method"], fact["target"].encode())
    context = AuditContext("id", 0)
    context.begin(
        RequestAuditConfig(level),
        info=resolve(fact["method"], target),
        request_uri=target.request_uri,
        user=UserInfo(username=USERS[fact["token"]]),
        source_ips=(),
        user_agent="",
    )
    wanted = {name.lower(): value for name, value in fact["headers"].items()}.get(
        "impersonate-user"
    )
    if wanted:
        context.impersonate(UserInfo(username=wanted), "", decided=False)
    assert event["verb"] == resolve(fact["method"], target).verb
    return context


def record(fact: dict[str, Any], level: Level = Level.REQUEST_RESPONSE) -> AuditContext:
    """What our event would hold of a recorded exchange."""
    context = context_of(fact, level)
    target = parse_target(fact["method"], fact["target"].encode())
    headers = ClientHeaders(tuple((k.encode(), v.encode()) for k, v in fact["headers"].items()))
    answer = {name.lower(): value for name, value in fact["responseHeaders"]}
    captured = Captured(
        request_content_type=headers.get("content-type"),
        request_body=fact["body"].encode(),
        request_complete=True,
        code=fact["code"],
        content_type=answer.get("content-type", ""),
        response_body=base64.b64decode(fact["responseBody"]),
        response_complete=True,
        no_sniff=answer.get("x-content-type-options") == "nosniff",
        head_request=fact["method"] == "HEAD",
        accept=headers.get("accept"),
        target=target,
    )
    info = resolve(fact["method"], target)
    record_answer(
        context, info, captured, long_running=False, infer_decision=True, decoded_limit=1 << 22
    )
    record_request(context, info, captured)
    record_end(context, info, captured, decoded_limit=1 << 20)
    return context


@pytest.mark.parametrize("fact", facts())
def test_as_recorded(fact: dict[str, Any]) -> None:
    """A4 to A9b, A11: object, decision, impersonated user, Status: there where kube-apiserver has them."""
    event, context = fact["event"], record(fact)
    is_recorded = event["requestObject"] or fact["name"].startswith(AMBIGUOUS)
    assert (context.request_object is not None) is is_recorded
    told = event.get("annotations", {})
    assert context.annotations.get(DECISION) == told.get(DECISION)
    if DECISION not in told:
        assert context.annotations.get(REASON) == told.get(REASON)
    assert (context.impersonated_user is not None) is ("impersonatedUser" in event)
    if fact["method"] != "HEAD":
        status = context.response_status
        assert status is not None
        assert status.message == event["responseStatus"].get("message", "")
        assert (context.response_object is not None) is ("responseObject" in event)


def test_the_table() -> None:
    """Each row names its source, and rows of one file's checks stand in the order of the checks."""
    assert all(row.source for row in TABLE)
    stops = [row.stop for row in TABLE if row.stop is not Stop.HANDLED]
    assert stops == sorted(stops)


TEXT = st.text(max_size=60) | st.sampled_from(IMITATIONS)


@given(
    code=st.sampled_from([*REASONS, 500, 503]) | st.integers(400, 599),
    reason=st.sampled_from(list(REASONS.values())),
    said=TEXT,
    kind=TEXT,
    name=TEXT,
    group=st.sampled_from(["", "meta.k8s.io"]),
    method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]),
    query=st.sampled_from(["", "?dryRun=bad", "?fieldManager=m", "?limit=x"]),
    body=st.sampled_from(
        [b'{"kind":"ConfigMap","apiVersion":"v1"}', b"{bad", b"", gzip.compress(b"{}", mtime=0)]
    ),
)
def test_no_webhook_hides_a_body(
    code: int,
    reason: str,
    said: str,
    kind: str,
    name: str,
    group: str,
    method: str,
    query: str,
    body: bytes,
) -> None:
    """A5: whatever code, reason, message and details a webhook chooses, its denial is admission's."""
    target = f"{MAPS}{query}" if method in ("POST", "DELETE") else f"{MAPS}/a{query}"
    message = f'admission webhook "w.io" denied the request: {said}'
    details = StatusDetails(name=name, group=group, kind=kind)
    told = refusal(code, message, method, target, details=details, body=body)
    assert told.status is not None
    told = dataclasses.replace(told, status=msgspec.structs.replace(told.status, reason=reason))
    assert stopped_at(told) is Stop.HANDLED


@pytest.mark.parametrize(
    ("method", "target", "members"),
    [
        ("DELETE", f"{MAPS}/a", {"body": b"{bad"}),
        ("DELETE", f"{MAPS}?limit=x", {"body": b"{}"}),
    ],
)
def test_a_webhook_has_seen_the_body(method: str, target: str, members: dict[str, Any]) -> None:
    """A5: what kube-apiserver could not have read for all we know, it has, when a webhook denies it."""
    message = 'admission webhook "w.io" denied the request: no'
    assert stopped_at(refusal(400, message, method, target, **members)) is Stop.HANDLED
    assert stopped_at(refusal(400, "no", method, target, **members)) < Stop.HANDLED


def test_another_server_refuses() -> None:
    """What an aggregated server says, it says behind all checks, whatever its words are."""
    target = "/apis/agg.io/v1/namespaces/n/widgets/w/approve"
    said = 'widgets.agg.io "w" not found'
    for code, message in ((404, said), (401, "Unauthorized"), (415, None)):
        assert stopped_at(refusal(code, message, target=target, is_relayed=True)) is Stop.HANDLED
    assert stopped_at(refusal(404, said, target=target)) is Stop.ROUTE


@given(name=TEXT, method=st.sampled_from(["POST", "PUT"]))
def test_no_name_hides_a_body(name: str, method: str) -> None:
    """A5: names that clients choose are quoted in admission's refusals, and forge nothing there."""
    target = MAPS if method == "POST" else f"{MAPS}/a"
    body = json.dumps(
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}}
    ).encode()
    message = f"configmaps {go_quote(name)} is forbidden: exceeded quota: q"
    details = StatusDetails(name=name, kind="configmaps")
    assert (
        stopped_at(refusal(403, message, method, target, details=details, body=body))
        is Stop.HANDLED
    )


@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST])
def test_levels(level: Level) -> None:
    """A4: below RequestResponse the same answers decide: objectRef depends on them, too."""
    for parameter in facts():
        (fact,) = parameter.values
        context = record(fact, level)
        whole = record(fact)
        assert context.annotations.get(DECISION) == whole.annotations.get(DECISION)
        assert (context.request_object is None) is (
            level < Level.REQUEST or whole.request_object is None
        )
