"""Annotations from outside: authorization, deprecation, issued tokens."""

import base64
import json

import cbor2
import msgspec
import pytest
import yaml

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.authentication import EXTRA_SPACE
from auditproxy.audit.annotations import (
    DECISION,
    DEPRECATED,
    ISSUED_CREDENTIAL,
    REASON,
    REMOVED_RELEASE,
    deprecation,
    inferred_decision,
    issued_credential,
    issues_credential,
)
from auditproxy.audit.refusal import Stop

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


@pytest.mark.parametrize(
    ("warning", "expected"),
    [
        ('299 - "v1 ComponentStatus is deprecated in v1.19+"', {DEPRECATED: "true"}),
        (
            '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
            {DEPRECATED: "true"},
        ),
        (
            '299 - "policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, '
            'unavailable in v1.25+"',
            {DEPRECATED: "true", REMOVED_RELEASE: "1.25"},
        ),
        (
            '299 - "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; '
            'use networking.k8s.io/v1 Ingress"',
            {DEPRECATED: "true", REMOVED_RELEASE: "1.22"},
        ),
        ('299 - "example.com/v1 Widget is deprecated"', {DEPRECATED: "true"}),
        (
            '299 - "example.com/v1 Widget is deprecated; use example.com/v2 Widget"',
            {DEPRECATED: "true"},
        ),
        ('299 - "would violate PodSecurity"', {}),
        ('299 - "this field is deprecated in v1.19+"', {}),
        ("garbage", {}),
    ],
)
def test_deprecation(warning: str, expected: dict[str, str]) -> None:
    """Warnings of deprecated API versions, and nothing that looks like them."""
    assert dict(deprecation(GET, 200, ('299 - "other"', warning))) == expected


@pytest.mark.parametrize(
    ("code", "subresource", "annotated"),
    [
        (200, "", True),
        (404, "", True),
        (404, "status", True),
        (404, "scale", True),
        (409, "", True),
        (404, "exec", False),
        (405, "", False),
        (405, "status", False),
    ],
)
def test_deprecation_of_what_is_there(code: int, subresource: str, annotated: bool) -> None:
    """A custom resource's warning comes with a subresource or method that it has not, too."""
    info = msgspec.structs.replace(GET, subresource=subresource)
    warning = '299 - "example.com/v1 Widget is deprecated"'
    assert bool(deprecation(info, code, (warning,))) is annotated


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


@pytest.mark.parametrize(
    ("verb", "group", "warning", "noted"),
    [
        ("get", "example.com", "be careful with widgets", True),
        ("list", "example.com", "be careful with widgets", True),
        ("create", "example.com", "be careful with widgets", False),
        ("get", "", "be careful with widgets", False),
        ("get", "example.com", EXTRA_SPACE, False),
    ],
)
def test_deprecation_in_words_of_its_author(
    verb: str, group: str, warning: str, noted: bool
) -> None:
    """E: a custom resource is deprecated in any words; only its reads can be warned of by nobody else."""
    info = msgspec.structs.replace(GET, verb=verb, api_group=group)
    assert bool(deprecation(info, 200, (f'299 - "{warning}"',))) is noted
