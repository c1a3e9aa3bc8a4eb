"""ShortWay: takes requests of which all is known before they are sent, past the chain's task.

    take --(the sender is known, the target is plain, a connection is idle)--> ShortExchange
      \\--False: the chain serves it, from the first byte

Of a client's head only bytes are compared: the request line, and the header block that the parser
has read before, or one like it (request/memory.py). What both mean was found out by the chain's own
functions, for the same configuration, connection and credential; what can change with time is asked
each time, as the chain does: whether the identity still holds, and whether our credential is the
same.
"""

from auditproxy.apis.audit import Level, RequestAuditConfig, Stage
from auditproxy.apis.memo import Memo
from auditproxy.audit.context import AuditContext
from auditproxy.audit.template import sender_part
from auditproxy.authentication.authenticator import Identity
from auditproxy.downstream.connection import ClientConnection
from auditproxy.request.headerlines import UnwritableHeadersError
from auditproxy.request.headers import ClientHeaders
from auditproxy.request.resolution import MAXIMUM_TARGETS, NOT_RESOLVED
from auditproxy.request.traceparent import TRACEPARENT
from auditproxy.request.upstreamheaders import lines_around_audit_id
from auditproxy.server.knownclient import KnownClient, ShortDecision, ShortSender
from auditproxy.server.short.shortexchange import Chain, ShortExchange
from auditproxy.server.short.shorttarget import (
    MAXIMUM_TARGET_KINDS,
    Kinds,
    ShortTarget,
    parse_line,
    short_target,
)
from auditproxy.server.short.siblings import KnownSiblings


