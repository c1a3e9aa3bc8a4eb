"""Lines of events whose members are known before there is a request: no dict, no encoder.

    TargetPart   what follows from the target: requestURI, verb, objectRef
    SenderPart   what follows from the client: user, source addresses, user agent

A part is a piece of the line, made of an AuditContext, which alone decides what an event
shows. ``line`` joins two parts with what each event has of its own.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from auditproxy.apis.audit import API_VERSION, LEVEL_WORDS, Level, Stage
from auditproxy.apis.status import only_code
from auditproxy.apis.units import SECOND
from auditproxy.audit.context import AuditContext
from auditproxy.serializer.json import encode
from auditproxy.serializer.times import date_and_time

_BEGINNINGS = {
    level: f'{{"kind":"Event","apiVersion":"{API_VERSION}","level":"{word}","auditID":"'
    for level, word in LEVEL_WORDS.items()
}
_STAGES = {stage: f'","stage":"{stage}"' for stage in Stage}


class TargetPart(msgspec.Struct, frozen=True, gc=False):
    """Members that follow from a target: before and behind those of the sender."""

    before: str
    behind: str

    def __repr__(self) -> str:
        return f"TargetPart({len(self.before) + len(self.behind)} characters)"


class SenderPart(msgspec.Struct, frozen=True, gc=False):
    """Members that follow from who sends a request, and from where."""

    text: str

    def __repr__(self) -> str:
        return f"SenderPart({len(self.text)} characters)"


def target_part(context: AuditContext) -> TargetPart:
    """Return the target's part of the events of a request that has begun."""
    before = _member("requestURI", context.request_uri) + _member("verb", context.verb)
    reference = context.object_ref
    behind = "" if reference is None else _member("objectRef", reference)
    return TargetPart(before, behind)


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
) -> bytes:
    """Return the line of one event, with its newline; times are nanoseconds since the epoch.

    ``audit_id`` is one that JSON does not have to escape; ``status`` and ``annotations`` are what
    ``status_text`` and ``annotations_text`` return.
    """
    began, later = received // SECOND, now // SECOND
    date = date_and_time(began)
    second = date if later == began else date_and_time(later)
    return (
        f"{_BEGINNINGS[level]}{audit_id}{_STAGES[stage]}{target.before}{sender.text}"
        f'{target.behind}{status},"requestReceivedTimestamp":"{date}.'
        f'{received % SECOND // 1000:06d}Z","stageTimestamp":"{second}.'
        f'{now % SECOND // 1000:06d}Z"{annotations}}}\n'
    ).encode()


def _member(name: str, value: Any) -> str:
    return f',"{name}":{encode(value).decode()}'
