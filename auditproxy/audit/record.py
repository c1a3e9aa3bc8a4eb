"""Fill the context from captured bodies: the upstream's answer and the request's body.

The order is fixed: the answer first (its Status says how far the server got),
then the authorization decision that follows from it, then the request's body.
"""

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.apis.status import Status, StatusDetails, failure, new_forbidden
from auditproxy.audit import annotations
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.deprecation import Deprecations
from auditproxy.audit.mediatypes import base_type
from auditproxy.audit.objects import (
    BUILTIN_TYPES,
    NOTHING,
    OBJECT_TYPES,
    REQUEST_OBJECT_OMITTED,
    RESPONSE_OBJECT_OMITTED,
    Recorded,
    request_object,
    response_object,
)
from auditproxy.audit.redaction.record import redacted_answer, redacted_request
from auditproxy.audit.refusals.order import stopped_at
from auditproxy.audit.refusals.refusal import Refusal, Stop
from auditproxy.audit.submitted import CBOR, JSON, records_request, records_response
from auditproxy.request.accept import negotiate
from auditproxy.request.attributes import attributes
from auditproxy.serializer.json import status_object
from auditproxy.serializer.protobuf.decoder import Decoder

STATUS_LIMIT = 256 * 1024
"""Maximum bytes of an answer to read when only its Status is needed."""

METHOD_NOT_ALLOWED = failure(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    StatusDetails(),
)
"""kube-apiserver's one text for a method that a path does not serve."""


def request_copy_limit(context: AuditContext, info: RequestInfo, limit: int) -> int:
    """Return how many bytes of a request's body may be needed; 0 for none.

    At Metadata too: those of creates and updates fill objectRef, and a Status may quote the
    secrets of any.
    """
    if context.level is Level.NONE or not records_request(info):
        return 0
    if context.level < Level.REQUEST and info.verb not in ("create", "update"):
        return limit if context.redaction(info) is not None else 0
    return limit


def response_copy_limit(
    info: RequestInfo, level: Level, code: int, *, long_running: bool, limit: int
) -> int:
    """Return how many bytes of an answer's body may be needed; 0 for none."""
    if level is Level.NONE or not records_response(info, code, long_running=long_running):
        return 0
    if level >= Level.REQUEST_RESPONSE or (code < 400 and annotations.issues_credential(info)):
        return limit
    if code >= 400 or info.verb in ("create", "delete", "deletecollection"):
        return min(limit, STATUS_LIMIT)
    return 0


def record_answer(
    context: AuditContext,
    info: RequestInfo,
    captured: Captured,
    *,
    long_running: bool,
    infer_decision: bool,
    decoded_limit: int,
    types: Decoder = BUILTIN_TYPES,
) -> None:
    """Take the Status, the object and the authorization decision from the upstream's answer."""
    if context.level is Level.NONE:
        return
    told = Recorded()
    if records_response(info, captured.code, long_running=long_running):
        told = _answer(context, info, captured, decoded_limit, types)
    said = told.status
    if captured.code >= 400:
        captured.stop = stopped_at(_refusal(context, info, captured, said))
        if captured.stop < Stop.AUTHORIZER_ERROR:
            context.not_authorized(impersonated=captured.stop > Stop.IMPERSONATION)
        served_cbor = base_type(captured.content_type) == CBOR
        if negotiate(captured.accept) is None and not served_cbor:
            # The server still writes it, indented, but its own audit does not see it.
            told = NOTHING
    told = redacted_answer(context, info, captured, told, types)
    if told.status is not None:
        # The reason of a forbid must not reveal more than the Status.
        said = context.response_status = told.status
    if told.object is not None:
        context.response_object = told.object
    context.wrote_code(captured.code)
    _annotate(context, told.annotations)
    if infer_decision:
        message = said.message if said is not None else ""
        _annotate(context, annotations.inferred_decision(captured.stop, message))


def _refusal(
    context: AuditContext, info: RequestInfo, captured: Captured, status: Status | None
) -> Refusal:
    """Return the facts from which to infer where the server refused the request."""
    return Refusal(
        info=info,
        username=context.effective_user.username,
        query=captured.target.query,
        content_type=captured.request_content_type,
        body=captured.request_body if captured.request_complete else None,
        code=captured.code,
        answer_type=captured.content_type,
        no_sniff=captured.no_sniff,
        status=status,
        is_relayed=captured.is_relayed,
        text=captured.response_body or b"",
        budget=captured.request_budget,
    )


