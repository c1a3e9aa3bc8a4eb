"""Recorder: copies a request's bodies while they pass, and records them when both have.

request_head, request_data*, request_end       beside what goes upstream
head, data*, end                               beside what goes to the client (server/tee.py)
record, or skip and record                     when both have passed
"""

from msgspec.structs import replace

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.crash import describe
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.costs import REDACTED_WEIGHT, cost, may_unfold, unfolded_cost
from auditproxy.audit.objects import REQUEST_OBJECT_OMITTED, RESPONSE_OBJECT_OMITTED
from auditproxy.audit.record import record_warnings, request_copy_limit, response_copy_limit
from auditproxy.capture.copies import Copy
from auditproxy.capture.decoding import Skipped
from auditproxy.capture.process import DecodeProcess, Given, Sent
from auditproxy.capture.recording import (
    DECODE_INLINE,
    NODES,
    BodyRecording,
    RecordingConfiguration,
    Taken,
    budget_of,
    inline_budget,
)
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target
from auditproxy.server.services import Services, Shared
from auditproxy.upstream.messages import ResponseHead

WHY: dict[Skipped, str] = {
    "queue-full": "not decoded: too many bodies of this user wait already",
    "shutdown": "not decoded: the proxy was stopping",
    "process": "not decoded: the process that decodes bodies ended",
}


