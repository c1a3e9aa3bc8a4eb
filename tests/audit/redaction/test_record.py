"""What is recorded of a request and its answer once their secrets are marked."""

import time

import msgspec
import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Stage
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.record import record_answer, record_request
from auditproxy.audit.redaction.decoding import builtin_redactor
from auditproxy.serializer.budget import Budget
from tests.fakes.auditcontexts import answered, context

SECRET = RequestInfo(
    is_resource_request=True, path="/", verb="create", resource="secrets", namespace="n"
)
SECRET_PATCH = msgspec.structs.replace(SECRET, verb="patch", name="s")
LIST_SECRETS = msgspec.structs.replace(SECRET, verb="list")
CANARY = b'{"kind":"Secret","metadata":{"name":"s"},"data":{"a":"canary"}}'
MERGE = "application/merge-patch+json"


def recorded_of_secret(
    info: RequestInfo, content_type: str, body: bytes, *, answer: bytes = b"", redact: bool = True
) -> AuditContext:
    """What is recorded of a secret's request and its answer."""
    begun = context(info)
    begun.redactor = builtin_redactor(b"0123456789abcdef") if redact else None
    captured = Captured(
        request_content_type=content_type,
        request_body=body,
        request_complete=True,
        code=200,
        content_type="application/json",
        response_body=answer,
        response_complete=True,
    )
    answered(begun, info, captured)
    return begun


@pytest.mark.parametrize(
    ("info", "content_type", "body", "answer", "members"),
    [
        (SECRET, "application/json", CANARY, CANARY, "requestObject,responseObject"),
        (SECRET, "application/yaml", b"data: {a: canary}", b"", "requestObject"),
        (SECRET_PATCH, MERGE, CANARY, b"", "requestObject"),
        (SECRET_PATCH, "application/strategic-merge-patch+json", CANARY, b"", "requestObject"),
        (
            SECRET_PATCH,
            "application/json-patch+json",
            b'[{"op":"add","path":"/data/a","value":"canary"}]',
            b"",
            "requestObject",
        ),
        (SECRET_PATCH, "application/apply-patch+yaml", b"data: {a: canary}", b"", "requestObject"),
        (LIST_SECRETS, "", b"", b'{"kind":"SecretList","items":[%s]}' % CANARY, "responseObject"),
        (
            LIST_SECRETS,
            "",
            b"",
            b'{"kind":"Table","rows":[{"cells":["s"],"object":%s}]}' % CANARY,
            "responseObject",
        ),
    ],
)
def test_secrets_are_redacted(
    info: RequestInfo, content_type: str, body: bytes, answer: bytes, members: str
) -> None:
    """T302: no form of a secret's value is recorded, and the annotation tells where markers are."""
    begun = recorded_of_secret(info, content_type, body, answer=answer)
    written = bytes(begun.request_object or b"") + bytes(begun.response_object or b"")
    assert b"canary" not in written
    assert b"auditproxy.io/redacted:hmac-sha256:" in written
    assert begun.annotations["auditproxy.io/redacted"] == members
    raw = recorded_of_secret(info, content_type, body, answer=answer, redact=False)
    assert b"canary" in bytes(raw.request_object or b"") + bytes(raw.response_object or b"")
    assert "auditproxy.io/redacted" not in raw.annotations


@pytest.mark.parametrize("content_type", [MERGE, "application/apply-patch+yaml"])
@pytest.mark.parametrize("body", [b"canary", b'"canary"', b'["canary"', b'{"data":', b"{canary: ["])
def test_a_secret_that_cannot_be_read_is_left_out(content_type: str, body: bytes) -> None:
    """Redaction fails closed: what is no object is not recorded, and the event says so."""
    begun = recorded_of_secret(SECRET_PATCH, content_type, body)
    assert begun.request_object is None
    assert begun.annotations["auditproxy.io/request-object-omitted"].startswith("redacted")
    assert begun.annotations["auditproxy.io/redacted"] == "requestObject"


def test_other_resources_keep_their_bytes() -> None:
    """Where no rule names the resource nothing is looked at and nothing changes."""
    raw = b'{"kind":"ConfigMap","data":{"a":"x"},"data":{"a":"y"}}'
    info = msgspec.structs.replace(SECRET_PATCH, resource="configmaps")
    begun = recorded_of_secret(info, MERGE, raw)
    assert bytes(begun.request_object or b"") == raw


def test_a_status_is_not_redacted() -> None:
    """T303: an error's Status holds the server's words; TokenRequest's rule does not touch it."""
    info = msgspec.structs.replace(SECRET, resource="serviceaccounts", subresource="token")
    begun = context(info)
    begun.redactor = builtin_redactor(b"0123456789abcdef")
    body = b'{"kind":"Status","metadata":{},"status":"Failure","message":"no","code":404}'
    captured = Captured(
        code=404, content_type="application/json", response_body=body, response_complete=True
    )
    answered(begun, info, captured)
    assert bytes(begun.response_object or b"") == body
    assert "auditproxy.io/redacted" not in begun.annotations


