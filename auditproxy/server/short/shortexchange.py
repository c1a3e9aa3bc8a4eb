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
from typing import ClassVar, Protocol

from auditproxy.audit.annotations import ENDED
from auditproxy.audit.backend import Delivery
from auditproxy.downstream.clientrequest import known_request
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import Answered
from auditproxy.server.arrival import Arrival
from auditproxy.server.deadline import NEVER, Ends
from auditproxy.server.emitter import after, going_on, is_settled
from auditproxy.server.exchange import Exchange
from auditproxy.server.forwarding import forward, passed_on
from auditproxy.server.services import ActingUser, Services, Shared
from auditproxy.server.short.shortrecord import ShortRecord
from auditproxy.server.tee import Tee
from auditproxy.server.turnend import TurnEnd
from auditproxy.upstream.connection import UpstreamConnection
from auditproxy.upstream.heads import WholeAnswer
from auditproxy.upstream.messages import UpstreamClosedEarly

Rest = Callable[[Exchange], Awaitable[Answered]]
"""What is left to do of a request; raises as ``Handler.serve`` does."""


class Chain(Protocol):
    """The chain, as the short way hands requests over to it."""

    shared: Shared
    services: Services
    ends: Ends["ShortExchange"]
    turn_end: TurnEnd

    async def serve_rest(self, exchange: Exchange, rest: Rest) -> Answered:
        """Serve what is left of a request, up to its last event."""


