"""ShortExchange: a request of which all was known before it was sent, without a task of its own.

    begun --whole answer of a 2xx-------> over         answered and recorded in one call
      \\ \\--anything else, a fault, late--> handed over  the chain serves the rest, in the
       \\                                                connection's task
        \\--client left, shutdown--------> over         the chain's last event

It decides nothing: what is recorded, and how, is the chain's. It hands over before anything has
gone to the client, so the chain can still answer whatever it has to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.audit.annotations import ENDED
from auditproxy.audit.backend import Delivery
from auditproxy.audit.context import LATENCY_THRESHOLD
from auditproxy.audit.template import line, status_text
from auditproxy.downstream.clientrequest import known_request
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import Answered
from auditproxy.metrics.requests import NO_PATCH
from auditproxy.request.headers import ClientHeaders
from auditproxy.server.arrival import Arrival
from auditproxy.server.exchange import SHUT_DOWN, Exchange
from auditproxy.server.forwarding import forward, passed_on
from auditproxy.server.knownclient import ShortSender
from auditproxy.server.services import ActingUser, Services, Shared
from auditproxy.server.shorttarget import CodeFacts, ShortTarget
from auditproxy.server.tee import Tee
from auditproxy.upstream.connection import UpstreamConnection
from auditproxy.upstream.heads import WholeAnswer
from auditproxy.upstream.messages import UpstreamClosedEarly, UpstreamRequest

MOST_CODES = 4
"""Codes of answers whose series one target remembers."""

_UNDECIDED = RequestAuditConfig(Level.NONE)

Rest = Callable[[Exchange], Awaitable[Answered]]
"""What is left to do of a request; raises as ``Handler.serve`` does."""


class Chain(Protocol):
    """The chain, as the short way hands requests over to it."""

    shared: Shared
    under_way: set["Exchange | ShortExchange"]

    async def serve_rest(self, exchange: Exchange, rest: Rest) -> Answered:
        """Serve what is left of a request, up to its last event."""


class ShortExchange:
    """One request on the short way; ``headers`` are those of ``sender``."""

    __slots__ = (
        "_audit_id",
        "_body",
        "_chain",
        "_config",
        "_exchange",
        "_handle",
        "_headers",
        "_is_bare",
        "_is_over",
        "_received",
        "_recognised",
        "_rest",
        "_sender",
        "_services",
        "_started",
        "_target",
        "_until",
        "_upstream",
        "connection",
    )

    long_running = False
    waits_for_sink = False

    def __init__(
        self,
        chain: Chain,
        services: Services,
        connection: ClientConnection,
        *,
        headers: ClientHeaders,
        sender: ShortSender,
        target: ShortTarget,
        body: bytes,
        started: int,
        received: int,
    ) -> None:
        self._chain = chain
        self._services = services
        self.connection = connection
        self._headers = headers
        self._sender = sender
        self._target = target
        self._body = body
        self._started = started
        self._received = received
        self._recognised = chain.shared.monotonic_clock() - started
        self._audit_id = chain.shared.new_audit_id()
        self._config = _UNDECIDED
        self._is_bare = False
        self._exchange: Exchange | None = None
        self._until: float | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._rest: Rest | None = None
        self._is_over = False

    def begin(self, upstream: UpstreamConnection) -> None:
        """Record the request as far as the policy wants it before it is sent, and send it."""
        chain = self._chain
        self._upstream = upstream
        chain.under_way.add(self)
        self.connection.short_begins(self)
        loop = self.connection.loop
        until = self._until = loop.time() + self._target.seconds
        if not chain.shared.deadlines.add(self, loop, until):
            self._handle = loop.call_at(until, self.expire)
        try:
            outcome = self._request_received()
        except Exception as crash:
            self._crashed(crash)
            return
        if outcome is True:
            upstream.begin(self._request_bytes(), self)
        else:
            self._services.upstream.pool.put_back(upstream)
            self._hand_over(partial(self._stored, outcome))

    def _request_received(self) -> Delivery:
        """Emit RequestReceived where the policy wants it."""
        target = self._target
        config = self._services.evaluator.decide(self._sender.identity.user, target.found.info)
        self._config = config
        self._is_bare = target.bare[config.level] and (
            config.level is Level.NONE or self._chain.shared.take_line is not None
        )
        if config.level is Level.NONE or Stage.REQUEST_RECEIVED in config.omit_stages:
            return True
        if not self._is_bare:
            return self.exchange().emit_received()
        self._take_line(Stage.REQUEST_RECEIVED, "", self._received, target.early)
        return True

    def _request_bytes(self) -> bytes:
        """The request as the upstream gets it."""
        target, sender, body = self._target, self._sender, self._body
        framing = b""
        if body or target.has_length or self._headers.content_length is not None:
            framing = b"Content-Length: %d\r\n" % len(body)
        audit_id = self._audit_id.encode()
        return b"".join(
            (target.line, sender.before, audit_id, sender.after, framing, b"\r\n", body)
        )

    # --- what comes ---------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Take what came of the answer: all of it, or the chain reads it."""
        try:
            whole = self._services.upstream.pool.heads.whole(data, self._target.method)
            if whole is None:
                self._read_on(data)
            else:
                self._answered(whole)
        except Exception as crash:
            if self._is_over:
                raise
            self._crashed(crash)

    def lost(self, error: UpstreamClosedEarly) -> None:
        """No answer comes on that connection."""
        if not self._is_over:
            self._hand_over(partial(self._again, error))

    def expire(self) -> None:
        """The time is over."""
        self._until = None
        self._upstream.abandon()
        self._hand_over(_late)

    def client_left(self) -> None:
        """The client's connection is gone; the chain's last event says how far it got."""
        if not self._is_over:
            self._over()
            self._upstream.abandon()
            self._exchange_sent().finish()

    def end_at_shutdown(self) -> None:
        """The proxy stops."""
        if not self._is_over:
            self.exchange().context.annotate(ENDED, SHUT_DOWN)
            self.client_left()
            self.connection.force_close()

    @property
    def owes_event(self) -> bool:
        """Whether the last event is wanted and still to come."""
        config = self._config
        return config.level is not Level.NONE and Stage.RESPONSE_COMPLETE not in config.omit_stages

    # --- ways out -------------------------------------------------------------------

    def _answered(self, whole: WholeAnswer) -> None:
        """Give the client its answer, and record it."""
        upstream = self._upstream
        upstream.taken(keep_alive=whole.head.keep_alive)
        self._services.upstream.pool.give_back(upstream)
        now = self._received + self._chain.shared.monotonic_clock() - self._started
        if self._is_bare and now - self._received <= LATENCY_THRESHOLD:
            self._answered_bare(whole, now)
        else:
            self._answered_and_recorded(whole)

    def _answered_bare(self, whole: WholeAnswer, now: int) -> None:
        """Give the client its answer, and record it by its code alone."""
        config, target, code = self._config, self._target, whole.head.status
        facts = target.codes.get(code) or self._code_facts(code)
        self._write(whole)
        self._over()
        try:
            self._chain.shared.metrics.audit.levels[config.level].value += 1
            if self.owes_event:
                self._take_line(Stage.RESPONSE_COMPLETE, facts.status, now, target.late)
            facts.series.add((now - self._received) / 1e9)
        finally:
            self.connection.short_over()

    def _take_line(self, stage: Stage, status: str, now: int, annotations: str) -> None:
        """Give the line of an event to the sink."""
        shared = self._chain.shared
        shared.metrics.audit.event()
        assert shared.take_line is not None
        shared.take_line(
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
            )
        )

    def _code_facts(self, code: int) -> CodeFacts:
        """What follows from the code; kept with the target where its series are its own."""
        target, found = self._target, self._target.found
        method = target.method.decode()
        series = self._chain.shared.metrics.requests.series(
            found.info,
            method,
            code=code,
            content_type=self._headers.content_type,
            dry_run=found.dry_run,
            watch=found.watch,
        )
        facts = CodeFacts(status_text(code), series)
        if series.is_settled and method in NO_PATCH and len(target.codes) < MOST_CODES:
            target.codes[code] = facts
        return facts

    def _write(self, whole: WholeAnswer) -> None:
        transport = self.connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(b"".join((whole.begin, self._audit_id.encode(), whole.rest)))

    def _answered_and_recorded(self, whole: WholeAnswer) -> None:
        """Give the client its answer, and have the chain record it."""
        exchange = self._exchange_sent()
        recorder, code = exchange.recorder, whole.head.status
        recorder.head(whole.head, code, exchange.info, long_running=False, is_head=False)
        recorder.data(whole.body)
        recorder.end()
        exchange.answer_begins(code)
        self._write(whole)
        self._over()
        try:
            exchange.finish()
        finally:
            if exchange.has_deliveries:
                self.connection.short_continues(partial(_delivered, exchange))
            else:
                self.connection.short_over()

    def _over(self) -> None:
        """Nothing that comes is for this request any more."""
        self._is_over = True
        self._chain.under_way.discard(self)
        self._chain.shared.deadlines.remove(self)
        if self._handle is not None:
            self._handle.cancel()

    def _hand_over(self, rest: Rest) -> None:
        """Have the chain serve the rest, in the connection's task."""
        self._chain.shared.deadlines.remove(self)
        if self._handle is not None:
            self._handle.cancel()
        self.connection.short_continues(partial(self._go_on, rest))

    async def _go_on(self, rest: Rest) -> Answered:
        """The rest of the request; runs in the connection's task."""
        self._over()
        exchange = self.exchange()
        exchange.deadline.end_at(self.connection.loop, self._until)
        return await self._chain.serve_rest(exchange, rest)

    async def _stored(self, outcome: Delivery, exchange: Exchange) -> Answered:
        """Wait until RequestReceived is stored; then the request is sent."""
        await exchange.stored(outcome)
        identity = self._sender.identity
        return await forward(exchange, identity, ActingUser(identity.user))

    def _read_on(self, data: bytes) -> None:
        """Have the answer read as it comes, from its first byte."""
        exchange, upstream, request = self._exchange_sent(), self._upstream, self._request()
        tee = Tee(exchange, self._sender.identity.user)
        upstream.expect(request, tee)
        pool = self._services.upstream.pool

        async def rest(exchange: Exchange) -> Answered:
            return await passed_on(exchange, pool.rest(upstream, request, tee), tee)

        self._hand_over(rest)
        upstream.data_received(data)

    async def _again(self, error: UpstreamClosedEarly, exchange: Exchange) -> Answered:
        """The connection ended without an answer: send it again where that is safe."""
        exchange, request = self._exchange_sent(), self._request()
        tee = Tee(exchange, self._sender.identity.user)
        again = self._services.upstream.pool.again(request, tee, error)
        return await passed_on(exchange, again, tee)

    def _crashed(self, crash: Exception) -> None:
        """A fault of ours, which the chain answers and records."""
        self._upstream.abandon()
        self._hand_over(partial(_raise, crash))

    # --- the chain's own values -------------------------------------------------------

    def exchange(self) -> Exchange:
        """The chain's exchange for this request, as far as it has got."""
        exchange = self._exchange
        if exchange is None:
            target, connection = self._target, self.connection
            request = known_request(
                target.method.decode(), target.text, self._headers.raw, self._body, connection
            )
            arrival = Arrival(self._started, self._received, self._audit_id, connection.task)
            exchange = Exchange(self._chain.shared, self._services, request, arrival)
            exchange.resolve()
            exchange.context.track("authentication", self._recognised)
            exchange.begin(self._sender.identity.user)
            self._exchange = exchange
        return exchange

    def _exchange_sent(self) -> Exchange:
        """The same, once the request was sent."""
        exchange = self.exchange()
        recorder = exchange.recorder
        recorder.request_head(exchange.info, exchange.target, exchange.headers)
        if self._body:
            recorder.request_data(self._body)
        recorder.request_end()
        return exchange

    def _request(self) -> UpstreamRequest:
        """What was sent, as a value."""
        target, sender = self._target, self._sender
        return UpstreamRequest(
            method=target.method,
            target=self._services.upstream.base_path + target.found.target.raw,
            lines=sender.before + self._audit_id.encode() + sender.after,
            content_length=self._headers.content_length,
            body=self._body or None,
        )


async def _late(exchange: Exchange) -> Answered:
    """End as a task does whose deadline has cancelled it."""
    exchange.deadline.expired = True
    raise asyncio.CancelledError


async def _raise(crash: Exception, exchange: Exchange) -> Answered:
    raise crash


async def _delivered(exchange: Exchange) -> Answered:
    """Wait for deliveries under way, as the chain does before the next request."""
    await exchange.delivered()
    return Answered(keep_alive=True)
