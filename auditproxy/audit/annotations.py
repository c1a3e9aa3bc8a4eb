"""Annotations known from outside: authorization, issued tokens; deprecation.py has one more."""

import base64

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.prepared import prepared
from auditproxy.audit.bodies import inflate
from auditproxy.audit.mediatypes import base_type
from auditproxy.audit.refusals.refusal import Stop
from auditproxy.audit.submitted import PROTOBUF, as_json
from auditproxy.serializer.budget import Budget
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.json import decode_as
from auditproxy.serializer.protobuf import envelope as protobuf

DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
ISSUED_CREDENTIAL = "authentication.kubernetes.io/issued-credential-id"
ISSUED_CREDENTIAL_OMITTED = "auditproxy.io/issued-credential-id-omitted"
UPSTREAM_ERROR = "auditproxy.io/upstream-error"
RETRIED = "auditproxy.io/retried"
ENDED = "auditproxy.io/ended"
SHUT_DOWN = "the proxy was shut down"
"""Why requests end that are under way at a stop."""
TRACE_ID = "auditproxy.io/trace-id"

ALLOW = "allow"
FORBID = "forbid"

Annotations = tuple[tuple[str, str], ...]


def inferred_decision(stop: Stop, message: str) -> Annotations:
    """Return the authorizer's decision as inferred from where the request was refused, if it was.

    The reason of a forbid is the Status ``message``; that of an allow is not known
    and is written empty, as kube-apiserver writes it for system:masters. A request
    refused before the authorizer was asked has no decision.
    """
    if stop < Stop.AUTHORIZER_ERROR:
        return ()
    if stop is Stop.AUTHORIZER_ERROR:
        return ((REASON, "internal error"),)
    if stop is Stop.AUTHORIZATION:
        return ((DECISION, FORBID), (REASON, message))
    return ((DECISION, ALLOW), (REASON, ""))


class _TokenStatus(msgspec.Struct):
    token: str = ""


@prepared
class _TokenRequest(msgspec.Struct):
    status: _TokenStatus = msgspec.field(default_factory=_TokenStatus)


@prepared
class _Claims(msgspec.Struct):
    jti: str = ""


def issues_credential(info: RequestInfo) -> bool:
    """Whether a request asks for a service account's token."""
    return (
        info.verb == "create" and info.resource == "serviceaccounts" and info.subresource == "token"
    )


def issued_credential(
    content_type: str,
    content_encoding: str,
    body: bytes,
    *,
    decoded_limit: int,
    budget: Budget | None = None,
) -> Annotations:
    """Return the id of the token in a TokenRequest's answer; the token itself is not recorded.

    ``decoded_limit`` bounds in bytes what a compressed body may unfold to, ``budget`` what
    reading it may cost. If no token can be read, the annotation gives the reason. A token without
    an id, as older servers issue, has no annotation.
    """
    try:
        plain = inflate(body, content_encoding, decoded_limit)
        media_type = base_type(content_type)
        if media_type == PROTOBUF:
            # TokenRequest: 3 status, TokenRequestStatus: 1 token.
            token = protobuf.string_at(protobuf.envelope(plain, budget).raw, (3, 1))
        else:
            token = decode_as(as_json(media_type, plain, budget), _TokenRequest).status.token
    except SerializationError as error:
        return unread_credential(str(error))
    try:
        payload = token.split(".")[1]
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        jti = decode_as(claims, _Claims).jti
    except (SerializationError, ValueError, IndexError):
        return unread_credential("the answer shows no token that can be read")
    return ((ISSUED_CREDENTIAL, f"JTI={jti}"),) if jti else ()


def unread_credential(why: str) -> Annotations:
    """Return the annotation of an issued token with an unknown id."""
    return ((ISSUED_CREDENTIAL_OMITTED, why),)
