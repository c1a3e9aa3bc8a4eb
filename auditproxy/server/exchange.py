"""Exchange: one request and its answer, and the one place that emits its events.

    received --resolve--> known --begin--> audited --answered--> --finish--> done
         \\-- Refused before begin: one ResponseStarted event (fail) --/

Emitting is a plain call, so a client that leaves cannot cancel its own last
event; decoding a large body for it happens on a thread, after the client has
its answer.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.audit import Level, Stage
from auditproxy.apis.status import (
    Status,
    new_bad_request,
    new_unauthorized,
)
from auditproxy.apis.user import ANONYMOUS, NOBODY, UserInfo
from auditproxy.audit.annotations import ENDED, UPSTREAM_ERROR
from auditproxy.audit.backend import Outcome
from auditproxy.audit.context import AuditContext
from auditproxy.audit.fitting import SHORTENED
from auditproxy.authentication.attempts import attempted_methods
from auditproxy.capture.decoding import Job, Skipped
from auditproxy.downstream.clientrequest import ClientRequest
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import Answered, Refused, internal_error
from auditproxy.metrics.requests import OpenRequests
from auditproxy.request.attributes import attributes as attributes_of
from auditproxy.request.headers import ClientHeaders, audit_id_from, framing_fault, user_agent
from auditproxy.request.resolution import NO_TARGET, resolve
from auditproxy.request.sourceips import source_ips
from auditproxy.request.timeout import TimeoutParameterError, request_deadline
from auditproxy.server.recorder import Recorder
from auditproxy.server.services import Services
from auditproxy.tunnel.farewell import Farewell
from auditproxy.upstream.messages import UpstreamError

UPSTREAM_GRACE = 1.0
"""Seconds past a deadline in which the upstream, which has the same one, may say so itself."""


class Exchange:
    """One request on its way through the chain; times are nanoseconds since the epoch."""

    def __init__(self, services: Services, request: ClientRequest) -> None:
        # First of all, before anything can fail: the timestamp and the id.
        self._started = services.monotonic_clock()
        received = services.wall_clock()
        message = request.head
        self.headers = ClientHeaders(message.raw_headers)
        audit_id = audit_id_from(self.headers) or services.new_audit_id()
        self.context = AuditContext(audit_id, received)
        self.services = services
        self.request = request
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.method: str = message.method
        self.connection: ClientConnection = request.protocol  # type: ignore[assignment]
        if self.connection.facts is None:
            self.connection.facts = services.facts_of(
                request.transport, self.connection.told_address
            )
        self.facts = self.connection.facts
        self.target = NO_TARGET
        self.info = RequestInfo(is_resource_request=False, path="", verb=self.method.lower())
        self.request_uri = ""
        self.long_running = False
        self.answer_started = False
        self.answered = Answered(keep_alive=False)
        self.recorder = Recorder(services, self.context)
        self.warnings: list[str] = []
        self.user: UserInfo = NOBODY
        self.wanted: UserInfo | None = None
        self.expired = False
        self.waits_for_sink = False
        self.farewell: Farewell | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._started_emitted = False
        self._open: OpenRequests | None = None
        self._stage = Stage.RESPONSE_COMPLETE
        self._finished = False
        self._deliveries: list[Awaitable[bool]] = []
        self._owner = ""
        self._is_due = False

    def now(self) -> int:
        """The time, which never runs backwards within one request whatever the clock does."""
        return self.context.received + self.services.monotonic_clock() - self._started

    # --- before policy ----------------------------------------------------------

    def resolve(self) -> None:
        """Read target, headers and RequestInfo; raises Refused for what must not be forwarded."""
        head = self.request.head
        version = (head.version.major, head.version.minor)
        found = resolve(
            self.method,
            head.path.encode("utf-8", "surrogateescape"),
            self.headers,
            fault=self.request.refusal or framing_fault(self.headers, version),
            front_proxy=self.services.front_proxy,
        )
        self.target, self.info, self.request_uri = found.target, found.info, found.request_uri
        self.long_running = found.long_running
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

    def deadline(self) -> float | None:
        """When the event loop's clock ends this request, None for a long-running one.

        Raises Refused for a ``?timeout=`` that is no duration.
        """
        if self.long_running:
            return None
        try:
            allowed = request_deadline(self.target, self.services.limits.request_timeout)
        except TimeoutParameterError as error:
            raise self.fail(new_bad_request(str(error)), message=str(error)) from None
        left = (allowed - (self.now() - self.context.received)) / 1e9
        return self.connection.loop.time() + left + UPSTREAM_GRACE

    def end_at(self, deadline: float | None) -> None:
        """End this request at the deadline by cancelling its task, with ``expired`` set."""
        if deadline is not None:
            self._expiry = self.connection.loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self.expired = True
        if self.task is not None:
            self.task.cancel()

    def unauthenticated(self) -> Refused:
        """kube-apiserver's 401 and its one event."""
        has_certificate = self.facts.peer_certificate is not None
        attempted = attempted_methods(self.headers, self.target, has_certificate)
        return self.fail(new_unauthorized(), message=attempted)

    def fail(self, status: Status, message: str = "") -> Refused:
        """Begin the record of a request refused before anyone was authenticated.

        ``message`` stays in the event only when the Status cannot be written in
        a form the client accepts.
        """
        self._begin(None, failed=True)
        if message:
            self.context.response_status = Status(metadata={}, message=message)
        return Refused(status)

    # --- policy and RequestReceived ---------------------------------------------

    def begin(self, user: UserInfo) -> None:
        """Ask the policy about the authenticated user's request and start its record."""
        # Nobody in particular is told apart by address.
        self._owner = f"{user.username} {self.facts.remote if user.username == ANONYMOUS else ''}"
        self._begin(user, failed=False)

    def _begin(self, user: UserInfo | None, *, failed: bool) -> None:
        """Fill in what all events of this request share."""
        config = self.services.evaluator.evaluate(attributes_of(user, self.info, selectors=False))
        self.services.metrics.level(config.level)
        self.context.begin(
            config,
            info=self.info,
            request_uri=self.request_uri,
            user=user,
            source_ips=source_ips(self.headers, self.facts.remote, self.services.trusted_proxies),
            user_agent=user_agent(self.headers),
            failed=failed,
            redactor=self.services.redactor,
        )

    async def request_received(self) -> None:
        """Emit RequestReceived, stored when this returns if the mode waits; raises Refused."""
        outcome = self.emit(Stage.REQUEST_RECEIVED)
        self.waits_for_sink = not isinstance(outcome, bool)
        if outcome if isinstance(outcome, bool) else await outcome:
            return
        self.services.metrics.rejected()
        self.context.finished = True
        text = internal_error(self.request_uri, "failed to store audit event")
        raise Refused(Status(metadata={}, code=500), text=text, no_sniff=True)

    def emit(self, stage: Stage) -> Outcome:
        """Write the event of a stage."""
        if self.context.finished:
            return True
        event = self.context.event(stage, self.now())
        if event is None:
            return True
        self.services.metrics.event(was_due=self._is_due and stage is self._stage)
        outcome = self.services.sink.process_events((event,))
        if not isinstance(outcome, bool):
            self._deliveries.append(outcome)
        return outcome

    async def delivered(self) -> None:
        """Wait for deliveries under way, as the blocking modes of kube-apiserver do.

        The client has its answer; its next request waits no longer than a request may take.
        """
        if self.expired or not self._deliveries:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.services.limits.request_timeout / 1e9):
                while self._deliveries:
                    await self._deliveries.pop()

    # --- the answer --------------------------------------------------------------

    def answer_begins(self, code: int) -> None:
        """Note the code right before the first byte goes out; emits ResponseStarted where due."""
        self.answer_started = True
        self.context.wrote_code(code)
        has_started_event = self.long_running or self.context.failed
        if has_started_event and not self._started_emitted and self._stage is not Stage.PANIC:
            self._started_emitted = True
            self.emit(Stage.RESPONSE_STARTED)
        if self.long_running and code < 400:
            self._open = self.services.metrics.long_running(self.info, self.method, code)
            self._open.inc()

    def answer_started_by_upstream(self, code: int) -> None:
        """The upstream's head is about to go to the client: record what a stage may show now."""
        if self.long_running:
            self.recorder.record_answer(self.info, long_running=True)
        self.answer_begins(code)

    # --- ways out ----------------------------------------------------------------

    def cut(self, why: str) -> None:
        """Break the client's stream off, so that it cannot take it for complete."""
        self.context.annotate(UPSTREAM_ERROR, why)
        self.answered = Answered(keep_alive=False)
        if self.connection.transport is not None:
            self.connection.transport.abort()

    def upstream_error(self, error: UpstreamError) -> None:
        """Count and annotate what went wrong upstream; cut an answer that had begun."""
        self.services.metrics.upstream_error(error.reason)
        self.services.watch.failed(error)
        if self.answer_started:
            self.cut(error.reason)
        else:
            self.context.annotate(UPSTREAM_ERROR, error.reason)

    def end_at_shutdown(self) -> None:
        """The proxy stops: tell the client, where that is possible, and the event why it ends."""
        self.context.annotate(ENDED, "the proxy was shut down")
        if self.farewell is not None:
            self.farewell.say(self.connection.transport)
        if self.task is not None:
            self.task.cancel()

    def client_left(self) -> None:
        """The client closed its connection before the end."""
        self.answered = Answered(keep_alive=False)

    def panic(self, value: str) -> None:
        """Our own code crashed: the last event is Panic."""
        self._stage = Stage.PANIC
        self.context.panicked(value)

    # --- the last event ------------------------------------------------------------

    def finish(self) -> None:
        """Emit the last event, on a thread's heels when decoding takes long."""
        if self._finished:
            return
        self._finished = True
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._count()
        if self.context.level is Level.NONE or self.context.failed or self.context.finished:
            self.recorder.release()
            return
        if self.context.response_status is None and not self.recorder.captured.code:
            self.context.wrote_nothing()
        if not self.recorder.is_costly(self.info):
            self._record()
            self._emit_last()
            return
        if self.context.wants(self._stage):
            self._is_due = True
            self.services.metrics.event_due()
        self.services.decoding.submit(
            Job(self._owner, self.recorder.size, self._record, self._recorded)
        )

    def _record(self) -> None:
        if self._stage is not Stage.PANIC:
            self.recorder.record(self.info, long_running=self.long_running)

    def _recorded(self, skipped: Skipped) -> None:
        """The bodies are decoded, or ``skipped`` says why they will not be: the event goes out."""
        if skipped:
            self.recorder.skip(skipped)
            self._record()
        for reason in self.recorder.undecoded():
            self.services.metrics.captures.undecoded(reason)
        self._emit_last()

    @property
    def owes_event(self) -> bool:
        """Whether the request is under way and its last event, which is wanted, still to come."""
        context = self.context
        if self._finished or context.finished or (context.failed and self._started_emitted):
            return False
        return context.wants(Stage.RESPONSE_STARTED if context.failed else self._stage)

    def _emit_last(self) -> None:
        """Emit ResponseComplete or Panic, with ResponseStarted before it if that is still due."""
        if self.long_running and not self._started_emitted and self._stage is not Stage.PANIC:
            self._started_emitted = True
            self.emit(Stage.RESPONSE_STARTED)
        self.emit(self._stage)
        self.context.finished = True
        self.recorder.release()

    def _count(self) -> None:
        """Count the request in the metrics."""
        if self._open is not None:
            self._open.dec()
        code = self.recorder.captured.code or getattr(self.context.response_status, "code", 0)
        self.services.metrics.request(
            self.info,
            self.method,
            code=code,
            seconds=(self.now() - self.context.received) / 1e9,
            content_type=self.headers.get("content-type"),
            dry_run=self.target.query.values("dryRun"),
            watch=self.target.query.values("watch"),
        )
