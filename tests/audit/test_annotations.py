"""Annotations from outside: authorization, deprecation, issued tokens."""

import base64
import gzip
import json
from typing import Any

import cbor2
import pytest
import yaml

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.annotations import (
    DECISION,
    ISSUED_CREDENTIAL,
    ISSUED_CREDENTIAL_OMITTED,
    REASON,
    inferred_decision,
    issued_credential,
    issues_credential,
)
from auditproxy.audit.refusals.refusal import Stop
from auditproxy.serializer.budget import Budget

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


def told(content_type: str, body: bytes, coding: str = "", **bounds: Any) -> dict[str, str]:
    """What an answer of 201 adds."""
    return dict(issued_credential(content_type, coding, body, **{"decoded_limit": 9999, **bounds}))


def test_issued_credential() -> None:
    """The token's id, from whatever language the answer is in; never the token."""
    issued = token({"jti": "abc", "sub": "x"})
    body = json.dumps({"kind": "TokenRequest", "status": {"token": issued}}).encode()
    expected = {ISSUED_CREDENTIAL: "JTI=abc"}
    assert told("application/json", body) == expected
    inner = b"\x0a" + bytes([len(issued)]) + issued.encode()
    raw = b"\x1a" + bytes([len(inner)]) + inner
    envelope = b"k8s\x00\x12" + bytes([len(raw)]) + raw
    assert told("application/vnd.kubernetes.protobuf", envelope) == expected
    asked = {"kind": "TokenRequest", "status": {"token": issued}}
    assert told("application/yaml", yaml.safe_dump(asked).encode()) == expected
    assert told("application/cbor", b"\xd9\xd9\xf7" + cbor2.dumps(asked)) == expected
    packed = gzip.compress(body, mtime=0)
    assert told("application/json", packed, "gzip") == expected
    assert told("application/json", packed, "gzip", decoded_limit=10) == {
        ISSUED_CREDENTIAL_OMITTED: "larger than 10 bytes when unpacked"
    }


def test_issued_credential_of_countless_values() -> None:
    """B8: reading the token's id is part of what the answer may cost."""
    text = b"a: [" + b"0, " * 1000 + b"0]\nstatus: {token: x.y.z}\n"
    found = told("application/yaml", text, budget=Budget(100))
    assert found == {ISSUED_CREDENTIAL_OMITTED: "not decoded: more than 100 values to read"}


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
    ],
)
def test_no_readable_credential(body: bytes) -> None:
    """An answer that shows no token leaves a note: one was issued all the same."""
    for content_type, sent in (
        ("application/json", body),
        ("application/vnd.kubernetes.protobuf", body),
        ("application/yaml", b"a: [" + body),
        ("application/cbor", b"\xff" + body),
    ):
        assert told(content_type, sent).keys() == {ISSUED_CREDENTIAL_OMITTED}


def test_token_without_an_id() -> None:
    """What older servers issue has no id to tell."""
    body = json.dumps({"status": {"token": token({})}}).encode()
    assert told("application/json", body) == {}


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
