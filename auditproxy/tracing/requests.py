"""Which requests are traced, and what becomes a span: kube-apiserver's rules, no OpenTelemetry.

    the client is of system:masters or      its traceparent's trace continues, sampled as it says
    system:monitoring, with a traceparent
    any other                               a new trace, sampled by the configured rate; a
                                            traceparent becomes a link, and ends here

So no other client can have requests traced (apiserver endpoints/filters/traces.go, component-base
tracing). A request of which no span is wanted costs one comparison.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.user import UserInfo
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.traceparent import TraceParent, trace_parent

MILLION = 1_000_000
TRUSTED_GROUPS = frozenset({"system:masters", "system:monitoring"})
"""Groups whose members may choose a trace, and have their requests sampled."""

_LOWER = (1 << 64) - 1
CONTEXT_HEADERS = frozenset({b"traceparent", b"tracestate"})

Draw = Callable[[int], int]
"""Returns so many random bits."""


class PassedFilter(msgspec.Struct, frozen=True, gc=False):
    """A span below a request's; nanoseconds since the epoch."""

    name: str
    began: int
    ended: int


class RequestTrace(msgspec.Struct, eq=False):
    """The trace of one request, while it is served.

    ``parent`` is the client's span, or None; ``link`` a span of a client that may not choose.
    """

    trace_id: int
    span_id: int
    sampled: bool
    parent: TraceParent | None = None
    link: TraceParent | None = None
    filters: list[PassedFilter] = []
    sent: int = 0
    """When the upstream was asked; 0 if it was not."""
    sent_span_id: int = 0

    def passed(self, name: str, ended: int, spent: int) -> None:
        """Note that a filter has let the request pass, after so many nanoseconds."""
        self.filters.append(PassedFilter(name, ended - spent, ended))

    @property
    def is_recorded(self) -> bool:
        """Whether events name the trace: another program may have it, or we do."""
        return self.sampled or self.parent is not None

    @property
    def dropped_headers(self) -> frozenset[bytes]:
        """Headers of the client that are not for the upstream."""
        if self.parent is None:
            return CONTEXT_HEADERS
        # The state of a trace that continues belongs to it.
        return frozenset({b"traceparent"}) if self.sampled else frozenset()

    @property
    def traceparent(self) -> bytes:
        """The value for the upstream; b"" where the client's own goes, or none."""
        if not self.sampled:
            return b""
        return str(TraceParent(self.trace_id, self.sent_span_id, sampled=True)).encode()


class RequestSpans(msgspec.Struct, frozen=True):
    """A request that is over, for its spans; nanoseconds since the epoch."""

    trace: RequestTrace
    name: str
    method: str
    request_uri: str
    audit_id: str
    user_agent: str
    client: str
    code: int
    began: int
    ended: int


class WebhookSpan(msgspec.Struct, frozen=True):
    """A call of the audit webhook; nanoseconds since the epoch."""

    trace_id: int
    span_id: int
    count: int
    began: int
    ended: int
    failed: bool


class SpanSink(Protocol):
    """Takes what is to be exported; never waits, and counts what it drops."""

    def add(self, spans: RequestSpans | WebhookSpan) -> None:
        """Take it."""


class Tracing:
    """Decides which requests are traced; ``rate`` is how many of a million root spans are."""

    __slots__ = ("_bound", "_draw", "_next", "_sink", "is_next_sampled")

    def __init__(self, rate: int, draw: Draw, sink: SpanSink) -> None:
        self._bound = (rate << 64) // MILLION
        self._draw = draw
        self._sink = sink
        self._next = 0
        self.is_next_sampled = False
        """Whether the next request that begins a trace is sampled."""
        self.next_trace()

    def next_trace(self) -> int:
        """Return the id of a new trace, whose sampling was known; decide on the one after it."""
        trace_id, self._next = self._next, self._draw(128) or 1
        # As the samplers of OpenTelemetry by the ratio of trace ids.
        self.is_next_sampled = self._next & _LOWER < self._bound
        return trace_id

    def request(self, headers: ClientHeaders, user: UserInfo) -> RequestTrace:
        """Begin the trace of a request of ``user``."""
        parent = trace_parent(headers)
        if parent is not None and not TRUSTED_GROUPS.isdisjoint(user.groups):
            trace = RequestTrace(parent.trace_id, self._span_id(), parent.sampled, parent)
        else:
            sampled = self.is_next_sampled
            trace = RequestTrace(self.next_trace(), self._span_id(), sampled, None, parent)
        trace.sent_span_id = self._span_id()
        return trace

    def request_over(self, spans: RequestSpans) -> None:
        """Take a traced request that is over."""
        if spans.trace.sampled:
            self._sink.add(spans)

    def webhook_called(self, count: int, began: int, ended: int, failed: bool) -> None:
        """Take a call of the audit webhook, of so many events; it begins a trace."""
        if self.is_next_sampled:
            span = WebhookSpan(self.next_trace(), self._span_id(), count, began, ended, failed)
            self._sink.add(span)
        else:
            self.next_trace()

    def _span_id(self) -> int:
        return self._draw(64) or 1


def span_name(method: str, info: RequestInfo) -> str:
    """Return kube-apiserver's name of a request's span: its method, and the path's kind."""
    if not info.is_resource_request:
        return method
    parts = [info.api_prefix, info.api_group, info.api_version]
    if info.namespace:
        parts += ["namespaces", "{:namespace}"]
    parts += [info.resource, "{:name}" if info.name else "", info.subresource]
    return f"{method} /{'/'.join(filter(None, parts))}"
