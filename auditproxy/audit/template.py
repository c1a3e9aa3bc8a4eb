"""Lines of events whose members are known before there is a request: no dict, no encoder.

    TargetPart   what follows from the target: requestURI, verb, objectRef
    SenderPart   what follows from the client: user, source addresses, user agent

A part is a piece of the line, made of an AuditContext, which alone decides what an event
shows. ``line`` joins two parts with what each event has of its own; ``recorded_line`` does so for
the last event of a request of which bodies were recorded.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from auditproxy.apis.audit import API_VERSION, LEVEL_WORDS, Level, ObjectReference, Stage
from auditproxy.apis.status import Status, only_code
from auditproxy.apis.units import SECOND
from auditproxy.audit.context import AuditContext
from auditproxy.serializer.json import encode, escape_html
from auditproxy.serializer.times import date_and_time

_BEGINNINGS = {
    level: f'{{"kind":"Event","apiVersion":"{API_VERSION}","level":"{word}","auditID":"'
    for level, word in LEVEL_WORDS.items()
}
_STAGES = {stage: f'","stage":"{stage}"' for stage in Stage}
_COMPLETE = _STAGES[Stage.RESPONSE_COMPLETE]


class TargetPart(msgspec.Struct, frozen=True, gc=False):
    """Members that follow from a target: before and behind those of the sender."""

    before: str
    behind: str
    reference: ObjectReference | None
    """What ``behind`` says."""

    def __repr__(self) -> str:
        return f"TargetPart({len(self.before) + len(self.behind)} characters)"


class SenderPart(msgspec.Struct, frozen=True, gc=False):
    """Members that follow from who sends a request, and from where."""

    text: str

    def __repr__(self) -> str:
        return f"SenderPart({len(self.text)} characters)"


class KnownRecord(msgspec.Struct, frozen=True, gc=False):
    """What the record of an answer with one code has as a rule, and the members that say it."""

    answer: Status
    status: str
    annotated: Mapping[str, str]
    annotations: str


def known_record(code: int, annotated: Mapping[str, str]) -> KnownRecord:
    """Return the record of an answer of which the code alone is known."""
    return KnownRecord(only_code(code), status_text(code), annotated, annotations_text(annotated))


def target_part(context: AuditContext) -> TargetPart:
    """Return the target's part of the events of a request that has begun."""
    before = _member("requestURI", context.request_uri) + _member("verb", context.verb)
    reference = context.object_ref
    behind = "" if reference is None else _member("objectRef", reference)
    return TargetPart(before, behind, reference)


def with_reference(part: TargetPart, reference: ObjectReference) -> TargetPart:
    """Return a target's part with what a body said of its object."""
    if reference == part.reference:
        return part
    return TargetPart(part.before, _member("objectRef", reference), reference)


def sender_part(context: AuditContext) -> SenderPart:
    """Return the sender's part of the events of a request that has begun, acting as itself."""
    text = _member("user", context.user)
    if context.source_ips:
        text += _member("sourceIPs", context.source_ips)
    if context.user_agent:
        text += _member("userAgent", context.user_agent)
    return SenderPart(text)


def annotations_text(annotations: Mapping[str, str]) -> str:
    """Return the member with these annotations, "" without any."""
    return _member("annotations", dict(sorted(annotations.items()))) if annotations else ""


def status_text(code: int) -> str:
    """Return the member for an answer of which the code alone is recorded; "" for 0."""
    return _member("responseStatus", only_code(code)) if code else ""


def line(
    level: Level,
    audit_id: str,
    stage: Stage,
    target: TargetPart,
    sender: SenderPart,
    *,
    status: str,
    received: int,
    now: int,
    annotations: str,
    answer: msgspec.Raw | None = None,
) -> bytes:
    """Return the line of one event, with its newline; times are nanoseconds since the epoch.

    ``audit_id`` is one that JSON does not have to escape; ``status`` and ``annotations`` are what
    ``status_text`` and ``annotations_text`` return. ``answer`` is the responseObject as
    the readers of bodies return it: escaped, and on one line.
    """
    end = _end(received, now, annotations)
    begin = (
        f"{_BEGINNINGS[level]}{audit_id}{_STAGES[stage]}{target.before}{sender.text}"
        f"{target.behind}{status}"
    )
    if answer is None:
        return f"{begin}{end}".encode()
    return b"".join((begin.encode(), b',"responseObject":', answer, end.encode()))


def recorded_line(
    context: AuditContext,
    target: TargetPart,
    sender: SenderPart,
    *,
    now: int,
    known: KnownRecord,
) -> bytes:
    """Return the line of ResponseComplete, with what ``context`` has of bodies.

    The request acts as itself and is not slow, and the policy wants the event. ``context`` is of
    a request with both parts; ``known`` is what it has as a rule.
    """
    level, reference, status = context.level, context.object_ref, context.response_status
    behind = target.behind if reference == target.reference else _member("objectRef", reference)
    answered = known.status if status == known.answer else _member("responseStatus", status)
    annotations = known.annotations
    if context.annotations != known.annotated:
        annotations = annotations_text(context.annotations)
    pieces = [
        (
            f"{_BEGINNINGS[level]}{context.audit_id}{_COMPLETE}{target.before}{sender.text}"
            f"{behind}{answered}"
        ).encode()
    ]
    if context.request_object is not None and level >= Level.REQUEST:
        pieces += (b',"requestObject":', escape_html(bytes(context.request_object)))
    if context.response_object is not None and level >= Level.REQUEST_RESPONSE:
        pieces += (b',"responseObject":', escape_html(bytes(context.response_object)))
    pieces.append(_end(context.received, now, annotations).encode())
    return b"".join(pieces)


def _end(received: int, now: int, annotations: str) -> str:
    """Return the members behind the bodies, and the newline."""
    began = received // SECOND
    second = date = date_and_time(began)
    # Within a second numbers are small, which is faster than a remainder of the whole.
    since = received - began * SECOND
    later = since + now - received
    if not 0 <= later < SECOND:
        second, later = date_and_time(now // SECOND), now % SECOND
    return (
        f',"requestReceivedTimestamp":"{date}.{since // 1000:06d}Z"'
        f',"stageTimestamp":"{second}.{later // 1000:06d}Z"{annotations}}}\n'
    )


def _member(name: str, value: Any) -> str:
    return f',"{name}":{encode(value).decode()}'
