"""From captured bodies to the context: limits, order, and what is noted."""

from typing import Any

import cbor2
import msgspec
import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.apis.user import UserInfo
from auditproxy.audit.captured import Captured
from auditproxy.audit.record import (
    STATUS_LIMIT,
    record_answer,
    record_end,
    request_copy_limit,
    response_copy_limit,
)
from tests.fakes.auditcontexts import answered, context

CREATE = RequestInfo(is_resource_request=True, path="/", verb="create", resource="pods")
GET = RequestInfo(is_resource_request=True, path="/", verb="get", resource="pods", name="p")
TOKEN = RequestInfo(
    is_resource_request=True,
    path="/",
    verb="create",
    resource="serviceaccounts",
    subresource="token",
    name="s",
)
PATCH = RequestInfo(is_resource_request=True, path="/", verb="patch", resource="pods", name="p")
WATCH = RequestInfo(is_resource_request=True, path="/", verb="watch", resource="pods")
PLAIN = RequestInfo(is_resource_request=False, path="/version", verb="get")


@pytest.mark.parametrize(
    ("info", "level", "limit"),
    [
        (CREATE, Level.NONE, 0),
        (CREATE, Level.METADATA, 100),
        (CREATE, Level.REQUEST, 100),
        (GET, Level.REQUEST_RESPONSE, 0),
        (PLAIN, Level.REQUEST_RESPONSE, 0),
        (PATCH, Level.METADATA, 0),
        (PATCH, Level.REQUEST, 100),
    ],
)
def test_request_copy_limit(info: RequestInfo, level: Level, limit: int) -> None:
    """Only what may be recorded is copied; at Metadata for objectRef."""
    assert request_copy_limit(context(info, level), info, 100) == limit


@pytest.mark.parametrize(
    ("info", "level", "code", "long_running", "limit"),
    [
        (GET, Level.NONE, 200, False, 0),
        (GET, Level.METADATA, 200, False, 0),
        (GET, Level.METADATA, 404, False, STATUS_LIMIT),
        (CREATE, Level.METADATA, 201, False, STATUS_LIMIT),
        (TOKEN, Level.METADATA, 201, False, 1 << 30),
        (TOKEN, Level.METADATA, 403, False, STATUS_LIMIT),
        (GET, Level.REQUEST_RESPONSE, 200, False, 1 << 30),
        (WATCH, Level.REQUEST_RESPONSE, 200, True, 0),
        (WATCH, Level.REQUEST_RESPONSE, 403, True, 1 << 30),
        (PLAIN, Level.REQUEST_RESPONSE, 200, False, 0),
        (PLAIN, Level.METADATA, 403, False, STATUS_LIMIT),
    ],
)
def test_response_copy_limit(
    info: RequestInfo, level: Level, code: int, long_running: bool, limit: int
) -> None:
    """Streams are never copied; below RequestResponse only a Status is looked for."""
    found = response_copy_limit(info, level, code, long_running=long_running, limit=1 << 30)
    assert found == limit


def test_both_bodies() -> None:
    """An accepted create: decision, both objects, the code."""
    begun = context(CREATE)
    captured = Captured(
        request_content_type="application/json",
        request_body=b'{"kind":"Pod","metadata":{"name":"p"}}',
        request_complete=True,
        code=201,
        content_type="application/json",
        response_body=b'{"kind":"Pod"}',
        response_complete=True,
    )
    answered(begun, CREATE, captured)
    assert begun.request_object is not None
    assert begun.response_object is not None
    assert begun.response_status is not None
    assert begun.response_status.code == 201
    assert begun.annotations["authorization.k8s.io/decision"] == "allow"


def test_incomplete_bodies() -> None:
    """What was cut off is not recorded as if it were whole."""
    begun = context(CREATE)
    captured = Captured(
        request_content_type="application/json",
        request_body=b'{"kind":"Pod"}',
        request_complete=False,
        code=201,
        content_type="application/json",
        response_body=b'{"kind":"Pod"}',
        response_complete=False,
    )
    answered(begun, CREATE, captured)
    assert begun.request_object is None
    assert begun.response_object is None


def test_too_large() -> None:
    """Bodies over their limits are noted with their sizes."""
    begun = context(CREATE)
    captured = Captured(
        request_content_type="application/json",
        request_body=None,
        request_missing="too large: 4000000 bytes",
        request_complete=True,
        code=201,
        content_type="application/json",
        response_body=None,
        response_missing="too large: 9000000 bytes",
        response_complete=True,
    )
    answered(begun, CREATE, captured)
    assert begun.annotations["auditproxy.io/request-object-omitted"] == "too large: 4000000 bytes"
    assert begun.annotations["auditproxy.io/response-object-omitted"] == "too large: 9000000 bytes"


def test_too_large_at_metadata() -> None:
    """At Metadata nobody misses an object, so nothing is noted."""
    begun = context(CREATE, Level.METADATA)
    captured = Captured(request_body=None, response_body=None, code=201)
    answered(begun, CREATE, captured)
    assert not any(key.startswith("auditproxy.io/") for key in begun.annotations)


