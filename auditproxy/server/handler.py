"""The chain: one request from its first byte to its last event, in kube-apiserver's order.

    receive -> target, RequestInfo -> ?timeout= -> authentication -> policy -> RequestReceived
            -> impersonation -> authorization annotations -> upstream
            -> [ResponseStarted] -> stream -> ResponseComplete | Panic

``serve`` is the whole order on one page; ``handle`` is the one way out of it.
"""

import asyncio
from collections.abc import Iterable

from auditproxy.apis.crash import describe
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.apis.status import (
    Status,
    new_bad_gateway,
    new_bad_request,
    new_service_unavailable,
    new_timeout,
)
from auditproxy.audit.annotations import ALLOW, DECISION, FORBID, REASON, SHUT_DOWN
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    Identity,
)
from auditproxy.authorization.impersonation import ImpersonationBadRequest
from auditproxy.authorization.impersonation_modes import ImpersonationForbidden
from auditproxy.clients.apiserver import ReviewError
from auditproxy.downstream.clientrequest import ClientRequest
from auditproxy.downstream.responses import Answered, Refused
from auditproxy.request.attributes import attributes as attributes_of
from auditproxy.server.answering import answer, answer_crash
from auditproxy.server.asking import question, unauthenticated
from auditproxy.server.deadline import Ends
from auditproxy.server.exchange import Exchange
from auditproxy.server.forwarding import forward
from auditproxy.server.requesttrace import begin_trace, trace_over
from auditproxy.server.services import ActingUser, Services, Shared
from auditproxy.server.short.shortexchange import Rest, ShortExchange
from auditproxy.server.short.shortway import ShortWay
from auditproxy.server.turnend import TurnEnd
from auditproxy.tunnel.tie import SHUTTING_DOWN
from auditproxy.upstream.messages import (
    UpstreamClosedEarly,
    UpstreamCredentialRefused,
    UpstreamError,
    UpstreamRequestError,
    UpstreamSwitchedEarly,
    UpstreamTimeout,
    UpstreamUnreachable,
)

WAITED = SHUT_DOWN + ", which waited {:g} s for this session"
"""Why sessions end that had a grace period."""

SWITCHING_PROTOCOLS = 101


def status_for(error: UpstreamError) -> Status:
    """The Status for an upstream that did not answer."""
    match error:
        case UpstreamTimeout():
            return new_timeout()
        case UpstreamUnreachable():
            return new_service_unavailable("the Kubernetes API server cannot be reached")
        case UpstreamCredentialRefused():
            return new_service_unavailable(
                "the Kubernetes API server refused the credential of the proxy itself, not yours; "
                "the operator of the proxy must renew it"
            )
        case UpstreamRequestError():
            return new_bad_request("the request cannot be forwarded as it is")
        case UpstreamClosedEarly():
            return new_bad_gateway(
                "the Kubernetes API server closed the connection without an answer"
            )
        case UpstreamSwitchedEarly():
            return new_bad_gateway(
                "the Kubernetes API server switched protocols before the request was complete; "
                "send an upgrade request without a body, or all of its body at once"
            )
        case _:
            return new_bad_gateway("the Kubernetes API server's answer is not valid HTTP")


