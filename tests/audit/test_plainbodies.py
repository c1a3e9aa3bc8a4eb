"""What is taken from plain bodies is what record.py takes from the same ones, and no more often."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext, object_reference
from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.audit.plainbodies import plain_answer, plain_reference
from auditproxy.audit.record import record_answer, record_request
from auditproxy.serializer.budget import Budget
from tests.fakes.wire import block, envelope

LEASE = RequestInfo(
    is_resource_request=True,
    path="/apis/coordination.k8s.io/v1/namespaces/d/leases/n",
    verb="update",
    api_prefix="apis",
    api_group="coordination.k8s.io",
    api_version="v1",
    namespace="d",
    resource="leases",
    name="n",
)
PROTOBUF = "application/vnd.kubernetes.protobuf"
CONFIG_MAP = envelope("v1", "ConfigMap", block(2, block(1, b"a") + block(2, b"<b>")))
UNKNOWN = envelope("v1", "Nothing", b"")
TYPES = st.sampled_from(
    ["", "application/json", "application/json; charset=utf-8", "application/yaml", PROTOBUF]
)
CODINGS = st.sampled_from(["", "", "", "gzip", "identity"])
MEMBERS = st.sampled_from(
    [
        "",
        '"kind":"Lease"',
        '"kind":"Status","status":"Success","code":200',
        '"kind":7',
        '"kind":"LeaseList","items":[{"metadata":{"managedFields":[]}}]',
        '"metadata":{"name":"m","namespace":"e","uid":"u","resourceVersion":"7"}',
        '"metadata":{"uid":"a","uid":"b"}',
        '"metadata":{"UID":"a","managedFields":[1]}',
        '"metadata":[]',
        '"metadata":{"uid":7}',
        '"a":1e999',
        '"a":"<\\ud800>"',
    ]
)
BODIES = st.one_of(
    st.lists(MEMBERS, max_size=4).map(lambda some: "{" + ",".join(filter(None, some)) + "}"),
    st.sampled_from([text.decode("latin-1") for text in (CONFIG_MAP, CONFIG_MAP[:-3], UNKNOWN)]),
    st.sampled_from(["", "null", "[]", "{", " {} ", "a: b", "\x1f\x8b", '{"a":' * 2000]),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
LEVELS = st.sampled_from([Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])
VERBS = st.sampled_from(["update", "create", "patch", "delete", "get", "list"])


def begun(info: RequestInfo, level: Level, *, omits: bool = False) -> AuditContext:
    """A record that has begun."""
    context = AuditContext("an id", 0)
    context.begin(
        RequestAuditConfig(level, omit_managed_fields=omits),
        info=info,
        request_uri=info.path,
        user=None,
        source_ips=(),
        user_agent="",
    )
    return context


@given(VERBS, LEVELS, BODIES, TYPES, CODINGS)
def test_references(verb: str, level: Level, body: bytes, media_type: str, coding: str) -> None:
    """objectRef, where neither an object nor an annotation is recorded."""
    info = replace(LEASE, verb=verb)
    found = plain_reference(
        object_reference(info), info, level, body, content_type=media_type, content_encoding=coding
    )
    if found is None:
        return
    context = begun(info, level)
    captured = Captured(
        request_content_type=media_type,
        request_content_encoding=coding,
        request_body=body,
        request_complete=True,
        request_limit=1 << 20,
        request_budget=Budget(10_000),
        code=200,
    )
    record_request(context, info, captured)
    assert (found, None, {}) == (context.object_ref, context.request_object, context.annotations)


@given(VERBS, LEVELS, BODIES, TYPES, CODINGS, st.booleans())
def test_answers(
    verb: str, level: Level, body: bytes, media_type: str, coding: str, omits: bool
) -> None:
    """responseObject, where neither a Status nor an annotation is recorded."""
    info = replace(LEASE, verb=verb)
    found = plain_answer(
        info,
        level,
        body,
        content_type=media_type,
        content_encoding=coding,
        omit_managed_fields=omits,
        types=BUILTIN_TYPES,
        budget=Budget(10_000),
    )
    if found is None:
        return
    context = begun(info, level, omits=omits)
    captured = Captured(
        code=200,
        content_type=media_type,
        content_encoding=coding,
        response_body=body,
        response_complete=True,
        response_budget=Budget(10_000),
    )
    record_answer(
        context, info, captured, long_running=False, infer_decision=False, decoded_limit=1 << 20
    )
    status = context.response_status
    assert status is not None
    assert (found.object, {}) == (context.response_object, context.annotations)
    assert (status.code, status.status, status.message) == (200, "", "")


@pytest.mark.parametrize("media_type", ["", "application/json"])
def test_usual_bodies(media_type: str) -> None:
    """A lease that is written, and a ConfigMap that is read."""
    body = b'{"kind":"Lease","metadata":{"uid":"u","resourceVersion":"7"}}\n'
    reference = plain_reference(
        object_reference(LEASE),
        LEASE,
        Level.METADATA,
        body,
        content_type=media_type,
        content_encoding="",
    )
    assert reference == replace(object_reference(LEASE), uid="u", resource_version="7")
    told = plain_answer(
        replace(LEASE, verb="get"),
        Level.REQUEST_RESPONSE,
        body,
        content_type="application/json",
        content_encoding="",
        omit_managed_fields=False,
        types=BUILTIN_TYPES,
        budget=Budget(10_000),
    )
    assert told is not None
    assert told.object is not None
    assert json.loads(bytes(told.object)) == json.loads(body)
