"""Annotations known from outside: authorization, deprecation, issued tokens."""

import base64
import re

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.authentication import EXTRA_SPACE
from auditproxy.audit.bodies import base_type
from auditproxy.audit.refusal import Stop
from auditproxy.audit.submitted import PROTOBUF, as_json
from auditproxy.serializer import protobuf
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import decode_as

DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
DEPRECATED = "k8s.io/deprecated"
REMOVED_RELEASE = "k8s.io/removed-release"
ISSUED_CREDENTIAL = "authentication.kubernetes.io/issued-credential-id"
UPSTREAM_ERROR = "auditproxy.io/upstream-error"
RETRIED = "auditproxy.io/retried"
ENDED = "auditproxy.io/ended"

ALLOW = "allow"
FORBID = "forbid"

_DEPRECATED = re.compile(
    r'299 [^ ]+ "(?:[a-z0-9.-]+/)?v\d[a-z0-9]* [A-Z][A-Za-z0-9]* is deprecated'
    r"(?: in v\d+\.\d+\+(?:, unavailable in v(?P<removed>\d+\.\d+)\+)?)?"
    r'(?:; use [^"]+)?"'
)
"""The warning of a deprecated API version (apiserver endpoints/deprecation)."""

_READS = frozenset({"get", "list", "watch"})

_CUSTOM_SUBRESOURCES = ("", "status", "scale")
"""What a custom resource can have; built-in ones that are deprecated have no others."""

Annotations = tuple[tuple[str, str], ...]


def inferred_decision(stop: Stop, message: str) -> Annotations:
    """What is known of the authorizer's decision from where the request was refused, if it was.

    The reason of a forbid is the Status ``message``; that of an allow is not known
    and is written empty, as kube-apiserver writes it for system:masters. Whoever was
    refused before the authorizer was asked has no decision.
    """
    if stop < Stop.AUTHORIZER_ERROR:
        return ()
    if stop is Stop.AUTHORIZER_ERROR:
        return ((REASON, "internal error"),)
    if stop is Stop.AUTHORIZATION:
        return ((DECISION, FORBID), (REASON, message))
    return ((DECISION, ALLOW), (REASON, ""))


def deprecation(info: RequestInfo, code: int, warnings: tuple[str, ...]) -> Annotations:
    """What the answer's Warning headers tell about a deprecated API version.

    Of a custom resource the server warns before it looks whether there is such a
    subresource or method, and annotates only what there is (apiextensions
    apiserver/customresource_handler.go).
    """
    if code == 405 or (code == 404 and info.subresource not in _CUSTOM_SUBRESOURCES):
        return ()
    note = ((DEPRECATED, "true"),)
    for warning in warnings:
        found = _DEPRECATED.fullmatch(warning)
        if found is not None:
            removed = found["removed"]
            return (*note, (REMOVED_RELEASE, removed)) if removed else note
    if "." in info.api_group and info.verb in _READS and any(map(_is_authors, warnings)):
        return note
    return ()


def _is_authors(warning: str) -> bool:
    """Whether a warning about a read is a custom resource's own: reads pass no admission.

    Its definition may have any text for it (deprecationWarning); authentication has one.
    """
    return warning.startswith('299 - "') and EXTRA_SPACE not in warning


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
            token = decode_as(as_json(media_type, body), _TokenRequest).status.token
        payload = token.split(".")[1]
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        jti = decode_as(claims, _Claims).jti
    except (SerializationError, ValueError, IndexError):
        return ()
    return ((ISSUED_CREDENTIAL, f"JTI={jti}"),) if jti else ()
