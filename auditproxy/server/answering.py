"""Answer a request without the upstream: the Status that is sent, and what its event shows.

The same Status value is the answer's body and the event's responseStatus. When
the client's Accept cannot be met, kube-apiserver writes the body anyway, but its
audit does not see the Status.
"""

from email.utils import formatdate

from auditproxy.apis.status import Status
from auditproxy.downstream.responses import (
    JSON_TYPE,
    NO_SNIFF,
    TEXT_TYPE,
    Answered,
    Refused,
    head_bytes,
    status_answer,
)
from auditproxy.request.accept import negotiate, wants_pretty
from auditproxy.request.warnings import warning_headers
from auditproxy.server.exchange import Exchange

PANIC_TEXT = b"This request caused apiserver to panic. Look in the logs for details.\n"


def answer(exchange: Exchange, refused: Refused) -> Answered:
    """Write an answer of ours, unless one has begun already."""
    if exchange.answer_started:
        return Answered(keep_alive=False)
    body, content_type = _body(exchange, refused)
    headers = [
        (b"Audit-Id", exchange.context.audit_id.encode()),
        (b"Cache-Control", b"no-cache, private"),
        content_type,
        *warning_headers(exchange.warnings),
    ]
    if refused.no_sniff:
        headers.append(NO_SNIFF)
    keep_alive = exchange.request.keep_alive and not exchange.connection.must_close
    keep_alive = keep_alive and exchange.method != "CONNECT"
    if not keep_alive:
        headers.append((b"Connection", b"close"))
    headers.append((b"Date", formatdate(usegmt=True).encode()))
    headers.append((b"Content-Length", b"%d" % len(body)))
    exchange.answer_begins(refused.status.code)
    transport = exchange.connection.transport
    if transport is not None:
        head = head_bytes(refused.status.code, b"", tuple(headers))
        transport.write(head if exchange.method == "HEAD" else head + body)
    return Answered(keep_alive=keep_alive)


def _body(exchange: Exchange, refused: Refused) -> tuple[bytes, tuple[bytes, bytes]]:
    """The body and its Content-Type; puts the Status into the event where kube-apiserver would."""
    if refused.text is not None:
        return refused.text, TEXT_TYPE
    body, acceptable = status_answer(
        refused.status,
        acceptable=negotiate(exchange.headers.accept) is not None,
        pretty=wants_pretty(exchange.target, exchange.headers),
    )
    if acceptable:
        exchange.context.answered(refused.status)
    return body, JSON_TYPE


def answer_crash(exchange: Exchange) -> Answered:
    """kube-apiserver's text for a panic, or a cut stream when an answer has begun."""
    if exchange.answer_started:
        return exchange.cut("crash")
    answer(exchange, Refused(Status(metadata={}, code=500), text=PANIC_TEXT))
    return Answered(keep_alive=False)
