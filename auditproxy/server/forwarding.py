"""Forwarding: the request to the upstream and its answer to the client, streaming both ways.

forward -> round trip -> the answer             everything that asks for no upgrade
        -> upgrade -> tunnel | the answer       exec, attach, port-forward, WebSocket watches
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from auditproxy.apis.status import (
    new_bad_request,
    new_request_timeout,
    new_service_unavailable,
)
from auditproxy.audit.annotations import ENDED, RETRIED
from auditproxy.audit.record import METHOD_NOT_ALLOWED
from auditproxy.authentication.authenticator import Identity
from auditproxy.authentication.tokens.bearer import forwarded_protocols
from auditproxy.downstream.clientrequest import BodyError
from auditproxy.downstream.responses import Answered, Refused, head_bytes
from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.request.headerlines import UnwritableHeadersError
from auditproxy.request.responseheaders import switching_headers
from auditproxy.request.upstreamheaders import upstream_lines
from auditproxy.server.ephemeral import EPHEMERAL_LIMIT, adds_ephemeral, note_ephemeral
from auditproxy.server.exchange import Exchange
from auditproxy.server.services import ActingUser
from auditproxy.server.tee import Tee
from auditproxy.sockets.tasks import spawn
from auditproxy.tunnel.protocols import WEBSOCKET
from auditproxy.tunnel.tie import Tap, tie
from auditproxy.upstream.identityheaders import UnforwardableIdentityError
from auditproxy.upstream.messages import ResponseHead, RoundTrip, UpstreamRequest
from auditproxy.upstream.switching import Switched

if TYPE_CHECKING:
    from auditproxy.server.sessions import LiveSession
    from auditproxy.sessions.forms import BodyForm
    from auditproxy.tunnel.farewell import Farewell

SMALL_BODY = 64 * 1024
"""Bytes of a request body that are read whole, to go upstream with the head in one write."""

TUNNEL_FLUSH = 1.0
"""Seconds that a tunnel may flush what it has read after the client left."""

SLOWEST_BODY = 500
"""Bytes a second below which a body's wait (``Limits.body_wait``) runs out."""

NOTHING_DROPPED: frozenset[bytes] = frozenset()
"""Headers of a client that are left out because of its trace, where it has none."""

REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
"""Methods that no API server serves and that must not reach one through a proxy."""


async def forward(exchange: Exchange, identity: Identity, acting: ActingUser) -> Answered:
    """Send the request of ``identity`` upstream as ``acting`` and stream the answer back.

    Raises Refused and UpstreamError; the answer may have begun.
    """
    exchange.recorder.request_head(exchange.info, exchange.target, exchange.headers)
    if exchange.method in REFUSED_METHODS:
        raise Refused(METHOD_NOT_ALLOWED)
    upstream, headers, trace = exchange.services.upstream, exchange.headers, exchange.trace
    try:
        asserted = upstream.known_headers(identity, acting.user, acting.wanted)
        if asserted is None:
            asserted = await upstream.headers(identity, acting.user, acting.wanted)
        lines = upstream_lines(
            headers,
            host=upstream.host,
            identity_headers=asserted,
            audit_id=exchange.context.audit_id,
            subprotocols=forwarded_protocols(headers) if headers.offers_subprotocols else None,
            front_proxy=exchange.services.front_proxy,
            dropped=NOTHING_DROPPED if trace is None else trace.dropped_headers,
            traceparent=b"" if trace is None else trace.traceparent,
        )
    except (UnforwardableIdentityError, UnwritableHeadersError) as error:
        raise Refused(new_bad_request(str(error))) from None
    except CredentialError as error:
        exchange.shared.watch.failed(error)
        raise Refused(
            new_service_unavailable("the proxy has no usable credential for the API server")
        ) from None
    request = UpstreamRequest(
        method=exchange.method.encode(),
        target=upstream.base_path + exchange.target.raw,
        lines=lines,
        upgrade=headers.upgrade_token,
    )
    if trace is not None:
        trace.sent = exchange.now()
    tee = Tee(exchange, acting.user)
    # Before the upstream hears of it: what must not run unrecorded has not begun then.
    body = RequestBody(exchange)
    session = None
    if exchange.shared.supervisor is not None:
        # Imported at the start, where there is a supervisor (app/wanted.py).
        from auditproxy.server.sessions import prepare

        session = await prepare(exchange, identity, acting, body.form)
    if session is None:
        return await exchanged(exchange, request, tee, body)
    try:
        return await exchanged(exchange, request, tee, body, session)
    finally:
        await session.over()


async def exchanged(
    exchange: Exchange,
    request: UpstreamRequest,
    tee: Tee,
    body: "RequestBody",
    session: "LiveSession | None" = None,
) -> Answered:
    """The body goes up as it comes, the answer comes down as it comes.

    A request that asks for an upgrade is answered like any other unless the
    upstream switches: only that makes a tunnel of it.
    """
    pool = exchange.services.upstream.pool
    if session is None or not session.is_known:
        sent = await body.sendable()
    else:
        sent = await body.whole()
    if session is not None:
        session.asked()
    if sent is not None or body.content_length is not None:
        request = msgspec.structs.replace(request, body=sent, content_length=body.content_length)
    if request.upgrade is None:
        answered = await passed_on(exchange, pool.round_trip(request, tee), tee)
    else:
        # A short request has its own deadline; its answer may take as long as without Upgrade.
        decided = await pool.upgrade(request, tee, handshake_deadline=exchange.long_running)
        if isinstance(decided, Switched):
            return await tunnel(exchange, decided, session)
        answered = tee.end()
    if body.kept is not None:
        note_ephemeral(exchange, bytes(body.kept))
    return answered