def test_an_issued_token_is_redacted_and_named() -> None:
    """T303: the answer of a TokenRequest loses the token and keeps its id as an annotation."""
    info = msgspec.structs.replace(SECRET, resource="serviceaccounts", subresource="token")
    begun = context(info)
    begun.redactor = builtin_redactor(b"0123456789abcdef")
    body = b'{"kind":"TokenRequest","status":{"token":"e30.eyJqdGkiOiJhYmMifQ.sig"}}'
    captured = Captured(
        code=201, content_type="application/json", response_body=body, response_complete=True
    )
    answered(begun, info, captured)
    assert b"eyJqdGki" not in bytes(begun.response_object or b"")
    assert begun.annotations["authentication.kubernetes.io/issued-credential-id"] == "JTI=abc"


def test_secrets_among_countless_values() -> None:
    """B8: a request of more values than are looked at for secrets is left out, and counted."""
    info = RequestInfo(is_resource_request=True, path="/", verb="create", resource="secrets")
    for count, kept in ((1000, True), (60_000, False)):
        begun = context(info)
        begun.redactor = builtin_redactor(b"k" * 16)
        data = ",".join(f'"{number}":"eA=="' for number in range(count))
        captured = Captured(
            code=201,
            request_body=b'{"kind":"Secret","metadata":{"name":"s"},"data":{%b}}' % data.encode(),
            request_complete=True,
            request_budget=Budget(250_000),
        )
        record_request(begun, info, captured)
        event = begun.event(Stage.RESPONSE_COMPLETE, 1)
        assert event is not None
        assert event.object_ref is not None
        assert event.object_ref.name == "s"
        assert (event.request_object is not None) == kept
        assert captured.request_budget is not None
        assert (captured.request_budget.reason == "nodes") != kept
        assert ("auditproxy.io/request-object-omitted" in event.annotations) != kept


def test_a_list_of_countless_values() -> None:
    """B8: the items of a list are values as well; texts that look like many are not."""
    values = ",".join(f'"{number:06x}"' for number in range(60_000))
    commas = '"' + ',\\"{[:' * 30_000 + '"'
    for data, kept in ((f'{{"k":[{values}]}}', False), (f'{{"k":{commas}}}', True)):
        begun = context(SECRET)
        begun.redactor = builtin_redactor(b"k" * 16)
        body = b'{"kind":"Secret","metadata":{"name":"s"},"data":%b}' % data.encode()
        captured = Captured(
            code=201,
            request_body=body,
            request_complete=True,
            request_budget=Budget(1_000_000),
        )
        record_request(begun, SECRET, captured)
        assert (begun.request_object is not None) is kept


def invalid(count: int) -> bytes:
    """A 422 that complains of so many values."""
    said = 'Invalid value: "!{}": a valid config key must consist of alphanumeric characters'
    causes = [
        {"reason": "FieldValueInvalid", "message": said.format(n), "field": f"data[!{n}]"}
        for n in range(count)
    ]
    details = {"name": "a", "kind": "Secret", "causes": causes}
    status = {"kind": "Status", "message": "no", "reason": "Invalid", "details": details}
    return msgspec.json.encode({**status, "code": 422})


@pytest.mark.parametrize("seconds", [2.0, 0.0])
def test_time_for_secrets(seconds: float) -> None:
    """B8: where the time is over before all secrets are found, texts and bodies are left out."""
    begun = context(SECRET)
    begun.redactor = builtin_redactor(b"k" * 16)
    data = ",".join(f'"{number:x}":"q{number:04x}"' for number in range(4_000))
    captured = Captured(
        code=422,
        content_type="application/json",
        request_body=b'{"kind":"Secret","metadata":{"name":"s"},"stringData":{%b}}' % data.encode(),
        request_complete=True,
        request_budget=Budget(250_000, seconds=seconds, clock=time.thread_time),
        response_body=invalid(60),
        response_complete=True,
        response_budget=Budget(1_000_000, seconds=seconds, clock=time.thread_time),
    )
    record_answer(
        begun, SECRET, captured, long_running=False, infer_decision=True, decoded_limit=1 << 20
    )
    record_request(begun, SECRET, captured)
    assert begun.response_status is not None
    assert begun.response_status.message.startswith("auditproxy.io/") is (seconds == 0)
    assert (begun.request_object is None) is (seconds == 0)
    if not seconds:
        assert captured.request_budget is not None
        assert captured.request_budget.reason == "time"
        note = begun.annotations["auditproxy.io/request-object-omitted"]
        assert note.startswith("not decoded: reading it takes more than")
        assert (
            begun.annotations["auditproxy.io/redacted"]
            == "requestObject,responseObject,responseStatus"
        )
