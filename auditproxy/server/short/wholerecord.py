"""The record of a request and a whole 2xx whose bodies are here, and cheap to read.

What is taken from the bodies is what a Recorder takes; it needs no copies, because both are read
before anything else happens. Where a body may cost more, nothing is done: a Recorder has to.
"""

from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.costs import REDACTED_WEIGHT, cost, may_unfold
from auditproxy.audit.record import record_answer, record_end, record_request
from auditproxy.capture.recording import (
    DECODE_INLINE,
    REQUEST_NODES,
    RESPONSE_NODES,
    inline_budget,
)
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.resolution import Resolution
from auditproxy.server.services import Services, Shared
from auditproxy.upstream.heads import WholeAnswer


def captured_whole(
    found: Resolution,
    headers: ClientHeaders,
    body: bytes,
    whole: WholeAnswer,
    *,
    asked: int,
    answered: int,
) -> Captured | None:
    """Return what a Recorder would have of both; None where it would not read them at once.

    ``asked`` and ``answered`` are its limits of copies, in bytes; 0 for none.
    """
    facts = whole.head.facts
    captured = Captured(
        request_content_type=headers.content_type,
        request_content_encoding=headers.content_encoding,
        request_limit=asked,
        request_complete=True,
        code=whole.head.status,
        content_type=facts.content_type,
        content_encoding=facts.content_encoding,
        response_complete=True,
        no_sniff=facts.no_sniff,
        accept=headers.accept,
        target=found.target,
    )
    if asked:
        if not is_cheap(body, asked, captured.request_content_type, headers.content_encoding):
            return None
        captured.request_body = body
        captured.request_budget = inline_budget(REQUEST_NODES)
    if answered:
        if not is_cheap(whole.body, answered, facts.content_type, facts.content_encoding):
            return None
        captured.response_body = whole.body
        captured.response_budget = inline_budget(RESPONSE_NODES)
    return captured


def is_cheap(body: bytes, limit: int, content_type: str, coding: str) -> bool:
    """Whether reading a body, and looking for secrets in it, takes half of what may be at once."""
    size = len(body)
    return (
        size <= limit
        and not may_unfold(content_type)
        and 2 * (cost(content_type, coding, size, limit=limit) + size * REDACTED_WEIGHT)
        <= DECODE_INLINE
    )


def is_plainly_cheap(body: bytes, limit: int, content_type: str, coding: str) -> bool:
    """Whether a body without secrets, the only one of its request, is read at once."""
    size = len(body)
    return (
        size <= limit
        and not may_unfold(content_type)
        and cost(content_type, coding, size, limit=limit) <= DECODE_INLINE
    )


def record_whole(
    context: AuditContext, found: Resolution, captured: Captured, services: Services, shared: Shared
) -> None:
    """Record what was captured, in a Recorder's order; raises whatever the readers do not catch."""
    info, limit = found.info, services.limits.response_copy
    record_answer(
        context,
        info,
        captured,
        long_running=False,
        infer_decision=services.infer_decision,
        decoded_limit=limit,
        types=services.types,
    )
    record_request(context, info, captured, types=services.types)
    record_end(context, info, captured, shared.deprecations, decoded_limit=limit)
    for budget in (captured.request_budget, captured.response_budget):
        if budget is not None and budget.reason:
            shared.metrics.captures.undecoded(budget.reason)
