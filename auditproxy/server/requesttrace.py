"""The trace of a request as the chain begins and ends it."""

from auditproxy.apis.user import UserInfo
from auditproxy.audit.annotations import TRACE_ID
from auditproxy.server.exchange import Exchange
from auditproxy.tracing.requests import RequestSpans, RequestTrace, Tracing, span_name


def begin_trace(exchange: Exchange, tracing: Tracing, user: UserInfo) -> None:
    """Begin the trace of a request whose user is known just now; its events name it."""
    exchange.trace = trace = tracing.request(exchange.headers, user)
    if trace.is_recorded:
        exchange.context.annotate(TRACE_ID, f"{trace.trace_id:032x}")
    if trace.sampled:
        spent = exchange.context.latencies.get("authentication", 0)
        ended = exchange.now() - (exchange.shared.monotonic_clock() - exchange.recognised)
        trace.passed("authentication", ended, spent)


def trace_over(exchange: Exchange, trace: RequestTrace) -> None:
    """Give a traced request that is over to whatever exports it."""
    tracing, context = exchange.shared.tracing, exchange.context
    if tracing is None or not trace.sampled:
        return
    # Also where the policy wants no event.
    redactor, request_uri = exchange.services.redactor, exchange.found.request_uri
    if redactor is not None:
        request_uri = redactor.request_uri(request_uri)
    code = exchange.recorder.captured.code or getattr(context.response_status, "code", 0)
    tracing.request_over(
        RequestSpans(
            trace,
            span_name(exchange.method, exchange.info),
            exchange.method,
            request_uri,
            context.audit_id,
            exchange.client.user_agent,
            exchange.facts.remote,
            code,
            context.received,
            exchange.now(),
        )
    )
