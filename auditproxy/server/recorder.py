"""Recorder: copies a request's bodies while they pass, and records them when both have.

request_head, request_data*, request_end       beside what goes upstream
head, data*, end                               beside what goes to the client (server/tee.py)
record, or skip and record                     when both have passed
"""

import sys
import time
from dataclasses import replace

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.units import MEBIBYTE
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext
from auditproxy.audit.costs import REDACTED_WEIGHT, cost, may_unfold, unfolded_cost
from auditproxy.audit.objects import REQUEST_OBJECT_OMITTED, RESPONSE_OBJECT_OMITTED
from auditproxy.audit.record import (
    record_answer,
    record_end,
    record_request,
    request_copy_limit,
    response_copy_limit,
)
from auditproxy.capture.copies import Copy
from auditproxy.capture.decoding import Skipped
from auditproxy.downstream.responses import describe
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.target import Target
from auditproxy.serializer.budget import Budget
from auditproxy.server.services import Services, Shared
from auditproxy.upstream.messages import ResponseHead

DECODE_INLINE = 64 * 1024
"""Cost (audit/costs.py) of bodies that are decoded on the event loop; more goes to a thread."""
INLINE_SECONDS = 0.1
"""What decoding one body may take there, of the CPU; the costliest take half of it."""


REQUEST_NODES = 250_000
"""Values of one request's body; etcd takes no object of half as many."""
REQUEST_TEXT = MEBIBYTE * 2
"""Bytes of a YAML request; a value of as many takes some 30 ms, during which nothing else runs."""
RESPONSE_NODES = 1_000_000
"""Values of one answer, which may be a list of many objects."""
SECONDS, SECONDS_A_MEBIBYTE = 2.0, 0.25
"""What decoding one body may take of a CPU, and more for each mebibyte of it."""

WHY: dict[Skipped, str] = {
    "queue-full": "not decoded: too many bodies of this user wait already",
    "shutdown": "not decoded: the proxy was stopping",
}

FAILED = "recording it failed"
"""Why a body is left out that a fault of ours kept from being recorded."""


def inline_budget(nodes: int) -> Budget:
    """Return what reading one body may cost on the event loop."""
    return Budget(nodes, text=DECODE_INLINE, seconds=INLINE_SECONDS, clock=time.thread_time)


class Recorder:
    """Keeps what was copied of one request and its answer, and decodes it when asked."""

    def __init__(self, shared: Shared, services: Services, context: AuditContext) -> None:
        self.captured = Captured()
        self._shared = shared
        self._services = services
        self._context = context
        self._request: Copy | None = None
        self._response: Copy | None = None
        self._costs = (0, 0)
        self._skipped: Skipped = ""
        self._left_out = False

    def is_costly(self, info: RequestInfo) -> bool:
        """Return whether recording both bodies would hold up the event loop; call before it."""
        if self._request is None and self._response is None:
            return False
        self._costs = self._cost_of_request(info), self._cost_of_response(info)
        return sum(self._costs) > DECODE_INLINE

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
        self._context.adopt(recorded._context)

    def record(self, info: RequestInfo, *, long_running: bool) -> None:
        """Decode what was captured; whatever that meets, the event can go out."""
        try:
            self._record(info, long_running=long_running)
            record_end(
                self._context,
                info,
                self.captured,
                self._shared.deprecations,
                decoded_limit=self._services.limits.response_copy,
            )
        except Exception as crash:
            self._report(crash)
        finally:
            # A waiting event must not hold on to what it was made from.
            self.captured.request_body = self.captured.response_body = b""

    def _record(self, info: RequestInfo, *, long_running: bool) -> None:
        try:
            # The request first: what the answer may show depends on what was asked.
            self._take_request()
            if self.captured.code and not long_running:
                self.record_answer(info, long_running=False)
            record_request(self._context, info, self.captured, types=self._services.types)
        except Exception as crash:
            self._report(crash)
            if self._request is not None and self._context.request_object is None:
                self._context.annotate(REQUEST_OBJECT_OMITTED, FAILED)

    def record_answer(self, info: RequestInfo, *, long_running: bool) -> None:
        """Take over what the upstream's answer says; its code and the decision in any case."""
        try:
            # Of long-running requests it is read before the client has it: no cost is known yet.
            self._take_response(0 if long_running else self._costs[1])
            self._record_answer(info, long_running=long_running)
        except Exception as crash:
            self._report(crash)
            self.captured.response_body, self.captured.response_missing = None, FAILED
            self._record_answer(info, long_running=long_running)

    def _report(self, crash: Exception) -> None:
        """Let operators know of a fault of ours, without content."""
        where = f"request {self._context.audit_id} failed: {describe(crash)}"
        text = f"recording bodies of {where}"
        self._shared.report(OperatorLine(text, audit_id=self._context.audit_id))

    def _take_request(self) -> None:
        if self._request is None:
            return
        taken = self._take(self._request, self._costs[0], REQUEST_NODES, REQUEST_OBJECT_OMITTED)
        self.captured.request_body, self.captured.request_missing = taken[:2]
        self.captured.request_budget = taken[2]

    def _take_response(self, spent: int) -> None:
        if self._response is None:
            return
        taken = self._take(self._response, spent, RESPONSE_NODES, RESPONSE_OBJECT_OMITTED)
        self.captured.response_body, self.captured.response_missing = taken[:2]
        self.captured.response_budget = taken[2]

    def _record_answer(self, info: RequestInfo, *, long_running: bool) -> None:
        record_answer(
            self._context,
            info,
            self.captured,
            long_running=long_running,
            infer_decision=self._services.infer_decision,
            decoded_limit=self._services.limits.response_copy,
            types=self._services.types,
        )

    def _take(
        self, copy: Copy, spent: int, nodes: int, omitted: str
    ) -> tuple[bytes | None, str, Budget | None]:
        """A body or why there is none, and what reading it may cost."""
        if spent <= DECODE_INLINE:
            return copy.take(), copy.missing(), inline_budget(nodes)
        if self._skipped:
            self._left_out = True
            self._context.annotate(omitted, WHY[self._skipped])
            return None, WHY[self._skipped], None
        decoding = self._shared.decoding
        budget = Budget(
            nodes,
            text=REQUEST_TEXT if copy is self._request else sys.maxsize,
            seconds=SECONDS + SECONDS_A_MEBIBYTE * copy.size / MEBIBYTE,
            # Of this thread alone: what else the machine does leaves no gap in the trail.
            clock=time.thread_time,
            stopped=lambda: decoding.stopping,
        )
        return copy.take(), copy.missing(), budget

    def release(self) -> None:
        """Give back the room of the copies; on the event loop, once per request."""
        for copy in (self._request, self._response):
            if copy is not None:
                copy.release()
        self._request = self._response = None


def _size(copy: Copy | None) -> int:
    """Bytes that a copy holds."""
    return 0 if copy is None or copy.dropped is not None else copy.size
