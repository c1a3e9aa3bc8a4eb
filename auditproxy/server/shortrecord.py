"""ShortRecord: the events and counts of a request on the short way.

    bare       no body is needed: lines, from parts that were encoded once
    whole      both bodies are here and cheap to read: what a Recorder would take from them
    otherwise  None: the chain records it

Lines are for a log that writes each at once; other sinks, and slow requests, get events.
"""

import msgspec

from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import LATENCY_THRESHOLD, AuditContext
from auditproxy.audit.record import response_copy_limit
from auditproxy.audit.template import KnownRecord, known_record, line, recorded_line
from auditproxy.metrics.requests import NO_PATCH
from auditproxy.request.headers import ClientHeaders
from auditproxy.server.emitter import Emitter
from auditproxy.server.knownclient import KnownClient, ShortSender
from auditproxy.server.services import Services, Shared
from auditproxy.server.shorttarget import CodeFacts, ShortTarget
from auditproxy.server.wholerecord import captured_whole, record_whole
from auditproxy.upstream.heads import WholeAnswer

MOST_CODES = 4
"""Codes of answers whose facts one kind of targets remembers."""

NOT_DECIDED = RequestAuditConfig(Level.NONE)


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A request as the short way takes it: who asks, what for, and when it came.

    ``headers`` are those of ``sender``; ``started`` is the monotonic clock and ``received`` the
    wall clock.
    """

    client: KnownClient
    headers: ClientHeaders
    sender: ShortSender
    target: ShortTarget
    body: bytes
    started: int
    received: int

    def __repr__(self) -> str:
        # Headers and body may hold secrets.
        return f"Ask({len(self.body)} bytes)"


class ShortRecord:
    """What is recorded of one request; times are nanoseconds since the epoch."""

    __slots__ = (
        "_audit_id",
        "_body",
        "_client",
        "_config",
        "_context",
        "_emitter",
        "_headers",
        "_is_bare",
        "_received",
        "_recognised",
        "_sender",
        "_services",
        "_shared",
        "_started",
        "_target",
    )

    def __init__(self, shared: Shared, services: Services, ask: Ask) -> None:
        self._shared = shared
        self._services = services
        self._client = ask.client
        self._headers = ask.headers
        self._sender = ask.sender
        self._target = ask.target
        self._body = ask.body
        self._started = started = ask.started
        self._received = ask.received
        self._recognised = shared.monotonic_clock() - started
        self._audit_id = shared.new_audit_id()
        self._config = NOT_DECIDED
        self._is_bare = False
        self._context: AuditContext | None = None
        self._emitter: Emitter | None = None

    @property
    def owes_event(self) -> bool:
        """Whether the last event is wanted and still to come."""
        config = self._config
        return config.level is not Level.NONE and Stage.RESPONSE_COMPLETE not in config.omit_stages

    def _request_received(self) -> Delivery:
        """Ask the policy, and emit RequestReceived where it wants it."""
        target = self._target
        config = self._services.evaluator.decide(self._sender.identity.user, target.found.info)
        level = config.level
        self._config = config
        self._is_bare = target.kind.bare[level] and (
            level is Level.NONE or self._shared.take_line is not None
        )
        if level is Level.NONE or Stage.REQUEST_RECEIVED in config.omit_stages:
            return True
        if self._shared.take_line is not None:
            outcome = self._take_line(Stage.REQUEST_RECEIVED, "", self._received, target.kind.early)
            if outcome is not None:
                return outcome
        return self._emit(self._begun(), Stage.REQUEST_RECEIVED, self._received)

    def _recorded(self, whole: WholeAnswer) -> Delivery | None:
        """Record a request that has its answer; None, and nothing is done: the chain has to.

        Raises what a sink raises: it has the event then, and must not get it twice.
        """
        shared, code = self._shared, whole.head.status
        now = self._received + shared.monotonic_clock() - self._started
        facts = self._target.kind.codes.get(code) or self._code_facts(code)
        outcome: Delivery = True
        level = self._config.level
        # A slow request has annotations of its own.
        is_bare = self._is_bare and now - self._received <= LATENCY_THRESHOLD
        if (
            is_bare
            and level is not Level.NONE
            and Stage.RESPONSE_COMPLETE not in self._config.omit_stages
        ):
            record = facts.record
            taken = self._take_line(Stage.RESPONSE_COMPLETE, record.status, now, record.annotations)
            if taken is None:
                is_bare = False
            else:
                outcome = taken
        if not is_bare and level is not Level.NONE:
            context = self._begun()
            if not self._is_captured(context, whole, facts.answered[level]):
                return None
            now = self._received + shared.monotonic_clock() - self._started
            taken = None
            if shared.take_line is not None and now - self._received <= LATENCY_THRESHOLD:
                taken = self._take_line_with_bodies(context, facts.record, now)
            if taken is not None:
                outcome = taken
            else:
                outcome = self._emit(context, Stage.RESPONSE_COMPLETE, now)
        shared.metrics.audit.levels[level].value += 1
        facts.series.counted.value += 1
        facts.series.measured.observe((now - self._received) / 1e9)
        return outcome

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
            context.track("authentication", self._recognised)
            context.begin(
                self._config,
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

    def _take_line(self, stage: Stage, status: str, now: int, annotations: str) -> Delivery | None:
        """Give the line of an event to the sink; None if it did not take it."""
        shared = self._shared
        audit, take_line = shared.metrics.audit, shared.take_line
        assert take_line is not None
        outcome: Delivery | None = True
        try:
            outcome = take_line(
                line(
                    self._config.level,
                    self._audit_id,
                    stage,
                    self._target.part,
                    self._sender.part,
                    status=status,
                    received=self._received,
                    now=now,
                    annotations=annotations,
                ),
                is_intent=stage is Stage.REQUEST_RECEIVED,
            )
        finally:
            # Given is given, whatever that raises.
            if outcome is not None:
                audit.events.value += 1
                audit.generated.value += 1
        return outcome

    def _take_line_with_bodies(
        self, context: AuditContext, known: KnownRecord, now: int
    ) -> Delivery | None:
        """Give the line of the last event to the sink, if it is wanted; None as ``_take_line``."""
        if not context.wants(Stage.RESPONSE_COMPLETE):
            return True
        shared, part = self._shared, self._target.part
        audit, take_line = shared.metrics.audit, shared.take_line
        assert take_line is not None
        outcome: Delivery | None = True
        try:
            outcome = take_line(
                recorded_line(context, part, self._sender.part, now=now, known=known),
                is_intent=False,
            )
        finally:
            if outcome is not None:
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