class ShortWay:
    """The short way under the chain's configuration; ``taken`` counts the requests that went it."""

    __slots__ = ("_chain", "_kinds", "_known", "_services", "_shared", "_siblings", "taken")

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._shared = chain.shared
        self._services = chain.services
        self.taken = 0
        # Without a query: those may hold a secret and stay with their connection.
        self._known: Memo[bytes, ShortTarget] = Memo(MAXIMUM_TARGETS)
        self._kinds: Kinds = Memo(MAXIMUM_TARGET_KINDS)
        self._siblings = KnownSiblings()

    def take(
        self, connection: ClientConnection, line: bytes, headers: ClientHeaders, body: bytes
    ) -> bool:
        """Send a request on its way, if all of it is known; False, and nothing is done: serve it.

        ``headers`` are those that the parser has read from the block that follows ``line``, and
        ``body`` is all of their Content-Length.
        """
        shared, services = self._shared, self._chain.services
        if services is not self._services:
            self._services = services
            self._known.clear()
            self._kinds.clear()
            self._siblings.clear()
        started, received = shared.monotonic_clock(), shared.wall_clock()
        client: KnownClient | None = headers.sender.known
        if (
            client is None
            or client.services is not services
            or client.facts is not connection.facts
        ):
            return False
        tracing = shared.tracing
        if tracing is not None and tracing.is_next_sampled:
            return False
        at_hand = services.upstream.at_hand()
        if services.annotation_authorizer is not None or at_hand is None or client.is_unwritable:
            return False
        target = self._known.get(line) or self._target(line, client, headers)
        if target is None or (client.sender is None and not self._is_plain(headers)):
            return False
        upstream = services.upstream.pool.take(resendable=target.is_resendable)
        if upstream is None:
            return False
        # The last question: it counts as a hit of the token cache, and the chain asks it too.
        identity = client.identity(received)
        sender = client.sender
        if identity is not None and (
            sender is None or sender.identity is not identity or sender.at_hand is not at_hand
        ):
            sender = self._sender(client, identity, headers)
        decision = None
        if identity is not None and sender is not None:
            decision = sender.decisions.get(target.kind) or self._decide(sender, target)
        if sender is None or decision is None:
            services.upstream.pool.put_back(upstream)
            return False
        self.taken += 1
        if tracing is not None:
            tracing.next_trace()
        ShortExchange(
            shared,
            services,
            client,
            headers,
            sender,
            target,
            decision,
            body,
            shared.new_audit_id(),
            received,
            started,
            shared.monotonic_clock(),
            _chain=self._chain,
            connection=connection,
        ).begin(upstream)
        return True

    def _target(
        self, line: bytes, client: KnownClient, headers: ClientHeaders
    ) -> ShortTarget | None:
        """Find out what a request line means; one that is plain is remembered."""
        memory = client.facts.memory
        known: ShortTarget | None = memory.short.get(line)
        if known is not None and known.services is self._services:
            return known
        sibling = self._siblings.get(line)
        if sibling is not None:
            return self._known.remember(line, sibling)
        parsed = parse_line(line)
        if parsed is None:
            return None
        method, text = parsed
        found = self._shared.targets.resolve(
            method,
            text,
            headers,
            queries=memory.queries,
            fault=headers.framing,
            front_proxy=self._services.front_proxy,
        )
        target = short_target(method.encode(), found, self._services, self._kinds)
        if target is not None and "?" in text:
            memory.short.remember(line, target)
        elif target is not None:
            self._known.remember(line, target)
            self._siblings.note(line, target)
        return target

    def _sender(
        self, client: KnownClient, identity: Identity, headers: ClientHeaders
    ) -> ShortSender | None:
        """Find out what the upstream gets of this sender's header block, which is plain."""
        services = self._services
        upstream = services.upstream
        at_hand = upstream.at_hand()
        if at_hand is None:
            return None
        asserted = upstream.known_headers(identity, identity.user, None)
        if asserted is None:
            client.is_unwritable = True
            return None
        try:
            before, after = lines_around_audit_id(
                headers,
                host=upstream.host,
                identity_headers=asserted,
                front_proxy=services.front_proxy,
            )
        except UnwritableHeadersError:
            client.is_unwritable = True
            return None
        behind_trace = b""
        if headers.trace:
            before, _, behind_trace = before.partition(headers.trace)
        context = AuditContext("", 0)
        context.begin(
            RequestAuditConfig(Level.METADATA),
            info=NOT_RESOLVED.info,
            request_uri="",
            user=identity.user,
            source_ips=client.source_ips,
            user_agent=client.user_agent,
        )
        client.sender = ShortSender(
            at_hand, identity, before, behind_trace, after, sender_part(context)
        )
        return client.sender

    def _decide(self, sender: ShortSender, target: ShortTarget) -> ShortDecision | None:
        """Ask the policy, which says the same of the sender's other targets of this kind."""
        try:
            config = self._services.evaluator.decide(sender.identity.user, target.found.info)
        except Exception:
            # A fault of ours, which the chain meets too, and records.
            return None
        level, omitted = config.level, config.omit_stages
        is_recorded = level is not Level.NONE
        takes_lines = self._shared.take_line is not None
        decision = ShortDecision(
            config,
            level,
            is_bare=target.kind.bare[level] and (takes_lines or not is_recorded),
            received=is_recorded and Stage.REQUEST_RECEIVED not in omitted,
            complete=is_recorded and Stage.RESPONSE_COMPLETE not in omitted,
            counted=self._shared.metrics.audit.levels[level],
        )
        return sender.decisions.remember(target.kind, decision)

    def _is_plain(self, headers: ClientHeaders) -> bool:
        """Whether a block asks for nothing but an answer, and is not refused."""
        return (
            not headers.impersonates
            and headers.upgrade_token is None
            and not headers.offers_subprotocols
            and not headers.expects_continue
            and not headers.audit_id
            and "transfer-encoding" not in headers
            and headers.framing is None
            and (self._shared.tracing is None or TRACEPARENT not in headers)
            and (not headers.trace or _goes_upstream_once(headers))
            and headers.fault(self._services.front_proxy) is None
        )


def _goes_upstream_once(headers: ClientHeaders) -> bool:
    """Whether a trace is in one line for the upstream: Connection does not name it, and no other
    header has it in its value."""
    named = any(TRACEPARENT in value.lower() for value in headers.values("connection"))
    return not named and sum(headers.trace in value for _, value in headers.raw) == 1