class Handler:
    """Serves every request of every connection.

    ``services`` may be replaced as a whole: a request keeps those it began with. ``shared`` is
    one for all of them.
    """

    def __init__(self, shared: Shared, services: Services) -> None:
        self.shared = shared
        self.services = services
        self._under_way: set[Exchange] = set()
        self.ends: Ends[ShortExchange] = Ends()
        self.turn_end = TurnEnd(shared.monotonic_clock)
        self.short = ShortWay(self)
        shared.metrics.audit.due.counting(self._owed)

    @property
    def under_way(self) -> set[Exchange | ShortExchange]:
        """Requests that are under way now."""
        return self._under_way | self.ends.under_way

    async def handle(self, request: ClientRequest) -> Answered:
        """Serve one request; every way out emits the last event, in ``Exchange.finish``."""
        exchange = Exchange(self.shared, self.services, request)
        return await self.serve_rest(exchange, self.serve)

    async def serve_rest(self, exchange: Exchange, rest: Rest) -> Answered:
        """Serve what is left of a request, or all of it: ``rest`` is ``serve`` then."""
        self._under_way.add(exchange)
        try:
            answered = await rest(exchange)
        except Refused as refused:
            answered = answer(exchange, refused)
        except UpstreamError as error:
            answered = self.upstream_failed(exchange, error)
        except asyncio.CancelledError:
            if not exchange.deadline.expired:
                # The client left, or the proxy stops.
                raise
            exchange.deadline.recover()
            answered = self.too_late(exchange)
        except Exception as crash:
            answered = self.crashed(exchange, crash)
        finally:
            # First: what finishing raises must not leave the request under way for ever.
            self._under_way.discard(exchange)
            exchange.finish()
            if exchange.trace is not None:
                trace_over(exchange, exchange.trace)
        return await exchange.delivered(answered)

    async def serve(self, exchange: Exchange) -> Answered:
        """Take one request through the chain; raises Refused with the Status to answer."""
        exchange.resolve()
        until = exchange.allowed_until()
        identity = self.recognised(exchange) or await self.authenticate(exchange)
        if self.shared.tracing is not None:
            begin_trace(exchange, self.shared.tracing, identity.user)
        exchange.begin(identity.user)
        exchange.deadline.end_at(exchange.connection.loop, until)
        outcome = exchange.emit_received()
        if outcome is not True:
            await exchange.stored(outcome)
        spent = self.shared.monotonic_clock() - exchange.recognised
        self.shared.metrics.filters.audit.observe(spent / 1e9)
        if exchange.trace is not None:
            exchange.trace.passed("audit", exchange.now(), spent)
        acting = await self.impersonate(exchange, identity)
        await self.explain(exchange, acting)
        return await forward(exchange, identity, acting)

    def recognised(self, exchange: Exchange) -> Identity | None:
        """Who asks, if the same headers on the same connection have shown it and it still holds."""
        started = self.shared.monotonic_clock()
        identity = exchange.client.identity(exchange.context.received)
        exchange.recognised = now = self.shared.monotonic_clock()
        exchange.context.track("authentication", now - started)
        if identity is not None:
            self.shared.metrics.filters.authentication.observe((now - started) / 1e9)
        return identity

    async def authenticate(self, exchange: Exchange) -> Identity:
        """Find out who asks; a failure is kube-apiserver's audited 401."""
        started = exchange.recognised
        try:
            identity = await exchange.services.authenticator.authenticate(question(exchange))
        except AuthenticationError as error:
            # Its text holds no credential.
            peer, audit_id = exchange.facts.remote, exchange.context.audit_id
            why = f"authentication of a request from {peer} failed: {error}"
            self.shared.report(OperatorLine(why, peer=peer, audit_id=audit_id))
            for each in (error, error.__cause__):
                if isinstance(each, ReviewError) and each.failure is not None:
                    # The upstream could not be asked about the token.
                    self.shared.watch.failed(each.failure)
            identity = None
        finally:
            # Also when the client has left meanwhile, which a slow authenticator leads to.
            exchange.recognised = self.shared.monotonic_clock()
            exchange.context.track("authentication", exchange.recognised - started)
            spent = exchange.context.latencies["authentication"]
            self.shared.metrics.filters.authentication.observe(spent / 1e9)
        if identity is None:
            raise unauthenticated(exchange)
        return exchange.client.authenticated(identity, warned=bool(exchange.warnings))

    async def impersonate(self, exchange: Exchange, identity: Identity) -> ActingUser:
        """The impersonated user if requested and allowed, otherwise the authenticated user."""
        filters = self.shared.metrics.filters
        if not exchange.client.impersonates:
            filters.impersonation.counts[0] += 1
            if exchange.trace is not None:
                exchange.trace.passed("impersonation", exchange.now(), 0)
            return ActingUser(identity.user)
        attributes = attributes_of(identity.user, exchange.info)
        started = exchange.now()
        try:
            impersonated = await exchange.services.impersonator.impersonate(
                exchange.headers, identity.user, attributes
            )
        except ImpersonationBadRequest as error:
            raise Refused(new_bad_request(str(error)), no_sniff=True) from None
        except ImpersonationForbidden as error:
            raise Refused(error.status, no_sniff=True) from None
        spent = exchange.now() - started
        filters.impersonation.observe(spent / 1e9)
        if exchange.trace is not None:
            exchange.trace.passed("impersonation", exchange.now(), spent)
        if impersonated is None:
            return ActingUser(identity.user)
        exchange.context.track("impersonation", spent)
        exchange.context.impersonate(
            impersonated.user, impersonated.constraint, decided=impersonated.decided
        )
        return ActingUser(impersonated.user, impersonated.wanted)

    async def explain(self, exchange: Exchange, acting: ActingUser) -> None:
        """With ``--audit-authorization-annotations=review``: ask why the request is allowed."""
        authorizer = exchange.services.annotation_authorizer
        if authorizer is None:
            return
        started = exchange.now()
        decision = await authorizer.authorize(attributes_of(acting.user, exchange.info))
        spent = exchange.now() - started
        exchange.context.track("authorization", spent)
        self.shared.metrics.filters.authorization.observe(spent / 1e9)
        if exchange.trace is not None:
            exchange.trace.passed("authorization", exchange.now(), spent)
        if decision.error and not decision.allowed:
            # The authorizer could not decide: kube-apiserver then writes no decision.
            exchange.context.annotate(REASON, "internal error")
            return
        exchange.context.annotate(DECISION, ALLOW if decision.allowed else FORBID)
        exchange.context.annotate(REASON, decision.reason)

    def upstream_failed(self, exchange: Exchange, error: UpstreamError) -> Answered:
        """Answer for an upstream that did not, or cut what it broke off."""
        exchange.upstream_error(error)
        if exchange.answer_started:
            return exchange.cut(error.reason)
        return answer(exchange, Refused(status_for(error)))

    def crashed(self, exchange: Exchange, crash: Exception) -> Answered:
        """Our own fault: kube-apiserver's Panic event, and its text for the client."""
        audit_id = exchange.context.audit_id
        text = f"request {audit_id} crashed: {describe(crash)}"
        self.shared.report(OperatorLine(text, audit_id=audit_id))
        exchange.panic(type(crash).__name__)
        return answer_crash(exchange)

    def too_late(self, exchange: Exchange) -> Answered:
        """The request exceeded its deadline: kube-apiserver's 504, or a cut stream."""
        if exchange.answer_started:
            return exchange.cut("the request exceeded its deadline")
        return answer(exchange, Refused(new_timeout()))

    # --- the end of it all ---------------------------------------------------------

    async def finish_short(self, grace: float, audit_grace: float) -> None:
        """Wait until no short request is under way, at most ``grace`` seconds.

        Requests that wait for nothing but the audit backend get what it gets, ``audit_grace``.
        """
        first = min(grace, audit_grace)
        await self._finish_short(first, waiting_for_sink=True)
        await self._finish_short(grace - first, waiting_for_sink=False)

    async def _finish_short(self, seconds: float, *, waiting_for_sink: bool) -> None:
        served = {
            exchange.connection.served()
            for exchange in self.under_way
            if not exchange.long_running and (waiting_for_sink or not exchange.waits_for_sink)
        }
        if served:
            await asyncio.wait(served, timeout=seconds)

    def warn_sessions(self, seconds: float) -> None:
        """Have terminals of sessions under way show that the proxy stops in so many seconds."""
        sessions = self._sessions()
        for session in sessions:
            session.stopping(seconds)
        if sessions:
            self.shared.report(
                f"stopping: {len(sessions)} sessions may continue for {seconds:.0f} s "
                "(--shutdown-session-grace-period)"
            )

    async def finish_sessions(self, seconds: float) -> None:
        """Wait until no session is under way, at most so many seconds, and end what is left."""
        served = {session.connection.served() for session in self._sessions()}
        if served:
            await asyncio.wait(served, timeout=seconds)
        await _end(self._sessions(), WAITED.format(seconds))

    async def end_long_running(self, *, but_sessions: bool = False) -> None:
        """End every request that is still under way; each emits its last event."""
        spared = set(self._sessions()) if but_sessions else set()
        await _end(self.under_way - spared, SHUT_DOWN)

    def _sessions(self) -> list[Exchange]:
        return [exchange for exchange in self._under_way if _is_session(exchange)]

    async def settle(self) -> None:
        """Wait until every finished request has its last event."""
        await self.shared.decoding.settle()

    async def finish_events(self, grace: float) -> None:
        """Give every finished request its last event, without bodies that ``grace`` seconds
        do not suffice to decode.
        """
        undecoded = await self.shared.decoding.stop(grace)
        if undecoded:
            self.shared.report(
                f"stopping: {undecoded} events are written without bodies that were not decoded yet"
            )

    def _owed(self) -> int:
        """Requests under way whose last event is still to come."""
        return sum(exchange.owes_event for exchange in tuple(self.under_way))


async def _end(exchanges: Iterable[Exchange | ShortExchange], why: str) -> None:
    """End requests at a stop, and wait until they have their last events."""
    exchanges = tuple(exchanges)
    served = {exchange.connection.served() for exchange in exchanges}
    for exchange in exchanges:
        exchange.end(why, SHUTTING_DOWN)
    if served:
        await asyncio.wait(served, timeout=5.0)


def _is_session(exchange: Exchange) -> bool:
    """Whether it is, or may become, a stream that its client cannot simply open again.

    exec, attach, port-forward and tunnels through a proxy subresource are; a watch is not.
    """
    if exchange.headers.upgrade_token is None or not exchange.long_running:
        return False
    is_tunnel = exchange.recorder.captured.code == SWITCHING_PROTOCOLS
    return exchange.info.verb != "watch" and (is_tunnel or not exchange.answer_started)