async def passed_on(exchange: Exchange, round_trip: Awaitable[RoundTrip], tee: Tee) -> Answered:
    """Wait until an answer has passed ``tee``, as a whole."""
    outcome = await round_trip
    if outcome.retried:
        exchange.context.annotate(RETRIED, "true")
    return tee.end()


class RequestBody:
    """The client's body on its way up, past the recorder."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._content = exchange.request.content
        self.content_length = exchange.headers.content_length
        self.kept = bytearray() if adds_ephemeral(exchange) else None
        self._was_read = False
        self._whole: bytes | None = None
        # A tunnel through a proxy subresource may be silent for as long as it likes.
        self._may_wait = None if exchange.long_running else exchange.services.limits.body_wait / 1e9

    async def sendable(self) -> AsyncIterator[bytes] | bytes | None:
        """What to send: nothing, the whole of a small body, or the pieces of a larger one.

        Sends 100 Continue to a client that expects it, now that the request is
        authenticated and on record.
        """
        if not self._exchange.request.can_read_body:
            self._exchange.recorder.request_end()
            return None
        if self._exchange.headers.expects_continue:
            transport = self._exchange.connection.transport
            if transport is not None and not self._exchange.request.is_http_1_0:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.content_length is not None and self.content_length <= SMALL_BODY:
            if self._content.is_eof():
                whole = await self._read(self._content.read)
                self._exchange.recorder.request_data(whole)
                self._keep(whole)
                self._exchange.recorder.request_end()
                return whole
            return b"".join([piece async for piece in self._pieces()])
        return self._pieces()

    async def whole(self) -> bytes | None:
        """The body of a session's request: all of it, before the upstream hears of the request.

        Else a client could have its command begun, and the request never end. Raises Refused for
        one that no client of Kubernetes sends.
        """
        if not self._was_read:
            self._whole = await self._read_whole()
            self._was_read = True
        return self._whole

    async def form(self) -> "BodyForm":
        """The form that a session's request may have in its body."""
        from auditproxy.sessions.forms import NO_FORM, may_have_form, read_form

        content_type = self._exchange.headers.get("content-type")
        if not may_have_form(self._exchange.method, content_type):
            return NO_FORM
        return read_form(content_type, await self.whole() or b"")

    async def _read_whole(self) -> bytes | None:
        if self._may_wait is None:
            self._may_wait = self._exchange.services.limits.body_wait / 1e9
        sent = await self.sendable()
        if sent is None or isinstance(sent, bytes):
            return sent
        found = bytearray()
        async for piece in sent:
            found += piece
            if len(found) > SMALL_BODY:
                raise Refused(new_bad_request("the body of a request for a session is too long"))
        self.content_length = len(found)
        return bytes(found)

    async def _pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        recorder = self._exchange.recorder
        while piece := await self._read(self._content.readany):
            recorder.request_data(piece)
            self._keep(piece)
            yield piece
        recorder.request_end()

    def _keep(self, piece: bytes) -> None:
        """Keep what sessions have to know of a body, while it is short."""
        if self.kept is not None and len(self.kept) + len(piece) <= EPHEMERAL_LIMIT:
            self.kept += piece

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


def farewell_for(exchange: Exchange, head: ResponseHead) -> "Farewell | None":
    """What can be said in this tunnel should we have to end it; None in one of SPDY."""
    if (exchange.headers.upgrade_token or b"").lower() != WEBSOCKET:
        return None
    agreed = [value for name, value in head.headers if name.lower() == b"sec-websocket-protocol"]
    protocol = agreed[0].decode("latin-1").strip() if len(agreed) == 1 else ""
    from auditproxy.tunnel.farewell import Farewell

    return Farewell(protocol, exchange.info.subresource)


async def tunnel(
    exchange: Exchange, switched: Switched, session: "LiveSession | None" = None
) -> Answered:
    """Tie both connections together after a verified 101; ``session`` is read beside them."""
    try:
        farewell = farewell_for(exchange, switched.head)
        if session is not None and not await session.begin(switched.head, farewell):
            session = None
    except BaseException:
        switched.abort()
        raise
    exchange.tunnel_begins(farewell if session is None else session)
    reason = "the tunnel ended"
    try:
        await tied(exchange, switched, session or farewell)
    except asyncio.CancelledError:
        reason = exchange.context.annotations.get(ENDED, "the client left")
        raise
    finally:
        if session is not None:
            await session.ended(reason)
    return Answered(keep_alive=False)


async def tied(exchange: Exchange, switched: Switched, tap: Tap | None) -> None:
    """Send the 101 and copy both ways until both connections have ended."""
    connection = exchange.connection
    transport = connection.transport
    if transport is None:
        switched.abort()
        return
    transport.write(
        head_bytes(
            101,
            b"Switching Protocols",
            switching_headers(switched.head.headers),
        )
    )
    tying = spawn(tie(connection, switched.upstream, tap=tap), "tie a tunnel")
    try:
        await asyncio.shield(tying)
    except asyncio.CancelledError:
        # The client is gone; what it sent last still belongs to the upstream.
        try:
            await asyncio.wait({tying}, timeout=TUNNEL_FLUSH)
        finally:
            tying.cancel()
        raise
