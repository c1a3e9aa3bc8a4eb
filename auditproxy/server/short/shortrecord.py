"""ShortRecord: the events and counts of a request on the short way.

    bare       no body is needed: lines, from parts that were encoded once
    whole      both bodies are here and cheap to read: what a Recorder would take from them
    otherwise  None: the chain records it

Lines are for a log that writes each at once; other sinks, and slow requests, get events.
"""

import msgspec

from auditproxy.apis.audit import Level, ObjectReference, Stage
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import LATENCY_THRESHOLD, AuditContext
from auditproxy.audit.objects import Recorded
from auditproxy.audit.plainbodies import plain_answer, plain_reference
from auditproxy.audit.record import response_copy_limit
from auditproxy.audit.template import (
    TargetPart,
    known_record,
    line,
    recorded_line,
    with_reference,
)
from auditproxy.capture.recording import RESPONSE_NODES, inline_budget
from auditproxy.metrics.requests import NO_PATCH
from auditproxy.request.headers import ClientHeaders
from auditproxy.server.emitter import Emitter
from auditproxy.server.knownclient import KnownClient, ShortDecision, ShortSender
from auditproxy.server.services import Services, Shared
from auditproxy.server.short.shorttarget import CodeFacts, ShortTarget
from auditproxy.server.short.wholerecord import (
    captured_whole,
    is_cheap,
    is_plainly_cheap,
    record_whole,
)
from auditproxy.upstream.heads import WholeAnswer
from auditproxy.upstream.messages import UpstreamRequest

MOST_CODES = 4
"""Codes of answers whose facts one kind of targets remembers."""


