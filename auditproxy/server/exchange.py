"""Exchange: one request and its answer, and the one place that emits its events.

    RECEIVED --begin, fail--> RECORDED --answer_begins--> ANSWERING --finish--> ANSWERED
        \\                        \\-------finish-------> UNANSWERED    nothing went to the client
         \\---answer_begins--> ANSWERING                             our own fault before a record

``fail`` begins the record of a request that is refused before anyone was authenticated: one
ResponseStarted event. Emitting is a plain call, so a client that leaves cannot cancel its own last
event; decoding a large body for it happens on a thread, after the client has its answer.
"""

import contextlib
from enum import Enum
from functools import partial

from auditproxy.apis.audit import Level, Stage
from auditproxy.apis.status import Status, new_bad_request
from auditproxy.apis.user import ANONYMOUS, UserInfo
from auditproxy.audit.annotations import ENDED, UPSTREAM_ERROR
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import AuditContext
from auditproxy.audit.fitting import SHORTENED
from auditproxy.capture.decoding import Job, Skipped
from auditproxy.capture.process import DecodeProcess, NoProcessError
from auditproxy.downstream.clientrequest import ClientRequest
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import Answered, Refused, internal_error
from auditproxy.metrics.requests import OpenRequests
from auditproxy.request.headers import HTTP_1_1, framing_fault
from auditproxy.request.resolution import NOT_RESOLVED
from auditproxy.request.timeout import TimeoutParameterError, request_deadline
from auditproxy.server.arrival import Arrival, arrived
from auditproxy.server.deadline import UPSTREAM_GRACE, Deadline
from auditproxy.server.emitter import Emitter, after
from auditproxy.server.knownclient import known_client
from auditproxy.server.recorder import Recorder
from auditproxy.server.services import Services, Shared
from auditproxy.server.severalpolicies import several
from auditproxy.tracing.requests import RequestTrace
from auditproxy.tunnel.tie import LastWords
from auditproxy.upstream.messages import UpstreamError


class ExchangeState(Enum):
    """How far an exchange has got; the drawing above has the arrows."""

    RECEIVED = "received"
    RECORDED = "recorded"
    ANSWERING = "answering"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"


RECEIVED, RECORDED, ANSWERING, ANSWERED, UNANSWERED = ExchangeState


