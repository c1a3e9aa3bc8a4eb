"""Forwarding: the request to the upstream and its answer to the client, streaming both ways.

forward -> round trip -> the answer             everything that asks for no upgrade
        -> upgrade -> tunnel | the answer       exec, attach, port-forward, WebSocket watches
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from auditproxy.apis.status import (
    new_bad_request,
    new_request_timeout,
    new_service_unavailable,
)
from auditproxy.audit.annotations import RETRIED
from auditproxy.audit.record import METHOD_NOT_ALLOWED, request_copy_limit, response_copy_limit
from auditproxy.authentication.authenticator import Identity
from auditproxy.authentication.tokens.bearer import forwarded_protocols
from auditproxy.capture.copies import Copy
from auditproxy.downstream.clientrequest import BodyError
from auditproxy.downstream.responses import Answered, Refused, head_bytes
from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.request.headers import (
    RawHeaders,
    response_headers,
    upgrade_token,
    upstream_headers,
)
from auditproxy.request.warnings import warning_headers
from auditproxy.server.exchange import Exchange
from auditproxy.server.relay import ResponseRelay
from auditproxy.tunnel.farewell import Farewell
from auditproxy.tunnel.protocols import WEBSOCKET
from auditproxy.tunnel.tie import tie
from auditproxy.upstream.identityheaders import UnforwardableIdentityError
from auditproxy.upstream.messages import Outcome, ResponseHead, UpstreamRequest
from auditproxy.upstream.switching import NotSwitched, Switched

SMALL_BODY = 64 * 1024
"""Bytes of a request body that are read whole, to go upstream with the head in one write."""

TUNNEL_FLUSH = 1.0
"""Seconds that a tunnel may flush what it has read after the client left."""

SLOWEST_BODY = 500
"""Bytes a second below which a body's wait (``Limits.body_wait``) runs out."""

REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
"""Methods that no API server serves and that must not reach one through a proxy."""


async def forward(exchange: Exchange, identity: Identity) -> None:
    """Send the request upstream as ``exchange.user`` and stream the answer back.

    Raises Refused, UpstreamError and TimeoutError; the answer may have begun.
    """
    exchange.recorder.note_target(exchange.target, exchange.headers)
    if exchange.method in REFUSED_METHODS:
        raise Refused(METHOD_NOT_ALLOWED)
    upstream = exchange.services.upstream
    try:
        identity_headers = await upstream.headers(identity, exchange.user, exchange.wanted)
    except UnforwardableIdentityError as error:
        raise Refused(new_bad_request(str(error))) from None
    except CredentialError as error:
        exchange.services.watch.failed(error)
        raise Refused(
            new_service_unavailable("the proxy has no usable credential for the API server")
        ) from None
    upgrade = upgrade_token(exchange.headers)
    request = UpstreamRequest(
        method=exchange.method.encode(),
        target=upstream.base_path + exchange.target.raw,
        headers=upstream_headers(
            exchange.headers,
            host=upstream.host,
            identity_headers=identity_headers,
            audit_id=exchange.context.audit_id,
            subprotocols=forwarded_protocols(exchange.headers),
            front_proxy=exchange.services.front_proxy,
        ),
        content_length=None,
        body=None,
        upgrade=upgrade,
    )
    await exchanged(exchange, request)


async def exchanged(exchange: Exchange, request: UpstreamRequest) -> None:
    """The body goes up as it comes, the answer comes down as it comes.

    A request that asks for an upgrade is answered like any other unless the
    upstream switches: only that makes a tunnel of it.
    """
    pool = exchange.services.upstream.pool
    body = RequestBody(exchange)
    relay = relay_for(exchange)
    try:
        sent = await body.sendable()
        request = replace(request, body=sent, content_length=body.content_length)
        outcome: Outcome | Switched | NotSwitched
        if request.upgrade is None:
            outcome = await pool.round_trip(request, relay)
        else:
            # A short request has its own deadline; its answer may take as long as without Upgrade.
            outcome = await pool.upgrade(request, relay, handshake_deadline=exchange.long_running)
    finally:
        body.note()
        note_answer(exchange, relay)
    if isinstance(outcome, Switched):
        await tunnel(exchange, outcome)
        return
    if isinstance(outcome, Outcome) and outcome.retried:
        exchange.context.annotate(RETRIED, "true")
    relay.finish()
    note_answer(exchange, relay)
    exchange.answered = Answered(keep_alive=relay.keep_alive)


