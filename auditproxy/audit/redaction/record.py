"""What is recorded of a request and its answer once their secrets are marked."""

from collections.abc import Callable
from functools import partial

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level
from auditproxy.apis.status import Status
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.objects import (
    REQUEST_OBJECT_OMITTED,
    RESPONSE_OBJECT_OMITTED,
    Recorded,
    request_object,
)
from auditproxy.audit.redaction.exchange import ExchangeRedactor
from auditproxy.audit.refusals.refusal import Stop
from auditproxy.audit.submitted import records_request
from auditproxy.serializer import json
from auditproxy.serializer.budget import Budget, BudgetExceededError
from auditproxy.serializer.errors import SerializationError
from auditproxy.serializer.protobuf.decoder import Decoder

REDACTED_VALUES = 50_000
"""Values of a request in which secrets are looked for; a Secret has hundreds.

All values of an object are built in one step, during which nothing else runs.
"""


def redacted_answer(
    context: AuditContext,
    info: RequestInfo,
    captured: Captured,
    recorded: Recorded,
    types: Decoder,
) -> Recorded:
    """What is recorded of an answer once its secrets are marked.

    Free if no rule names the resource. An unreadable body is omitted, with an
    annotation. A Status is the server's own text, which may quote the request.
    """
    before, raw = recorded.status, recorded.object
    redaction = None if before is None and raw is None else context.redaction(info)
    if redaction is None:
        return recorded
    if before is None or before.message or before.details is not None:
        _survey(redaction, info, captured, before, types)
    if before is not None:
        after = redaction.status(before, captured.response_budget)
        if after is not before:
            context.redacted("responseStatus")
        if raw is not None:
            done = redaction.status_object(bytes(raw), before, after)
            if done != bytes(raw):
                context.redacted("responseObject")
            raw = msgspec.Raw(done)
        return msgspec.structs.replace(recorded, status=after, object=raw)
    redact = partial(redaction.answer, budget=captured.response_budget)
    return _marked(context, recorded, redact, "responseObject", RESPONSE_OBJECT_OMITTED)


def redacted_request(
    context: AuditContext, info: RequestInfo, recorded: Recorded, budget: Budget | None
) -> Recorded:
    """What is recorded of a request once its secrets are marked."""
    raw = recorded.object
    redaction = None if raw is None else context.redaction(info)
    if raw is None or redaction is None:
        return recorded
    if budget is not None and _has_countless_values(bytes(raw)):
        error = budget.exceeded("nodes", f"more than {REDACTED_VALUES} values to find secrets in")
        context.redacted("requestObject")
        return Recorded(
            metadata=recorded.metadata, annotations=((REQUEST_OBJECT_OMITTED, str(error)),)
        )
    redact = partial(redaction.request, budget=budget)
    return _marked(context, recorded, redact, "requestObject", REQUEST_OBJECT_OMITTED)


def _marked(
    context: AuditContext,
    recorded: Recorded,
    redact: Callable[[bytes], tuple[bytes, bool]],
    member: str,
    omitted: str,
) -> Recorded:
    """Mark an object's secrets; if they cannot be found, omit it with an annotation."""
    if recorded.object is None:
        return recorded
    try:
        raw, marked = redact(bytes(recorded.object))
    except SerializationError as error:
        why = "redacted as a whole: it cannot be read to find its secrets"
        if isinstance(error, BudgetExceededError):
            why = str(error)
        context.redacted(member)
        return Recorded(metadata=recorded.metadata, annotations=((omitted, why),))
    if marked:
        context.redacted(member)
    return msgspec.structs.replace(recorded, object=msgspec.Raw(raw))


def _has_countless_values(raw: bytes) -> bool:
    """Whether an object has too many values to inspect, found without building any."""
    return json.marks_outside(raw, b",[{", REDACTED_VALUES) > REDACTED_VALUES


def _survey(
    redaction: ExchangeRedactor,
    info: RequestInfo,
    captured: Captured,
    status: Status | None,
    types: Decoder,
) -> None:
    """Survey the request's body, if it has one that the server may have read."""
    if not records_request(info) or captured.request_body == b"":
        return
    if captured.stop < Stop.DECODING:
        # Refused before the body was read: the answer cannot quote it.
        return
    if captured.request_body is None or not captured.request_complete:
        redaction.survey(None)
        return
    found = request_object(
        info,
        captured.request_content_type,
        captured.request_body,
        level=Level.REQUEST,
        omit_managed_fields=False,
        decoded=True,
        types=types,
        content_encoding=captured.request_content_encoding,
        decoded_limit=captured.request_limit,
        budget=captured.request_budget,
    )
    if found.object is not None:
        raw = bytes(found.object)
        redaction.survey(None if _has_countless_values(raw) else raw, captured.request_budget)
    elif found.annotations:
        redaction.survey(None)