class Recorder(BodyRecording):
    """Keeps what was copied of one request and its answer, and decodes it when asked."""

    def __init__(self, shared: Shared, services: Services, context: AuditContext) -> None:
        super().__init__(context, Captured(), services, services.limits.response_copy)
        self.deprecations = shared.deprecations
        self._shared = shared
        self._services = services
        self._request: Copy | None = None
        self._response: Copy | None = None
        self._costs = (0, 0)
        self._skipped: Skipped = ""
        self._left_out = False
        self._reasons: tuple[str, ...] = ()
        """Bounds that another process met."""

    def is_costly(self, info: RequestInfo) -> bool:
        """Return whether recording both bodies would hold up the event loop; call before it."""
        if self._request is None and self._response is None:
            return False
        self._costs = self._cost_of_request(info), self._cost_of_response(info)
        return sum(self._costs) > DECODE_INLINE

    @property
    def cost(self) -> int:
        """The cost of both bodies, once ``is_costly`` was called."""
        return sum(self._costs)

    @property
    def size(self) -> int:
        """Bytes that the copies hold."""
        return sum(_size(copy) for copy in (self._request, self._response))

    def _cost_of_request(self, info: RequestInfo) -> int:
        captured = self.captured
        types = (captured.request_content_type, captured.request_content_encoding)
        return self._cost(info, self._request, *types, captured.request_limit)

    def _cost_of_response(self, info: RequestInfo) -> int:
        captured = self.captured
        types = (captured.content_type, captured.content_encoding)
        return self._cost(info, self._response, *types, self._services.limits.response_copy)

    def _cost(
        self, info: RequestInfo, copy: Copy | None, content_type: str, coding: str, limit: int
    ) -> int:
        size = _size(copy)
        if not size:
            return 0
        found = cost(content_type, coding, size, limit=limit)
        # YAML costs more than its bytes: JSON, which most bodies are, is not asked.
        if copy is not None and size < found <= DECODE_INLINE and may_unfold(content_type):
            found += unfolded_cost(copy.take() or b"")
        redactor = self._context.redactor
        if size * REDACTED_WEIGHT > DECODE_INLINE and redactor is not None and redactor.paths(info):
            found += size * REDACTED_WEIGHT
        return found

    # --- while the bodies pass ------------------------------------------------------

    def request_head(self, info: RequestInfo, target: Target, headers: ClientHeaders) -> None:
        """A request goes upstream: what is asked for, in which form, and with what kind of body."""
        captured = self.captured
        captured.target = target
        captured.accept = headers.accept
        captured.request_content_type = headers.content_type
        captured.request_content_encoding = headers.content_encoding
        limit = request_copy_limit(self._context, info, self._services.limits.request_copy)
        captured.request_limit = limit
        self._request = self._shared.room.new(limit) if limit else None

    def request_data(self, piece: bytes) -> None:
        """A piece of the request's body."""
        if self._request is not None:
            self._request.add(piece)

    def request_end(self) -> None:
        """The request's body has passed, all of it."""
        self.captured.request_complete = True

    def head(
        self, head: ResponseHead, code: int, info: RequestInfo, *, long_running: bool, is_head: bool
    ) -> None:
        """The head of the answer; ``code`` is what is recorded, ``is_head``: to a HEAD request."""
        captured = self.captured
        captured.code = code
        captured.head_request = is_head
        facts = head.facts
        captured.content_type = facts.content_type
        captured.content_encoding = facts.content_encoding
        captured.no_sniff = facts.no_sniff
        captured.warnings = facts.warnings
        captured.is_relayed = facts.audit_ids > 1
        if is_head and head.content_length is not None:
            captured.content_length = head.content_length
        limit = response_copy_limit(
            info,
            self._context.level,
            head.status,
            long_running=long_running,
            limit=self._services.limits.response_copy,
        )
        self._response = self._shared.room.new(limit) if limit else None

    @property
    def keeps_data(self) -> bool:
        """Whether the answer's body is copied."""
        return self._response is not None

    def data(self, chunk: bytes) -> None:
        """A piece of the answer's body."""
        if self._response is not None:
            self._response.add(chunk)

    def end(self) -> None:
        """The answer has passed, all of it."""
        self.captured.response_complete = True

    def switched(self) -> None:
        """The upstream switched protocols: there is no answer to record but its code."""
        self.captured.code = 101

    # --- when they have passed ------------------------------------------------------

    def skip(self, why: Skipped) -> None:
        """Have ``record`` leave aside whatever is costly, for the event to go out now."""
        self._skipped = why

    def undecoded(self) -> list[str]:
        """Why bodies were not decoded, for each."""
        budgets = (self.captured.request_budget, self.captured.response_budget)
        found = [budget.reason for budget in budgets if budget is not None and budget.reason]
        found += self._reasons
        return [*found, self._skipped] if self._left_out else found

    def fork(self) -> "Recorder":
        """One that records the same bodies aside, on a thread, until they are adopted.

        An abandoned thread keeps running for a while, and must not write into an event.
        """
        forked = Recorder(self._shared, self._services, self._context.fork())
        forked.captured = replace(self.captured)
        forked._request, forked._response = self._request, self._response
        forked._costs = self._costs
        return forked

    def adopt(self, recorded: "Recorder") -> None:
        """Take over what a fork has recorded."""
        self.captured = recorded.captured
        self._reasons = recorded._reasons
        self._context.adopt(recorded._context)

    def record_in(self, process: DecodeProcess, info: RequestInfo, *, long_running: bool) -> None:
        """Have decoded what was captured; raises ProcessEndedError when that was not done, and
        NoProcessError when it was not begun.
        """
        done = process.record(self._given(info, long_running=long_running), self._configuration)
        self._context.apply(done.changes, done.request_object, done.response_object)
        self._reasons = done.reasons
        for fault in done.faults:
            self._tell(fault)
        # What warnings say follows from those of other requests, which are known here.
        record_warnings(self._context, info, self.captured, self.deprecations)

    def report(self, crash: Exception) -> None:
        """Let operators know of a fault of ours."""
        self._tell(describe(crash))

    def _tell(self, fault: str) -> None:
        text = f"recording bodies of request {self._context.audit_id} failed: {fault}"
        self._shared.report(OperatorLine(text, audit_id=self._context.audit_id))

    def request(self) -> Taken | None:
        """The request's body."""
        copy = self._request
        return None if copy is None else self._take(copy, self._costs[0], REQUEST_OBJECT_OMITTED)

    def response(self, *, early: bool) -> Taken | None:
        """The answer's body; ``early``: before the client has it, when no cost is known yet."""
        cost = 0 if early else self._costs[1]
        copy = self._response
        return None if copy is None else self._take(copy, cost, RESPONSE_OBJECT_OMITTED)

    def _take(self, copy: Copy, cost: int, omitted: str) -> Taken:
        """A body or why there is none, and what reading it may cost."""
        if cost <= DECODE_INLINE:
            body = copy.take()
            missing = copy.missing() if body is None else ""
            return body, missing, inline_budget(NODES[omitted])
        if self._skipped:
            self._left_out = True
            self._context.annotate(omitted, WHY[self._skipped])
            return None, WHY[self._skipped], None
        decoding = self._shared.decoding
        budget = budget_of(omitted, cost, copy.size, lambda: decoding.stopping)
        return copy.take(), copy.missing(), budget

    @property
    def _configuration(self) -> RecordingConfiguration:
        services = self._services
        return RecordingConfiguration(
            services.redactor, services.types, services.infer_decision, self._decoded_limit
        )

    def _given(self, info: RequestInfo, *, long_running: bool) -> Given:
        """What another process is given of this request."""
        return Given(
            self._context,
            info,
            # Budgets are made where they are kept, and warnings are read here.
            replace(self.captured, warnings=(), request_budget=None, response_budget=None),
            long_running=long_running,
            request=None if self._request is None else Sent(self._request, self._costs[0]),
            response=None if self._response is None else Sent(self._response, self._costs[1]),
        )

    def release(self) -> None:
        """Give back the room of the copies; on the event loop, once per request."""
        for copy in (self._request, self._response):
            if copy is not None:
                copy.release()
        self._request = self._response = None


def _size(copy: Copy | None) -> int:
    """Bytes that a copy holds."""
    return 0 if copy is None or copy.dropped is not None else copy.size