@pytest.mark.parametrize("media_type", ["json", "yaml", "vnd.kubernetes.protobuf", "cbor"])
@pytest.mark.parametrize(("code", "known"), [(405, True), (404, False), (200, False)])
def test_head(code: int, known: bool, media_type: str) -> None:
    """HEAD sends no body; only the fixed text of a 405 is known all the same, in any language."""
    begun = context(PLAIN)
    captured = Captured(code=code, content_type=f"application/{media_type}", head_request=True)
    answered(begun, PLAIN, captured)
    assert begun.response_status is not None
    assert (begun.response_status.reason == "MethodNotAllowed") is known
    assert (begun.response_object is not None) is known


@pytest.mark.parametrize(("more", "known"), [(0, True), (1, False), (None, False)])
def test_a_refused_head(more: int | None, known: bool) -> None:
    """E: the authorizer's sentence is known where the answer that HEAD leaves out is as long."""
    begun = context(GET)
    message = 'pods \\"p\\" is forbidden: User \\"\\" cannot get resource \\"pods\\" in API group \\"\\" at the cluster scope'
    body = (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"%b",'
        b'"reason":"Forbidden","details":{"name":"p","kind":"pods"},"code":403}\n'
    ) % message.encode()
    captured = Captured(
        code=403,
        content_type="application/json",
        content_length=-1 if more is None else len(body) + more,
        head_request=True,
    )
    answered(begun, GET, captured)
    assert begun.response_status is not None
    assert (begun.response_status.reason == "Forbidden") is known
    if known:
        assert bytes(begun.response_object or b"") == body.rstrip()
        assert begun.annotations["authorization.k8s.io/reason"].startswith('pods "p" is forbidden')


def test_level_none() -> None:
    """Nothing is read for a request that is not recorded."""
    begun = context(CREATE, Level.NONE)
    answered(begun, CREATE, Captured(code=200, response_body=b"{}", warnings=("x",)))
    assert begun.annotations == {}
    assert begun.response_status is None


def test_deprecation_at_the_end() -> None:
    """Deprecation comes with the end of the request, after the decision."""
    info = msgspec.structs.replace(GET, api_version="v1")
    begun = context(info)
    warning = '299 - "v1 Endpoints is deprecated in v1.33+"'
    captured = Captured(code=200, warnings=(warning,))
    record_answer(begun, info, captured, long_running=False, infer_decision=False, decoded_limit=10)
    assert begun.annotations == {}
    record_end(begun, info, captured, decoded_limit=1000)
    assert begun.annotations == {"k8s.io/deprecated": "true"}


@pytest.mark.parametrize("served", [True, False])
def test_cbor_is_served_where_it_is_answered(served: bool) -> None:
    """E: a server that answers in CBOR could satisfy an Accept of nothing else, and has seen its Status."""
    begun = context(GET)
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "m",
        "code": 404,
    }
    captured = Captured(
        accept="application/cbor",
        code=404,
        content_type="application/cbor" if served else "application/json",
        response_body=cbor2.dumps(status) if served else msgspec.json.encode(status),
        response_complete=True,
    )
    answered(begun, GET, captured)
    assert begun.response_status is not None
    assert (begun.response_status.message == "m") is served
    assert (begun.response_object is not None) is served


@pytest.mark.parametrize(("subresource", "hidden"), [("proxy", False), ("", True)])
@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [(401, "Unauthorized", "Unauthorized"), (503, "apiserver is shutting down", "")],
)
def test_backends_hide_nobody(
    code: int, message: str, reason: str, subresource: str, hidden: bool
) -> None:
    """What is behind a proxy takes neither the impersonated user nor the decision away."""
    info = msgspec.structs.replace(CREATE, name="p", subresource=subresource)
    begun = context(info)
    begun.impersonate(UserInfo(username="bob"), "", decided=False)
    said = {"kind": "Status", "message": message, "reason": reason, "code": code}
    captured = Captured(
        code=code,
        content_type="application/json",
        response_body=msgspec.json.encode(said),
        response_complete=True,
    )
    answered(begun, info, captured)
    assert (begun.impersonated_user is None) is hidden
    assert ("authorization.k8s.io/decision" not in begun.annotations) is hidden


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"response_body": None, "response_missing": "too large: 9 bytes"}, "too large: 9 bytes"),
        ({"response_body": b"{", "response_complete": False}, "the answer was cut off"),
    ],
)
def test_token_that_was_not_seen(members: dict[str, Any], why: str) -> None:
    """An issued token whose answer was not kept leaves a note."""
    begun = context(TOKEN, Level.METADATA)
    answered(begun, TOKEN, Captured(code=201, **{"response_complete": True, **members}))
    assert begun.annotations["auditproxy.io/issued-credential-id-omitted"] == why