class Exchange:
    """One request on its way through the chain; times are nanoseconds since the epoch."""

    def __init__(
        self,
        shared: Shared,
        services: Services,
        request: ClientRequest,
        arrival: Arrival | None = None,
    ) -> None:
        # First of all, before anything can fail: the timestamp and the id.
        arrival = arrival or arrived(shared)
        self._started = self.recognised = arrival.started
        """The monotonic clock when it came, and when authentication was over."""
        message = request.head
        self.connection: ClientConnection = request.protocol  # type: ignore[assignment]
        self.facts = self.connection.facts
        self.headers = self.facts.memory.headers(message.raw_headers)
        audit_id = arrival.audit_id or self.headers.audit_id or shared.new_audit_id()
        self.context = AuditContext(audit_id, arrival.received)
        self.state = RECEIVED
        self.events = Emitter(shared, self.context)
        self.shared, self.services = shared, services
        self.request, self.task = request, arrival.task
        self.method: str = message.method
        self.found = NOT_RESOLVED
        self.target, self.info = NOT_RESOLVED.target, NOT_RESOLVED.info
        self.recorder = Recorder(shared, services, self.context)
        if services.policies:
            several(self, audit_id, arrival.received)
        self.warnings: list[str] = []
        """Warnings of authenticators for the client, in the proxy's answer or the upstream's."""
        self.trace: RequestTrace | None = None
        self.deadline, self.stops_at = Deadline(self.task, shared.deadlines), 0.0
        self.waits_for_sink = self.long_running = False
        self._farewell: LastWords | None = None
        self._open: OpenRequests | None = None
        self._last_stage = Stage.RESPONSE_COMPLETE
        self._owner = ""

    def now(self) -> int:
        """The time, which never runs backwards within one request whatever the clock does."""
        return self.context.received + self.shared.monotonic_clock() - self._started

    @property
    def answer_started(self) -> bool:
        """Whether a byte of an answer went to the client, or is about to."""
        return self.state is ANSWERING or self.state is ANSWERED

    # --- before policy ----------------------------------------------------------

    def resolve(self) -> None:
        """Read target, headers and RequestInfo; raises Refused for what must not be forwarded."""
        self.client = known_client(self.headers, self.facts, self.services)
        head, framing = self.request.head, self.headers.framing
        if head.version != HTTP_1_1:
            framing = framing_fault(self.headers, head.version)
        self.found = found = self.shared.targets.resolve(
            self.method,
            head.path,
            self.headers,
            queries=self.facts.memory.queries,
            fault=self.request.refusal or framing,
            front_proxy=self.services.front_proxy,
        )
        self.target, self.info, self.long_running = found.target, found.info, found.long_running
        if found.is_shortened:
            self.context.annotate(SHORTENED, "requestURI")
        if found.fault is None:
            return
        refused = self.fail(found.fault)
        if found.unresolvable:
            # kube-apiserver's plain 500 for a path that has no meaning; it writes no event, we do.
            refused.text = internal_error(head.path, found.unresolvable)
            refused.no_sniff = True
        raise refused

    def allowed_until(self) -> float | None:
        """When this request's time is over by the event loop's clock; None for a long-running one.

        Raises Refused for a ``?timeout=`` that is not a valid duration.
        """
        if self.long_running:
            return None
        allowed = self.services.limits.request_timeout
        if self.target.raw_query:
            try:
                allowed = request_deadline(self.target, allowed)
            except TimeoutParameterError as error:
                raise self.fail(new_bad_request(str(error)), message=str(error)) from None
        return self.connection.loop.time() + allowed / 1e9 + UPSTREAM_GRACE

    def fail(self, status: Status, message: str = "") -> Refused:
        """Begin the record of a request refused before anyone was authenticated.

        ``message`` stays in the event only when the Status cannot be written in
        a form the client accepts.
        """
        self._begin(None, failed=True)
        if message:
            self.context.answers_with(Status(metadata={}, message=message))
        return Refused(status)

    # --- policy and RequestReceived ---------------------------------------------

    def begin(self, user: UserInfo) -> None:
        """Ask the policy about the authenticated user's request and start its record."""
        # Anonymous users share one name; the address distinguishes them.
        self._owner = f"{user.username} {self.facts.remote if user.username == ANONYMOUS else ''}"
        self._begin(user, failed=False)

    def _begin(self, user: UserInfo | None, *, failed: bool) -> None:
        """Fill in what all events of this request share."""
        self.state = RECORDED
        config = self.services.evaluator.decide(user, self.info)
        self.shared.metrics.audit.levels[config.level].value += 1
        self.context.begin(
            config,
            info=self.info,
            request_uri=self.found.request_uri,
            user=user,
            source_ips=self.client.source_ips,
            user_agent=self.client.user_agent,
            failed=failed,
            redactor=self.services.redactor,
        )

    def emit_received(self) -> Delivery:
        """Emit RequestReceived; what is not True is to be ``stored`` before the request is sent.

        So is what the connection still has of the request before.
        """
        outcome = self.events.emit(Stage.REQUEST_RECEIVED, self.context.received)
        before = self.connection.unsettled
        return outcome if before is True else after(before, outcome)

    async def stored(self, outcome: Delivery) -> None:
        """Wait until an event is stored, if the mode waits; raises Refused."""
        if not isinstance(outcome, bool):
            self.waits_for_sink = True
            outcome = await outcome
            self.waits_for_sink = False
        if outcome:
            return
        self.shared.metrics.audit.rejected()
        self.context.finished = True
        text = internal_error(self.found.request_uri, "failed to store audit event")
        raise Refused(Status(metadata={}, code=500), text=text, no_sniff=True)

    async def delivered(self, answered: Answered) -> Answered:
        """Wait for the delivery of this request's events, no longer than a request may take."""
        seconds = self.services.limits.request_timeout / 1e9
        if not self.shared.is_durable and self.deadline.expired:
            return answered
        goes_on = await self.events.delivered(self.connection, seconds)
        return answered if goes_on else Answered(keep_alive=False)

    # --- the answer --------------------------------------------------------------

    def answer_begins(self, code: int) -> None:
        """Note the code right before the first byte goes out; emits ResponseStarted where due."""
        self.state = ANSWERING
        self.context.wrote_code(code)
        has_started_event = self.long_running or self.context.failed
        if has_started_event and self._last_stage is not Stage.PANIC:
            self.events.emit(Stage.RESPONSE_STARTED, self.now())
        if self.long_running and code < 400:
            self._open = self.shared.metrics.long_running(self.info, self.method, code)
            self._open.inc()

    def answer_started_by_upstream(self, code: int) -> None:
        """The upstream's head is about to go to the client: record what a stage may show now."""
        if self.long_running:
            self.recorder.record_answer(self.info, long_running=True)
        self.answer_begins(code)

    def tunnel_begins(self, farewell: LastWords | None) -> None:
        """Switch protocols: the 101 is about to be sent; ``farewell`` can end it with a reason."""
        self._farewell = farewell
        self.recorder.switched()
        self.answer_started_by_upstream(101)

    # --- ways out ----------------------------------------------------------------

    def cut(self, why: str) -> Answered:
        """Break the client's stream off, so that it cannot take it for complete."""
        self.context.annotate(UPSTREAM_ERROR, why)
        if self.connection.transport is not None:
            self.connection.transport.abort()
        return Answered(keep_alive=False)

    def upstream_error(self, error: UpstreamError) -> None:
        """Count and annotate what went wrong upstream."""
        self.shared.metrics.upstream.error(error.reason)
        self.shared.watch.failed(error)
        self.context.annotate(UPSTREAM_ERROR, error.reason)

    def stopping(self, seconds: float) -> None:
        """The proxy stops, and waits so long for this session, whose terminal shows it."""
        self.stops_at = self.connection.loop.time() + seconds
        if self._farewell is not None:
            self._farewell.stopping(seconds)

    def end(self, why: str, farewell: str) -> None:
        """End a request under way; ``why`` is for the event, ``farewell`` for the client."""
        self.context.annotate(ENDED, why)
        if self._farewell is not None:
            self._farewell.say(self.connection.transport, farewell)
        if self.task is not None:
            self.task.cancel()

    def panic(self, value: str) -> None:
        """Our own code crashed: the last event is Panic."""
        self._last_stage = Stage.PANIC
        self.context.panicked(value)

    # --- the last event ------------------------------------------------------------

    def finish(self) -> None:
        """Emit the last event, on a thread's heels when decoding takes long."""
        self.state = ANSWERED if self.state is ANSWERING else UNANSWERED
        self.deadline.clear()
        self._count()
        if self.context.level is Level.NONE or self.context.failed or self.context.finished:
            self.recorder.release()
            return
        if self.context.response_status is None:
            self.context.wrote_nothing(self.recorder.captured.code)
        if not self.recorder.is_costly(self.info):
            self._record(self.recorder)
            self._recorded_at_last()
            return
        if self.context.wants(self._last_stage):
            self.events.owe()
        aside = self.recorder.fork()
        record, recorded = partial(self._record, aside), partial(self._recorded, aside)
        self.shared.decoding.submit(Job(self._owner, aside.size, aside.cost, record, recorded))

    def _record(self, recorder: Recorder, process: DecodeProcess | None = None) -> None:
        if self._last_stage is not Stage.PANIC:
            if process is not None:
                with contextlib.suppress(NoProcessError):
                    recorder.record_in(process, self.info, long_running=self.long_running)
                    return
            recorder.record(self.info, long_running=self.long_running)

    def _recorded(self, aside: Recorder, skipped: Skipped) -> None:
        """The bodies are decoded, or ``skipped`` says why they will not be: the event goes out."""
        if skipped:
            self.recorder.skip(skipped)
            self._record(self.recorder)
        else:
            self.recorder.adopt(aside)
        self._recorded_at_last()

    def _recorded_at_last(self) -> None:
        """Count what was not decoded, and emit the last event."""
        for reason in self.recorder.undecoded():
            self.shared.metrics.captures.undecoded(reason)
        self._emit_last()

    @property
    def owes_event(self) -> bool:
        """Whether the request is under way and its last event, which is wanted, still to come."""
        context = self.context
        if self.state is ANSWERED or self.state is UNANSWERED or context.finished:
            return False
        if context.failed:
            return self.state is not ANSWERING and context.wants(Stage.RESPONSE_STARTED)
        return context.wants(self._last_stage)

    def _emit_last(self) -> None:
        """Emit ResponseComplete or Panic, with ResponseStarted before it if that is still due."""
        is_due = self.long_running and self.state is UNANSWERED
        if is_due and self._last_stage is not Stage.PANIC:
            self.events.emit(Stage.RESPONSE_STARTED, self.now())
        self.events.emit(self._last_stage, self.now(), last=True)
        self.context.finished = True
        self.recorder.release()

    def _count(self) -> None:
        """Count the request in the metrics."""
        if self._open is not None:
            self._open.dec()
        code = self.recorder.captured.code or getattr(self.context.response_status, "code", 0)
        self.shared.metrics.request(
            self.info,
            self.method,
            code=code,
            seconds=(self.now() - self.context.received) / 1e9,
            content_type=self.headers.content_type,
            dry_run=self.found.dry_run,
            watch=self.found.watch,
        )
