"""Audit contexts that have begun, and what an answer leaves in them."""

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.record import record_answer, record_end, record_request


def context(info: RequestInfo, level: Level = Level.REQUEST_RESPONSE) -> AuditContext:
    """A context that has begun."""
    begun = AuditContext("id", 0)
    begun.begin(
        RequestAuditConfig(level),
        info=info,
        request_uri="/",
        user=None,
        source_ips=(),
        user_agent="",
    )
    return begun


def answered(begun: AuditContext, info: RequestInfo, captured: Captured) -> None:
    """Record an answer and what follows from it."""
    record_answer(
        begun, info, captured, long_running=False, infer_decision=True, decoded_limit=1000
    )
    record_request(begun, info, captured)
    record_end(begun, info, captured, decoded_limit=1000)