def _answer(
    context: AuditContext,
    info: RequestInfo,
    captured: Captured,
    decoded_limit: int,
    types: Decoder,
) -> Recorded:
    """What the answer's body holds."""
    if captured.head_request:
        status = _unsent_status(context, info, captured)
        if status is None or context.level < Level.REQUEST_RESPONSE:
            return Recorded(status=status)
        return Recorded(status=status, object=msgspec.Raw(status_object(status)))
    if captured.response_body is None:
        if context.level < Level.REQUEST_RESPONSE:
            return Recorded()
        return Recorded(annotations=((RESPONSE_OBJECT_OMITTED, captured.response_missing),))
    if not captured.response_complete or not captured.response_body:
        return Recorded()
    return response_object(
        info,
        captured.content_type,
        captured.content_encoding,
        captured.response_body,
        level=context.level,
        omit_managed_fields=context.config.omit_managed_fields,
        decoded_limit=decoded_limit,
        types=types,
        budget=captured.response_budget,
    )


def _unsent_status(context: AuditContext, info: RequestInfo, captured: Captured) -> Status | None:
    """Return the Status of the answer to a HEAD, which was not sent, if it can be inferred.

    A 405 has one text. The authorizer's text is assumed if its length is the Content-Length.
    """
    media_type = base_type(captured.content_type)
    if captured.code == 405 and media_type in OBJECT_TYPES:
        return METHOD_NOT_ALLOWED
    if captured.code != 403 or media_type != JSON:
        return None
    status = new_forbidden(attributes(context.effective_user, info), "")
    sent = len(status_object(status)) + len("\n")
    return status if sent == captured.content_length else None


def record_request(
    context: AuditContext,
    info: RequestInfo,
    captured: Captured,
    *,
    types: Decoder = BUILTIN_TYPES,
) -> None:
    """Take objectRef's open members and the object from the request's body."""
    if context.level is Level.NONE or not records_request(info):
        return
    if captured.request_body is None:
        if context.level >= Level.REQUEST and captured.stop is Stop.HANDLED:
            _annotate(context, ((REQUEST_OBJECT_OMITTED, captured.request_missing),))
        return
    if not captured.request_complete:
        return
    recorded = request_object(
        info,
        captured.request_content_type,
        captured.request_body,
        level=context.level,
        omit_managed_fields=context.config.omit_managed_fields,
        decoded=captured.stop is Stop.HANDLED,
        types=types,
        content_encoding=captured.request_content_encoding,
        decoded_limit=captured.request_limit,
        budget=captured.request_budget,
    )
    if recorded.metadata is not None:
        context.complete_reference(recorded.metadata)
    recorded = redacted_request(context, info, recorded, captured.request_budget)
    context.request_object = recorded.object
    _annotate(context, recorded.annotations)


def record_end(
    context: AuditContext,
    info: RequestInfo,
    captured: Captured,
    deprecations: Deprecations | None = None,
    *,
    decoded_limit: int,
) -> None:
    """Take the annotations that appear only when the request is over.

    ``decoded_limit`` bounds in bytes what a compressed answer may unfold to.
    """
    if context.level is Level.NONE:
        return
    if captured.warnings:
        record_warnings(context, info, captured, deprecations or Deprecations())
    if captured.code == 201 and annotations.issues_credential(info):
        _annotate(context, _issued_credential(captured, decoded_limit))


def record_warnings(
    context: AuditContext, info: RequestInfo, captured: Captured, deprecations: Deprecations
) -> None:
    """Take the annotations that follow from the warnings of the answer."""
    if context.level is not Level.NONE and captured.warnings:
        _annotate(context, deprecations.annotations(info, captured.code, captured.warnings))


def _issued_credential(captured: Captured, decoded_limit: int) -> annotations.Annotations:
    """The id of the token that was issued, or why it is not known."""
    if captured.response_body is None:
        return annotations.unread_credential(captured.response_missing)
    if not captured.response_complete:
        return annotations.unread_credential("the answer was cut off")
    return annotations.issued_credential(
        captured.content_type,
        captured.content_encoding,
        captured.response_body,
        decoded_limit=decoded_limit,
        budget=captured.response_budget,
    )


def _annotate(context: AuditContext, pairs: tuple[tuple[str, str], ...]) -> None:
    """Add annotations, each key once."""
    for key, value in pairs:
        context.annotate(key, value)