class RequestBody:
    """The client's body on its way up, with the copy that the event needs."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._content = exchange.request.content
        self.content_length = exchange.headers.content_length
        limit = request_copy_limit(
            exchange.context, exchange.info, exchange.services.limits.request_copy
        )
        self._copy = exchange.recorder.copy_of_request(limit)
        self._complete = False
        # A tunnel through a proxy subresource may be silent for as long as it likes.
        self._may_wait = None if exchange.long_running else exchange.services.limits.body_wait / 1e9

    async def sendable(self) -> AsyncIterator[bytes] | bytes | None:
        """What to send: nothing, the whole of a small body, or the pieces of a larger one.

        Asks a client that waits for it to go on, now that the request is
        authenticated and on record.
        """
        if not self._exchange.request.can_read_body:
            self._complete = True
            return None
        if self._exchange.headers.get("expect").lower() == "100-continue":
            transport = self._exchange.connection.transport
            if transport is not None and self._exchange.request.version.minor:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.content_length is not None and self.content_length <= SMALL_BODY:
            if self._content.is_eof():
                whole = await self._read(self._content.read)
                self._keep(whole)
                self._complete = True
                return whole
            return b"".join([piece async for piece in self._pieces()])
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        while piece := await self._read(self._content.readany):
            self._keep(piece)
            yield piece
        self._complete = True

    async def _read(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """Read from the client.

        Raises Refused for a body that is not framed as it says, or comes too slowly:
        only the time counts in which we wait for the client, not the upstream for us.
        """
        loop = self._exchange.connection.loop
        started = loop.time()
        try:
            if self._may_wait is None or self._content.is_eof():
                return await read()
            async with asyncio.timeout(self._may_wait):
                piece = await read()
        except BodyError:
            raise Refused(new_bad_request("the request body cannot be read")) from None
        except TimeoutError:
            raise Refused(new_request_timeout()) from None
        self._may_wait += len(piece) / SLOWEST_BODY - (loop.time() - started)
        return piece

    def _keep(self, piece: bytes) -> None:
        if self._copy is not None:
            self._copy.add(piece)

    def note(self) -> None:
        """Put what was copied where the event is made from."""
        self._exchange.recorder.note_request(self._exchange.headers, complete=self._complete)


def relay_for(exchange: Exchange) -> ResponseRelay:
    """The relay that writes the upstream's answer to this exchange's client."""
    http_1_0 = exchange.request.version.minor == 0

    def on_refusal(head: ResponseHead) -> None:
        upgrade = upgrade_token(exchange.headers) is not None
        exchange.services.watch.refused(exchange.user, exchange.info, head, upgrade=upgrade)

    def headers_for(head: ResponseHead) -> RawHeaders:
        headers = response_headers(head.headers, audit_id=exchange.context.audit_id)
        return headers + warning_headers(exchange.warnings) if exchange.warnings else headers

    def new_copy(head: ResponseHead) -> Copy | None:
        limit = response_copy_limit(
            exchange.info,
            exchange.context.level,
            head.status,
            long_running=exchange.long_running,
            limit=exchange.services.limits.response_copy,
        )
        return exchange.recorder.copy_of_response(recorded_code(exchange, head), limit)

    # The relay comes as a parameter: a closure over it would be a cycle for the
    # garbage collector in every request.
    def on_head(relay: ResponseRelay, head: ResponseHead) -> None:
        note_answer(exchange, relay)
        exchange.answer_started_by_upstream(recorded_code(exchange, head))

    return ResponseRelay(
        exchange.connection,
        head_request=exchange.method == "HEAD",
        http_1_0=http_1_0,
        keep_alive=bool(exchange.request.keep_alive) and not exchange.connection.must_close,
        hold_errors=exchange.long_running,
        headers_for=headers_for,
        new_copy=new_copy,
        on_head=on_head,
        on_refusal=on_refusal,
    )


def recorded_code(exchange: Exchange, head: ResponseHead) -> int:
    """The code of an answer that kube-apiserver records: the client's own, but for one case.

    A watch by WebSocket takes the connection over, which is recorded as 101, before it looks
    at the handshake; its refusal alone has no header at all (golang.org/x/net/websocket
    server.go, apiserver endpoints/handlers/watch.go).
    """
    is_taken_over = (
        head.status == 403
        and not head.headers
        and exchange.info.verb == "watch"
        and (upgrade_token(exchange.headers) or b"").lower() == WEBSOCKET
    )
    return 101 if is_taken_over else head.status


def note_answer(exchange: Exchange, relay: ResponseRelay) -> None:
    """Put what is known of the upstream's answer where the event is made from."""
    if relay.head_received is not None:
        exchange.recorder.note_response(
            relay.head_received.headers,
            complete=relay.complete,
            head_request=exchange.method == "HEAD",
        )


def farewell_for(exchange: Exchange, head: ResponseHead) -> Farewell | None:
    """What can be said in this tunnel should we have to end it; None in one of SPDY."""
    if (upgrade_token(exchange.headers) or b"").lower() != WEBSOCKET:
        return None
    agreed = [value for name, value in head.headers if name.lower() == b"sec-websocket-protocol"]
    protocol = agreed[0].decode("latin-1").strip() if len(agreed) == 1 else ""
    return Farewell(protocol, exchange.info.subresource)


async def tunnel(exchange: Exchange, switched: Switched) -> None:
    """Tie both connections together after a verified 101."""
    connection = exchange.connection
    exchange.recorder.captured.code = 101
    exchange.answer_started_by_upstream(101)
    transport = connection.transport
    if transport is None:
        switched.abort()
        return
    transport.write(
        head_bytes(
            101,
            b"Switching Protocols",
            response_headers(switched.head.headers, audit_id="", upgrade=True),
        )
    )
    farewell = exchange.farewell = farewell_for(exchange, switched.head)
    tying = asyncio.ensure_future(
        tie(connection, switched.upstream, follow=farewell.frames.follow if farewell else None)
    )
    try:
        await asyncio.shield(tying)
    except asyncio.CancelledError:
        # The client is gone; what it sent last still belongs to the upstream.
        await asyncio.wait({tying}, timeout=TUNNEL_FLUSH)
        tying.cancel()
        raise
    finally:
        exchange.answered = Answered(keep_alive=False)