class ShortExchange(ShortRecord, eq=False, kw_only=True):
    """One request on the short way, of ``connection``."""

    long_running: ClassVar[bool] = False

    _chain: Chain
    connection: ClientConnection
    waits_for_sink: bool = False
    _exchange: Exchange | None = None
    until: float = NEVER
    _is_unrecorded: bool = False
    """Whether the request was sent, and the exchange does not know it."""
    _upstream: UpstreamConnection | None = None
    """The connection, while what was sent on it is not answered."""
    _audit_id_line: bytes = b""

    def begin(self, upstream: UpstreamConnection) -> None:
        """Record the request as far as the policy wants it before it is sent, and send it."""
        ends = self._chain.ends
        ends.under_way.add(self)
        self.connection.short_begins(self)
        loop = self.connection.loop
        until = self.until = loop.time() + self._target.seconds
        if until < ends.due:
            ends.call_at(loop, until)
        outcome: Delivery = True
        try:
            if self._decision.received:
                outcome = self._request_received()
        except Exception as crash:
            self._services.upstream.pool.put_back(upstream)
            self._crashed(crash)
            return
        before = self.connection.unsettled
        if outcome is True and (before is True or is_settled(before)):
            self._send(upstream)
            return
        # The request that is stored first may have the connection.
        self._services.upstream.pool.put_back(upstream)
        if isinstance(outcome, asyncio.Future):
            self.waits_for_sink = True
            outcome.add_done_callback(self._was_stored)
        else:
            self._hand_over(partial(self._stored, after(before, outcome)))

    def _was_stored(self, outcome: "asyncio.Future[bool]") -> None:
        """RequestReceived is stored, or is not to be: send the request, unless the chain has to."""
        if self._is_over or not self.waits_for_sink:
            return
        self.waits_for_sink = False
        stored, before = is_settled(outcome), self.connection.unsettled
        try:
            upstream = None
            if stored and is_settled(before):
                pool = self._services.upstream.pool
                upstream = pool.take(resendable=self._target.is_resendable)
            if upstream is not None:
                self._send(upstream)
                return
        except Exception as crash:
            self._crashed(crash)
            return
        self._hand_over(partial(self._stored, after(before, stored)))

    def _send(self, upstream: UpstreamConnection) -> None:
        target, sender, body = self._target, self._sender, self._body
        framing = b"\r\n"
        if body or target.has_length or self._headers.content_length is not None:
            framing = b"Content-Length: %d\r\n\r\n" % len(body)
        audit_id = self._audit_id_line = self._audit_id.encode()
        self._upstream, self._is_unrecorded = upstream, True
        shared, recognised = self._shared, self._recognised
        spent = shared.monotonic_clock() - recognised
        shared.metrics.filters.passed(recognised - self._started, spent)
        lines = (sender.before, self._headers.trace, sender.behind_trace, audit_id, sender.after)
        upstream.begin(b"".join((target.line, *lines, framing, body)), self)

    # --- what comes ---------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Take what came of the answer: all of it, or the chain reads it."""
        upstream = self._upstream
        assert upstream is not None
        try:
            pool, decision = self._services.upstream.pool, self._decision
            whole = pool.heads.whole(
                data, self._target.method, self._audit_id_line, decision.answers
            )
            if whole is None:
                self._read_on(upstream, data)
                return
            decision.answers = whole.kind
            self._upstream = None
            now = self.connection.loop.time()
            if upstream.taken(keep_alive=whole.head.keep_alive):
                pool.put_back(upstream, now)
            self._answered(whole, now)
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
        self.until = NEVER
        self._abandon()
        self._hand_over(self._late)

    def client_left(self) -> None:
        """The client's connection is gone; the chain's last event says how far it got."""
        if not self._is_over:
            self._over()
            self._abandon()
            self._exchange_sent().finish()

    def end(self, why: str, farewell: str) -> None:
        """End the request; ``why`` is for its event, and nothing is said to its client."""
        if not self._is_over:
            self.exchange().context.annotate(ENDED, why)
            self.client_left()
            self.connection.force_close()

    # --- ways out -------------------------------------------------------------------

    def _answered(self, whole: WholeAnswer, now: float) -> None:
        """Give the client its answer, and record it; ``now`` is the loop's time."""
        chain = self._chain
        waits = chain.ends.are_several and not self._target.kind.bare[self._decision.level]
        if waits:
            # Under way until it is written, with others of this turn.
            self._is_over, self.until = True, NEVER
        else:
            self._write(whole)
            self._over()
        outcome: Delivery | None = True
        try:
            outcome = self._recorded(whole)
            if outcome is None:
                outcome = self._recorded_by_the_chain(whole)
        finally:
            if waits:
                chain.turn_end.add(self.connection.loop, partial(self._end, whole, outcome, now))
            elif outcome is True:
                self.connection.short_over(now)
            else:
                self._let_go(outcome, now)

    def _write(self, whole: WholeAnswer) -> None:
        """Write the answer to the client."""
        connection, written = self.connection, whole.written
        if connection.is_last and connection.must_close:
            written = whole.written_last
            connection.close()
        transport = connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(written)

    def _end(self, whole: WholeAnswer, outcome: Delivery | None, now: float) -> None:
        """Write the answer of a request that is recorded, and let the connection continue."""
        try:
            self._write(whole)
        finally:
            self._over()
            self._let_go(outcome, now)

    def _let_go(self, outcome: Delivery | None, now: float) -> None:
        """Let the connection continue: now, or when the events are delivered."""
        connection, waits = self.connection, not isinstance(outcome, bool)
        if self._shared.is_durable and outcome is not None:
            # Whatever comes next waits for it; a connection that lost an event ends.
            connection.unsettled, waits = outcome, outcome is False
        if outcome is None or not waits:
            connection.short_over(now)
        else:
            seconds = self._services.limits.request_timeout / 1e9
            connection.short_continues(partial(going_on, outcome, seconds))

    def _recorded_by_the_chain(self, whole: WholeAnswer) -> Delivery:
        """Have the chain record what costs more than may be done at once."""
        exchange = self._exchange_sent()
        recorder, code = exchange.recorder, whole.head.status
        recorder.head(whole.head, code, exchange.info, long_running=False, is_head=False)
        recorder.data(whole.body)
        recorder.end()
        exchange.answer_begins(code)
        exchange.finish()
        return exchange.events.unsettled

    def _over(self) -> None:
        """Nothing that comes is for this request any more."""
        self._is_over = True
        self._chain.ends.under_way.discard(self)

    def _hand_over(self, rest: Rest) -> None:
        """Have the chain serve the rest, in the connection's task."""
        self.waits_for_sink = False
        until, self.until = self.until, NEVER
        self.connection.short_continues(partial(self._go_on, rest, until))

    async def _go_on(self, rest: Rest, until: float) -> Answered:
        """The rest of the request; runs in the connection's task."""
        if self._is_over:
            # It was ended before the task came to it.
            return Answered(keep_alive=False)
        self._over()
        exchange = self.exchange()
        exchange.deadline.end_at(self.connection.loop, None if until == NEVER else until)
        return await self._chain.serve_rest(exchange, rest)

    async def _stored(self, outcome: Delivery, exchange: Exchange) -> Answered:
        """Wait until RequestReceived is stored; then the request is sent."""
        await exchange.stored(outcome)
        filters = self._shared.metrics.filters
        filters.audit.observe((self._shared.monotonic_clock() - self._recognised) / 1e9)
        filters.impersonation.counts[0] += 1
        identity = self._sender.identity
        return await forward(exchange, identity, ActingUser(identity.user))

    def _read_on(self, upstream: UpstreamConnection, data: bytes) -> None:
        """Have the answer read as it comes, from its first byte."""
        exchange, request = self._exchange_sent(), self._request()
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

    async def _late(self, exchange: Exchange) -> Answered:
        """End as a task does whose deadline has cancelled it."""
        self._exchange_sent().deadline.expired = True
        raise asyncio.CancelledError

    def _abandon(self) -> None:
        """Drop the connection, and whatever would come of an answer."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.abandon()

    def _crashed(self, crash: Exception) -> None:
        """A fault of ours, which the chain answers and records."""
        self._abandon()
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
            exchange.recognised = self._recognised
            spent = self._recognised - self._started
            exchange.context.track("authentication", spent)
            if not self._is_unrecorded:
                # It was not sent; what was has passed all filters.
                self._shared.metrics.filters.authentication.observe(spent / 1e9)
            exchange.begin(self._sender.identity.user)
            self._exchange = exchange
        return exchange

    def _exchange_sent(self) -> Exchange:
        """The same, with what was sent of the request."""
        exchange = self.exchange()
        if not self._is_unrecorded:
            return exchange
        self._is_unrecorded = False
        recorder = exchange.recorder
        recorder.request_head(exchange.info, exchange.target, exchange.headers)
        if self._body:
            recorder.request_data(self._body)
        recorder.request_end()
        return exchange


async def _raise(crash: Exception, exchange: Exchange) -> Answered:
    raise crash
