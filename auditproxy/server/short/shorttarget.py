"""ShortTarget: what follows from a request line under one configuration, for the short way."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, RequestAuditConfig
from auditproxy.apis.memo import Memo
from auditproxy.apis.names import STREAMING_SUBRESOURCES
from auditproxy.audit.annotations import inferred_decision, issues_credential
from auditproxy.audit.context import AuditContext
from auditproxy.audit.record import request_copy_limit, response_copy_limit
from auditproxy.audit.refusals.refusal import Stop
from auditproxy.audit.template import KnownRecord, TargetPart, annotations_text, target_part
from auditproxy.metrics.requests import KindSeries
from auditproxy.request.resolution import Resolution
from auditproxy.request.timeout import TimeoutParameterError, request_deadline
from auditproxy.server.deadline import UPSTREAM_GRACE
from auditproxy.server.services import Services
from auditproxy.upstream.framing import write_head
from auditproxy.upstream.messages import UpstreamRequest, UpstreamRequestError

MAXIMUM_TARGET_KINDS = 1024
"""Kinds of targets that are remembered."""
LONGEST_OF_KIND = 256
"""Bytes of a target of which the kind is remembered."""

LONGEST_LINE = 512
"""Bytes of a request line that may be served the short way."""

_LINE = re.compile(rb"(GET|PUT|POST|PATCH|DELETE) (/[!-~]*) HTTP/1\.1")
"""Request lines that every reader reads alike: visible characters and single spaces."""

_RESENDABLE = frozenset({b"GET"})
_WITH_BODY = frozenset({b"POST", b"PUT", b"PATCH"})
_OTHER_WAYS = frozenset({"proxy", "ephemeralcontainers", *STREAMING_SUBRESOURCES})
"""Subresources that may be, or may change, a session."""


class CodeFacts(NamedTuple):
    """What follows from a target and the code of an answer.

    ``answered`` is by level how many bytes of an answer's body may be needed, ``series`` are the
    metrics of such requests.
    """

    record: KnownRecord
    answered: tuple[int, ...]
    series: KindSeries


class TargetKind(msgspec.Struct, gc=False, eq=False):
    """What follows from a target, but for the names in it and how they are spelled.

    Targets of one kind are alike for the policy too.
    """

    early: str
    """Annotations of events before the answer."""
    late: Mapping[str, str]
    """Those of the last one, unless bodies add some."""
    asked: tuple[int, ...]
    """By level: how many bytes of a request's body may be needed."""
    bare: tuple[bool, ...]
    """By level: whether no body is needed for the record of a 2xx."""
    has_secrets: bool
    """Whether a rule marks secrets in bodies."""
    codes: dict[int, CodeFacts] = msgspec.field(default_factory=dict)
    """What follows from the code of an answer, for methods that need no type of a body."""


Kinds = Memo[tuple[object, ...], TargetKind]
"""Kinds of targets under one configuration."""


class ShortTarget(msgspec.Struct, gc=False, eq=False):
    """A request line whose requests may be served the short way.

    ``line`` goes upstream; ``seconds`` is how long a request may take. Requests with it always
    have a Content-Length upstream if ``has_length``, and may be sent twice if ``is_resendable``.
    """

    method: bytes
    text: str
    found: Resolution
    line: bytes
    seconds: float
    has_length: bool
    is_resendable: bool
    services: Services
    part: TargetPart
    """The target's part of events."""
    kind: TargetKind


def parse_line(line: bytes) -> tuple[str, str] | None:
    """Return method and target of a request line that can be read in one way only."""
    match = _LINE.fullmatch(line) if len(line) <= LONGEST_LINE else None
    return None if match is None else (match[1].decode(), match[2].decode())


def short_target(
    method: bytes, found: Resolution, services: Services, kinds: Kinds
) -> ShortTarget | None:
    """Return the target of requests that neither wait, nor stream, nor are refused; else None.

    ``kinds`` are those found so far for ``services``.
    """
    info = found.info
    if (
        found.fault is not None
        or found.long_running
        or found.is_shortened
        or info.subresource in _OTHER_WAYS
        or issues_credential(info)
    ):
        return None
    target = services.upstream.base_path + found.target.raw
    try:
        allowed = request_deadline(found.target, services.limits.request_timeout)
        head = write_head(UpstreamRequest(method=method, target=target, lines=b"", body=b""))
    except (TimeoutParameterError, UpstreamRequestError):
        return None
    context = _begun(found, services, Level.METADATA)
    return ShortTarget(
        method=method,
        text=found.target.raw.decode(),
        found=found,
        line=head[: head.index(b"\r\n") + 2],
        seconds=allowed / 1e9 + UPSTREAM_GRACE,
        has_length=method in _WITH_BODY,
        is_resendable=method in _RESENDABLE,
        services=services,
        part=target_part(context),
        kind=_kind(method, found, context, services, kinds),
    )


def _kind(
    method: bytes, found: Resolution, context: AuditContext, services: Services, kinds: Kinds
) -> TargetKind:
    """Return the kind of a target; ``context`` is of a request with it."""
    info = found.info
    if not info.is_resource_request or context.annotations:
        # It follows from the path, or from secrets in the query.
        return _new_kind(found, context, services)
    key = (
        method,
        info.verb,
        info.api_group,
        info.api_version,
        info.resource,
        info.subresource,
        not info.name,
        not info.namespace,
        found.dry_run,
        found.watch,
        services.evaluator.kind(info),
    )
    kind = kinds.get(key)
    if kind is None:
        kind = _new_kind(found, context, services)
        if len(found.target.raw) <= LONGEST_OF_KIND:
            kinds.remember(key, kind)
    return kind


def _new_kind(found: Resolution, context: AuditContext, services: Services) -> TargetKind:
    info = found.info
    late = dict(context.annotations)
    if services.infer_decision:
        late |= inferred_decision(Stop.HANDLED, "")
    contexts = [_begun(found, services, level) for level in Level]
    return TargetKind(
        early=annotations_text(context.annotations),
        late=late,
        asked=tuple(
            request_copy_limit(each, info, services.limits.request_copy) for each in contexts
        ),
        bare=tuple(_is_bare(each, info) for each in contexts),
        has_secrets=context.redaction(info) is not None,
    )


def _begun(found: Resolution, services: Services, level: Level) -> AuditContext:
    """Return the record of a request with this target, without a user."""
    context = AuditContext("", 0)
    context.begin(
        RequestAuditConfig(level),
        info=found.info,
        request_uri=found.request_uri,
        user=None,
        source_ips=(),
        user_agent="",
        redactor=services.redactor,
    )
    return context


def _is_bare(context: AuditContext, info: RequestInfo) -> bool:
    """Whether neither body of a request that is answered with a 2xx is needed."""
    asked = request_copy_limit(context, info, 1)
    return not asked and not response_copy_limit(
        info, context.level, 200, long_running=False, limit=1
    )