class ShortRecord(msgspec.Struct, eq=False):
    """What is recorded of one request, and what it is: who asks, what for, and when it came.

    ``headers`` are those of ``sender``, or like them. ``received`` is nanoseconds since the epoch,
    ``started`` and ``recognised`` are the monotonic clock when it came and when its sender was
    known.
    """

    # One object, which msgspec makes in C: attributes that are set one by one cost as much as all
    # else that is done for the record before the answer.
    _shared: Shared
    _services: Services
    _client: KnownClient
    _headers: ClientHeaders
    _sender: ShortSender
    _target: ShortTarget
    _decision: ShortDecision
    _body: bytes
    _audit_id: str
    _received: int
    _started: int
    _recognised: int
    _context: AuditContext | None = None
    _emitter: Emitter | None = None
    _is_over: bool = False
    """Whether nothing that comes is for this request any more."""

    def __repr__(self) -> str:
        # Headers and body may hold secrets.
        return f"{type(self).__name__}({len(self._body)} bytes)"

    @property
    def owes_event(self) -> bool:
        """Whether the last event is wanted and still to come."""
        return self._decision.complete and not self._is_over

    def _request(self) -> UpstreamRequest:
        """What was sent, as a value."""
        target, sender = self._target, self._sender
        before = sender.before + self._headers.trace + sender.behind_trace
        return UpstreamRequest(
            method=target.method,
            target=self._services.upstream.base_path + target.found.target.raw,
            lines=before + self._audit_id.encode() + sender.after,
            content_length=self._headers.content_length,
            body=self._body or None,
        )

    def _request_received(self) -> Delivery:
        """Emit RequestReceived, which the policy wants."""
        received = self._received
        if self._shared.take_line is not None:
            text = line(
                self._decision.level,
                self._audit_id,
                Stage.REQUEST_RECEIVED,
                self._target.part,
                self._sender.part,
                status="",
                received=received,
                now=received,
                annotations=self._target.kind.early,
            )
            outcome = self._take_line(text, is_intent=True)
            if outcome is not None:
                return outcome
        return self._emit(self._begun(), Stage.REQUEST_RECEIVED, received)

    def _recorded(self, whole: WholeAnswer) -> Delivery | None:
        """Record a request that has its answer; None, and nothing is done: the chain has to.

        Raises what a sink raises: it has the event then, and must not get it twice.
        """
        shared, decision, code = self._shared, self._decision, whole.head.status
        took = shared.monotonic_clock() - self._started
        facts = self._target.kind.codes.get(code) or self._code_facts(code)
        outcome: Delivery | None = True
        # A slow request has annotations of its own.
        is_bare = decision.is_bare and took <= LATENCY_THRESHOLD
        if is_bare and decision.complete:
            outcome = self._take_line(self._last_line(facts, took), is_intent=False)
            is_bare = outcome is not None
        if not is_bare and decision.level is not Level.NONE:
            outcome = self._recorded_plainly(whole, facts)
            if outcome is None:
                outcome = self._recorded_with_bodies(whole, facts)
            if outcome is None:
                return None
            took = shared.monotonic_clock() - self._started
        decision.counted.value += 1
        facts.series.counted.value += 1
        facts.series.measured.observe(took / 1e9)
        return outcome

    def _last_line(
        self,
        facts: CodeFacts,
        took: int,
        part: TargetPart | None = None,
        answer: msgspec.Raw | None = None,
    ) -> bytes:
        """The line of ResponseComplete; ``part`` is the target's own, unless a body said more."""
        record = facts.record
        return line(
            self._decision.level,
            self._audit_id,
            Stage.RESPONSE_COMPLETE,
            part or self._target.part,
            self._sender.part,
            status=record.status,
            received=self._received,
            now=self._received + took,
            annotations=record.annotations,
            answer=answer,
        )

    def _recorded_plainly(self, whole: WholeAnswer, facts: CodeFacts) -> Delivery | None:
        """Record bodies that add one thing; None, and nothing is done, where they may add more."""
        shared, decision, part = self._shared, self._decision, self._target.part
        if shared.take_line is None or not decision.complete:
            return None
        answer = None
        try:
            if facts.answered[decision.level]:
                told = self._plain_answer(whole, facts)
                if told is None:
                    return None
                answer = told.object
            else:
                reference = self._plain_reference()
                if reference is None:
                    return None
                part = with_reference(part, reference)
        except Exception:
            # The whole record meets this fault of ours, too.
            return None
        took = shared.monotonic_clock() - self._started
        if took > LATENCY_THRESHOLD:
            return None
        return self._take_line(self._last_line(facts, took, part, answer), is_intent=False)

    def _plain_reference(self) -> ObjectReference | None:
        """The objectRef, if nothing else is taken from the request's body."""
        target, headers, body = self._target, self._headers, self._body
        reference, level = target.part.reference, self._decision.level
        media_type, coding = headers.content_type, headers.content_encoding
        if reference is None or not is_cheap(body, target.kind.asked[level], media_type, coding):
            return None
        return plain_reference(
            reference,
            target.found.info,
            level,
            body,
            content_type=media_type,
            content_encoding=coding,
        )

    def _plain_answer(self, whole: WholeAnswer, facts: CodeFacts) -> Recorded | None:
        """What the answer's body adds, if nothing else is read."""
        kind, level, told = self._target.kind, self._decision.level, whole.head.facts
        media_type, coding = told.content_type, told.content_encoding
        if (
            kind.asked[level]
            or kind.has_secrets
            or not is_plainly_cheap(whole.body, facts.answered[level], media_type, coding)
        ):
            return None
        return plain_answer(
            self._target.found.info,
            level,
            whole.body,
            content_type=media_type,
            content_encoding=coding,
            omit_managed_fields=self._decision.config.omit_managed_fields,
            types=self._services.types,
            budget=inline_budget(RESPONSE_NODES),
        )

    def _recorded_with_bodies(self, whole: WholeAnswer, facts: CodeFacts) -> Delivery | None:
        """Record what the bodies say; None as ``_recorded``."""
        shared, context = self._shared, self._begun()
        if not self._is_captured(context, whole, facts.answered[context.level]):
            return None
        took = shared.monotonic_clock() - self._started
        now = self._received + took
        if shared.take_line is not None and took <= LATENCY_THRESHOLD:
            if not self._decision.complete:
                return True
            part, sender = self._target.part, self._sender.part
            text = recorded_line(context, part, sender, now=now, known=facts.record)
            outcome = self._take_line(text, is_intent=False)
            if outcome is not None:
                return outcome
        return self._emit(context, Stage.RESPONSE_COMPLETE, now)

    def _is_captured(self, context: AuditContext, whole: WholeAnswer, answered: int) -> bool:
        """Record both bodies, unless they are not cheap to read."""
        found, services = self._target.found, self._services
        asked = self._target.kind.asked[context.level]
        try:
            captured = captured_whole(
                found, self._headers, self._body, whole, asked=asked, answered=answered
            )
            if captured is None:
                return False
            record_whole(context, found, captured, services, self._shared)
        except Exception:
            # What meets a fault of ours, the chain records as far as it can.
            return False
        return True

    def _begun(self) -> AuditContext:
        """The record of this request, as the chain begins it."""
        context = self._context
        if context is None:
            found, client = self._target.found, self._client
            context = self._context = AuditContext(self._audit_id, self._received)
            context.track("authentication", self._recognised - self._started)
            context.begin(
                self._decision.config,
                info=found.info,
                request_uri=found.request_uri,
                user=self._sender.identity.user,
                source_ips=client.source_ips,
                user_agent=client.user_agent,
                redactor=self._services.redactor,
            )
        return context

    def _emit(self, context: AuditContext, stage: Stage, now: int) -> Delivery:
        """Give the event of a stage to the sink, if it is wanted."""
        emitter = self._emitter
        if emitter is None:
            emitter = self._emitter = Emitter(self._shared, context)
        return emitter.emit(stage, now)

    def _take_line(self, text: bytes, *, is_intent: bool) -> Delivery | None:
        """Give the line of an event to the sink; None if it did not take it."""
        shared = self._shared
        assert shared.take_line is not None
        outcome: Delivery | None = True
        try:
            outcome = shared.take_line(text, is_intent=is_intent)
        finally:
            # Given is given, whatever that raises.
            if outcome is not None:
                audit = shared.metrics.audit
                audit.events.value += 1
                audit.generated.value += 1
        return outcome

    def _code_facts(self, code: int) -> CodeFacts:
        """What follows from the code; kept with the target where its series are its own."""
        target, found = self._target, self._target.found
        method = target.method.decode()
        series = self._shared.metrics.requests.series(
            found.info,
            method,
            code=code,
            content_type=self._headers.content_type,
            dry_run=found.dry_run,
            watch=found.watch,
        )
        copied = self._services.limits.response_copy
        facts = CodeFacts(
            known_record(code, target.kind.late),
            tuple(
                response_copy_limit(found.info, level, code, long_running=False, limit=copied)
                for level in Level
            ),
            series,
        )
        if series.is_settled and method in NO_PATCH and len(target.kind.codes) < MOST_CODES:
            target.kind.codes[code] = facts
        return facts
