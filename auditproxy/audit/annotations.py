"""Annotations known from outside: authorization, deprecation, issued tokens."""

import base64
import re

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.status import Status
from auditproxy.audit.bodies import base_type
from auditproxy.audit.objects import CBOR, PROTOBUF, YAML, is_authorization_denial
from auditproxy.serializer import cbor, protobuf, yaml
from auditproxy.serializer.errors import SerializationError

DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
DEPRECATED = "k8s.io/deprecated"
REMOVED_RELEASE = "k8s.io/removed-release"
ISSUED_CREDENTIAL = "authentication.kubernetes.io/issued-credential-id"
UPSTREAM_ERROR = "auditproxy.io/upstream-error"
RETRIED = "auditproxy.io/retried"

ALLOW = "allow"
FORBID = "forbid"

_DEPRECATED = re.compile(
    r'299 [^ ]+ "(?:[a-z0-9.-]+/)?v\d[a-z0-9]* [A-Z][A-Za-z0-9]* is deprecated'
    r"(?: in v\d+\.\d+\+(?:, unavailable in v(?P<removed>\d+\.\d+)\+)?)?"
    r'(?:; use [^"]+)?"'
)
"""The warning of a deprecated API version (apiserver endpoints/deprecation)."""

_CUSTOM_SUBRESOURCES = ("", "status", "scale")
"""What a custom resource can have; built-in ones that are deprecated have no others."""

Annotations = tuple[tuple[str, str], ...]


def inferred_decision(info: RequestInfo, code: int, status: Status | None) -> Annotations:
    """What the answer tells about authorization: a 403 of the authorizer is forbid, all else allow.

    The reason of a forbid is the Status message; that of an allow is not known
    and is written empty, as kube-apiserver writes it for system:masters. 401
    and 429 were given before anyone was asked.
    """
    if code in (401, 429):
        return ()
    if code == 403 and is_authorization_denial(info, status):
        return ((DECISION, FORBID), (REASON, status.message if status else ""))
    return ((DECISION, ALLOW), (REASON, ""))


def deprecation(info: RequestInfo, code: int, warnings: tuple[str, ...]) -> Annotations:
    """What the answer's Warning headers tell about a deprecated API version.

    Of a custom resource the server warns before it looks whether there is such a
    subresource or method, and annotates only what there is (apiextensions
    apiserver/customresource_handler.go).
    """
    if code == 405 or (code == 404 and info.subresource not in _CUSTOM_SUBRESOURCES):
        return ()
    for warning in warnings:
        found = _DEPRECATED.fullmatch(warning)
        if found is not None:
            removed = found["removed"]
            note = ((DEPRECATED, "true"),)
            return (*note, (REMOVED_RELEASE, removed)) if removed else note
    return ()


class _TokenStatus(msgspec.Struct):
    token: str = ""


class _TokenRequest(msgspec.Struct):
    status: _TokenStatus = msgspec.field(default_factory=_TokenStatus)


class _Claims(msgspec.Struct):
    jti: str = ""


def issues_credential(info: RequestInfo) -> bool:
    """Whether a request asks for a service account's token."""
    return (
        info.verb == "create" and info.resource == "serviceaccounts" and info.subresource == "token"
    )


def issued_credential(content_type: str, body: bytes) -> Annotations:
    """The id of the token that a TokenRequest's answer holds; the token itself goes nowhere."""
    try:
        media_type = base_type(content_type)
        if media_type == PROTOBUF:
            # TokenRequest: 3 status, TokenRequestStatus: 1 token.
            token = protobuf.string_at(protobuf.envelope(body).raw, (3, 1))
        else:
            if media_type in (YAML, CBOR):
                body = yaml.to_json(body) if media_type == YAML else cbor.to_json(body)
            token = msgspec.json.decode(body, type=_TokenRequest).status.token
        payload = token.split(".")[1]
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        jti = msgspec.json.decode(claims, type=_Claims).jti
    except (SerializationError, msgspec.DecodeError, ValueError, IndexError, RecursionError):
        return ()
    return ((ISSUED_CREDENTIAL, f"JTI={jti}"),) if jti else ()
