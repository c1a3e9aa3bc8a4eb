"""A pool of connections to kube-apiserver; every request to the upstream goes through one.

    round_trip:  idle connection | new one -> exchange -> idle again | closed
                 reused connection died unanswered -> a new one, once, where that is safe
    upgrade:     new connection -> 101, verified -> Switched
                                -> any final answer, to the sink -> NotSwitched

One pool carries one kind of identity. Its connections use the target's credential at the
time they were opened and are dropped when it changes. The number of idle connections is not
limited (a low limit costs a TLS handshake per request). The most recently used connection is
taken first, and idle ones expire.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable

import msgspec

from auditproxy.sockets.transport import has_something_to_read
from auditproxy.tunnel.protocols import is_upgrade_protocol
from auditproxy.upstream.connection import UpstreamConnection
from auditproxy.upstream.framing import write_head
from auditproxy.upstream.heads import AnswerHeads
from auditproxy.upstream.messages import (
    Endpoint,
    ResponseHead,
    ResponseSink,
    RoundTrip,
    UpstreamClosedEarly,
    UpstreamLimits,
    UpstreamProtocolError,
    UpstreamRequest,
    UpstreamRequestError,
    UpstreamUnreachable,
)
from auditproxy.upstream.switching import NotSwitched, Switched, UntilHead, switch_fault

_RESENDABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_CLOSE_TIMEOUT = 1.0
_TLS_SHUTDOWN_TIMEOUT = 1.0


class PoolStats(msgspec.Struct, frozen=True, gc=False):
    """Connections now (idle, active), opened since the start, and requests sent a second time."""

    idle: int
    active: int
    opened: int
    retried: int


class UpstreamPool:
    """Connections to one target, for requests of one kind of identity.

    Must be created and used inside one running event loop.
    """

    def __init__(
        self,
        target: Endpoint,
        *,
        limits: UpstreamLimits | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._target = target
        self._limits = limits or UpstreamLimits()
        self.heads = AnswerHeads()
        self._loop = loop or asyncio.get_running_loop()
        self._connections: set[UpstreamConnection] = set()
        # In order of release: the last one is used next, the first one expires next.
        self._idle: dict[UpstreamConnection, None] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None
        self._closed = False
        self._opened = 0
        self._retried = 0

    @property
    def stats(self) -> PoolStats:
        """Return the numbers of connections."""
        idle = len(self._idle)
        return PoolStats(idle, len(self._connections) - idle, self._opened, self._retried)

    async def round_trip(self, request: UpstreamRequest, sink: ResponseSink) -> RoundTrip:
        """Send a request and pass its answer to ``sink``; return when the answer is complete.

        Raises UpstreamError, or any error of the sink or the body's iterator.
        Cancellation drops the connection at once.
        """
        if request.upgrade is not None:
            raise UpstreamRequestError("an upgrade is not a round trip")
        head = write_head(request)
        connection = self.take(resendable=_may_be_sent_again(request))
        if connection is None:
            return await self._on_new_connection(head, request, sink, retried=False)
        return await self._finished(
            connection, connection.exchange(head, request, sink), request, sink
        )

    async def rest(
        self, connection: UpstreamConnection, request: UpstreamRequest, sink: ResponseSink
    ) -> RoundTrip:
        """Continue a round trip whose connection expects the answer to ``request`` already.

        As ``round_trip`` in all else.
        """
        return await self._finished(connection, connection.ended(), request, sink)

    async def again(
        self, request: UpstreamRequest, sink: ResponseSink, error: UpstreamClosedEarly
    ) -> RoundTrip:
        """Continue a round trip whose connection ended in ``error``: send it again, or raise."""
        if error.any_response_byte or not _may_be_sent_again(request):
            raise error
        self._retried += 1
        return await self._on_new_connection(write_head(request), request, sink, retried=True)

    async def _finished(
        self,
        connection: UpstreamConnection,
        ended: Awaitable[ResponseHead],
        request: UpstreamRequest,
        sink: ResponseSink,
    ) -> RoundTrip:
        """Wait for the end on a connection that was idle before."""
        try:
            await ended
        except UpstreamClosedEarly as error:
            return await self.again(request, sink, error)
        self.give_back(connection)
        return RoundTrip(retried=False)

    async def _on_new_connection(
        self, head: bytes, request: UpstreamRequest, sink: ResponseSink, *, retried: bool
    ) -> RoundTrip:
        """Make a round trip on a new connection."""
        connection = await self._connect()
        await connection.exchange(head, request, sink)
        self.give_back(connection)
        return RoundTrip(retried)

    async def upgrade(
        self, request: UpstreamRequest, sink: ResponseSink, *, handshake_deadline: bool = True
    ) -> Switched | NotSwitched:
        """Ask the upstream to switch protocols, on a new connection.

        The upstream decides: most of kube-apiserver's handlers ignore the upgrade. Any final
        answer goes to ``sink`` as in a round trip and is complete when this returns; the
        connection is not reused. Raises like ``round_trip``, plus UpstreamProtocolError for
        a 101 that is not the requested switch and for other 1xx, and UpstreamTimeout if no
        answer begins within ``upgrade_timeout``. Without ``handshake_deadline`` the caller
        bounds the request.
        """
        if request.upgrade is None or not is_upgrade_protocol(request.upgrade):
            raise UpstreamRequestError("not a protocol that may be tunnelled")
        head_bytes = write_head(request)
        connection = await self._connect()
        deadline = UntilHead(sink)
        if handshake_deadline:
            deadline.start(connection, self._loop, self._limits.upgrade_timeout)
        try:
            head = await connection.exchange(head_bytes, request, deadline)
        finally:
            deadline.cancel()
        if head.status >= 200:
            connection.reuse()
            return NotSwitched(head)
        fault = switch_fault(head, request)
        if fault is not None:
            connection.transport.abort()
            raise UpstreamProtocolError(fault)
        return Switched(head, connection)

    def take(self, *, resendable: bool) -> UpstreamConnection | None:
        """Take the most recently used idle connection, one that is not about to be closed.

        A request that is not ``resendable`` takes only one that has nothing to read.
        """
        idle = self._idle
        if not idle:
            return None
        context = self._target.ssl_context
        while idle:
            connection, _ = idle.popitem()
            if connection.is_closing():
                continue
            if connection.ssl_context is not context:
                # Opened with an earlier credential.
                connection.transport.close()
                continue
            # A request that cannot be resent must not go to a connection that the upstream
            # has just closed: check the kernel's buffer before writing the first byte.
            if not resendable and has_something_to_read(connection.descriptor):
                connection.transport.abort()
                continue
            return connection
        return None

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection whose exchange is over for reuse, or close it."""
        if connection.reuse():
            self.put_back(connection)

    def put_back(self, connection: UpstreamConnection, now: float | None = None) -> None:
        """Keep a connection on which nothing is expected; ``now`` is the loop's time."""
        if self._closed:
            connection.transport.close()
            return
        connection.idle_since = self._loop.time() if now is None else now
        self._idle[connection] = None
        if self._expiry is None:
            self._expiry = self._loop.call_later(self._limits.idle_timeout, self._expire)

    def _expire(self) -> None:
        """Close connections idle for too long; schedule the next check."""
        self._expiry = None
        latest = self._loop.time() - self._limits.idle_timeout
        while self._idle:
            oldest = next(iter(self._idle))
            # A timer may fire a clock tick early.
            if oldest.idle_since > latest + 0.001:
                wait = oldest.idle_since - latest
                self._expiry = self._loop.call_later(wait, self._expire)
                return
            del self._idle[oldest]
            oldest.transport.close()

    async def _connect(self) -> UpstreamConnection:
        """Open a connection; raises UpstreamUnreachable."""
        target, limits = self._target, self._limits
        self._refuse_when_closed()
        context = target.ssl_context
        connection = UpstreamConnection(
            limits=limits,
            heads=self.heads,
            loop=self._loop,
            on_lost=self._lost,
            ssl_context=context,
        )
        host, port, timeout = target.host, target.port, limits.connect_timeout
        try:
            async with asyncio.timeout(timeout):
                if context is None:
                    await self._loop.create_connection(lambda: connection, host, port)
                else:
                    await self._loop.create_connection(
                        lambda: connection,
                        host,
                        port,
                        ssl=context,
                        server_hostname=target.server_name or host,
                        ssl_handshake_timeout=timeout,
                        ssl_shutdown_timeout=_TLS_SHUTDOWN_TIMEOUT,
                    )
        except TimeoutError:
            raise UpstreamUnreachable(
                f"no connection to {host}:{port} within {timeout:g} s", reason="connect-timeout"
            ) from None
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or type(error).__name__
            raise UpstreamUnreachable(f"no TLS with {host}:{port}: {why}", reason="tls") from error
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise UpstreamUnreachable(f"no connection to {host}:{port}: {why}") from error
        self._opened += 1
        if not connection.is_closing():
            self._connections.add(connection)
        self._refuse_when_closed(connection)
        return connection

    def _refuse_when_closed(self, connection: UpstreamConnection | None = None) -> None:
        """Raise after ``close``, and abort a connection that was opened too late."""
        if self._closed:
            if connection is not None:
                connection.transport.abort()
            raise UpstreamUnreachable("the pool is closed")

    def _lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is gone."""
        self._idle.pop(connection, None)
        self._connections.discard(connection)
        if not self._connections and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    async def close(self) -> None:
        """Close every connection, including active and switched ones.

        Round trips still in progress fail with UpstreamClosedEarly.
        """
        self._closed = True
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        for connection in tuple(self._connections):
            if connection in self._idle:
                connection.transport.close()
            else:
                connection.fail(UpstreamClosedEarly("the pool was closed"))
        self._idle.clear()
        if not self._connections:
            return
        self._emptied = self._loop.create_future()
        await asyncio.wait((self._emptied,), timeout=_CLOSE_TIMEOUT)
        for connection in tuple(self._connections):
            connection.transport.abort()


def _may_be_sent_again(request: UpstreamRequest) -> bool:
    """Return whether resending the request has no further effect and is possible."""
    return request.method in _RESENDABLE and not isinstance(request.body, AsyncIterator)
