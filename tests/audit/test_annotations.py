"""Annotations from outside: authorization, deprecation, issued tokens."""

import base64
import json

import cbor2
import pytest
import yaml

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.annotations import (
    DECISION,
    ISSUED_CREDENTIAL,
    REASON,
    inferred_decision,
    issued_credential,
    issues_credential,
)
from auditproxy.audit.refusals.refusal import Stop

GET = RequestInfo(is_resource_request=True, path="/", verb="get", resource="widgets", name="w")


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (Stop.HANDLED, {DECISION: "allow", REASON: ""}),
        (Stop.DECODING, {DECISION: "allow", REASON: ""}),
        (Stop.ROUTE, {DECISION: "allow", REASON: ""}),
        (Stop.AUTHORIZATION, {DECISION: "forbid", REASON: "told"}),
        (Stop.AUTHORIZER_ERROR, {REASON: "internal error"}),
        (Stop.FLOW_CONTROL, {}),
        (Stop.IMPERSONATION, {}),
        (Stop.AUTHENTICATION, {}),
    ],
)
def test_inferred_decision(stop: Stop, expected: dict[str, str]) -> None:
    """Whoever came past the authorizer was allowed; who never came to it has no decision."""
    assert dict(inferred_decision(stop, "told")) == expected


def token(claims: object) -> str:
    """An unsigned token."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


def test_issued_credential() -> None:
    """The token's id, from whatever language the answer is in; never the token."""
    issued = token({"jti": "abc", "sub": "x"})
    body = json.dumps({"kind": "TokenRequest", "status": {"token": issued}}).encode()
    expected = ((ISSUED_CREDENTIAL, "JTI=abc"),)
    assert issued_credential("application/json", body) == expected
    inner = b"\x0a" + bytes([len(issued)]) + issued.encode()
    raw = b"\x1a" + bytes([len(inner)]) + inner
    envelope = b"k8s\x00\x12" + bytes([len(raw)]) + raw
    assert issued_credential("application/vnd.kubernetes.protobuf", envelope) == expected
    asked = {"kind": "TokenRequest", "status": {"token": issued}}
    assert issued_credential("application/yaml", yaml.safe_dump(asked).encode()) == expected
    assert issued_credential("application/cbor", b"\xd9\xd9\xf7" + cbor2.dumps(asked)) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"status":{"token":"opaque"}}',
        b'{"status":{"token":"a.!!!.c"}}',
        json.dumps({"status": {"token": token([1])}}).encode(),
        json.dumps({"status": {"token": token({"jti": 5})}}).encode(),
        json.dumps({"status": {"token": token({})}}).encode(),
    ],
)
def test_no_credential(body: bytes) -> None:
    """Tokens without an id, and what is no token, give no annotation."""
    assert issued_credential("application/json", body) == ()
    assert issued_credential("application/vnd.kubernetes.protobuf", body) == ()
    assert issued_credential("application/yaml", b"a: [" + body) == ()
    assert issued_credential("application/cbor", b"\xff" + body) == ()


@pytest.mark.parametrize(
    ("verb", "resource", "subresource", "asked"),
    [
        ("create", "serviceaccounts", "token", True),
        ("create", "serviceaccounts", "", False),
        ("get", "serviceaccounts", "token", False),
        ("create", "pods", "token", False),
    ],
)
def test_issues_credential(verb: str, resource: str, subresource: str, asked: bool) -> None:
    """Only the TokenRequest of a service account is looked at."""
    info = RequestInfo(
        is_resource_request=True, path="/", verb=verb, resource=resource, subresource=subresource
    )
    assert issues_credential(info) is asked
