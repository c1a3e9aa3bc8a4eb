"""One upstream connection: one exchange at a time, reused only when nothing of it is left.

    IDLE -(exchange)-> BUSY -(answer complete)-> DONE -(reuse)-> IDLE
                        +----(101, upgrade)----> SWITCHED -(start_tunnel)-> TUNNEL
    any -(connection lost)-> CLOSED

A byte received in IDLE or DONE belongs to no answer and aborts the connection. One future
per exchange reports its end; a task exists only while a body iterator is being sent.
"""

import asyncio
import ssl
from collections.abc import Callable
from enum import Enum
from typing import cast

from auditproxy.sockets.pieces import Piece, PieceProtocol, ReadingInPieces
from auditproxy.sockets.reading import COUNTED, Reading
from auditproxy.sockets.transport import prepare_transport
from auditproxy.tunnel.tie import TunnelReceiver
from auditproxy.upstream.answer import Answer, AnswerState
from auditproxy.upstream.heads import AnswerHeads
from auditproxy.upstream.messages import (
    AnswerTaker,
    ResponseHead,
    ResponseSink,
    UpstreamClosedEarly,
    UpstreamLimits,
    UpstreamRequest,
    UpstreamSwitchedEarly,
)
from auditproxy.upstream.sending import RequestSending


class ConnectionState(Enum):
    """What a connection is used for; the module docstring shows the transitions."""

    IDLE = 0
    BUSY = 1
    DONE = 2
    SWITCHED = 3
    TUNNEL = 4
    CLOSED = 5


# Module-level names: looking up an Enum member is slow.
_IDLE, _BUSY, _DONE, _SWITCHED, _TUNNEL, _CLOSED = ConnectionState


class UpstreamConnection(PieceProtocol):
    """A connection created by a pool; ``on_lost`` is called once when it is gone."""

    __slots__ = (
        "_answer",
        "_early",
        "_ended",
        "_heads",
        "_limits",
        "_loop",
        "_on_lost",
        "_pieces",
        "_reading",
        "_receiver",
        "_reusable",
        "_sending",
        "_state",
        "_taker",
        "descriptor",
        "idle_since",
        "ssl_context",
        "transport",
    )

    transport: asyncio.Transport
    _pieces: ReadingInPieces
    _reading: Reading

    def __init__(
        self,
        *,
        limits: UpstreamLimits,
        heads: AnswerHeads,
        loop: asyncio.AbstractEventLoop,
        on_lost: "Callable[[UpstreamConnection], None]",
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._limits = limits
        self._heads = heads
        self._loop = loop
        self._on_lost = on_lost
        self._state = _IDLE
        self._answer: Answer | None = None
        self._taker: AnswerTaker | None = None
        self._ended: asyncio.Future[None] | None = None
        self._receiver: TunnelReceiver | None = None
        self._early = b""
        self._sending = RequestSending(loop)
        self._reusable = False
        self.descriptor = -1
        self.idle_since = 0.0
        self.ssl_context = ssl_context

    async def exchange(
        self, head: bytes, request: UpstreamRequest, sink: ResponseSink
    ) -> ResponseHead:
        """Write the request (``head`` is its encoded head) and pass the answer to the sink.

        Returns the head once the answer is complete, or once an upgrade has switched. Raises
        UpstreamError, or any error of the sink or body; then, or if cancelled, it aborts.
        """
        if self.is_closing():
            raise UpstreamClosedEarly("the upstream closed the connection before the request")
        self.expect(request, sink)
        return await self.ended(self._sending.begin(self.transport, head, request, self.fail))

    def expect(self, request: UpstreamRequest, sink: ResponseSink) -> None:
        """IDLE -> BUSY, or continue after ``begin``: read the answer to ``request``."""
        self._taker = None
        self._answer = Answer(
            sink,
            self,
            method=request.method,
            upgrade=request.upgrade is not None,
            limits=self._limits,
            heads=self._heads,
        )
        self._ended = self._loop.create_future()
        self._state = _BUSY

    async def ended(self, sending: asyncio.Task[None] | None = None) -> ResponseHead:
        """Wait for the end of what is expected; ``sending`` is the rest of the request."""
        answer, ended = self._answer, self._ended
        assert answer is not None
        assert ended is not None
        try:
            await ended
        except BaseException:
            # The rest of this answer must not be read as the next one.
            self.transport.abort()
            raise
        finally:
            answer.detach()
            self._answer = self._ended = None
            # Wait for the task: the body's iterator is closed before the exchange returns.
            if sending is not None and not sending.done():
                sending.cancel()
                await asyncio.wait((sending,))
        assert answer.head is not None
        return answer.head

    def begin(self, request: bytes, taker: AnswerTaker) -> None:
        """IDLE -> BUSY: write a whole request; its answer's bytes go to ``taker``.

        Until ``taken``, which ends the exchange, or ``expect``, which reads them from there on.
        """
        self._taker = taker
        self._state = _BUSY
        self.transport.write(request)

    def taken(self, *, keep_alive: bool) -> bool:
        """BUSY -> IDLE, or close: the taker has the whole answer; return as ``reuse``."""
        self._taker = None
        if keep_alive and self._sending.is_whole and not self.transport.get_write_buffer_size():
            # One that is closing is not taken again.
            self._state = _IDLE
            return True
        self._state = _DONE
        self._reusable = keep_alive
        return self.reuse()

    def abandon(self) -> None:
        """Drop the connection and whatever is expected on it, without a report."""
        ended, self._taker, self._ended = self._ended, None, None
        if ended is not None and ended.done() and not ended.cancelled():
            ended.exception()  # asyncio logs one that was never read
        if self._answer is not None:
            self._answer.detach()
            self._answer = None
        self.transport.abort()

    def fail(self, error: Exception) -> None:
        """Abort the connection, and end the exchange, if any, with an error."""
        self.transport.abort()
        taker, self._taker = self._taker, None
        if taker is not None and isinstance(error, UpstreamClosedEarly):
            taker.lost(error)
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)

    def _answer_ended(self, answer: Answer) -> None:
        """BUSY -> DONE or SWITCHED."""
        answer.detach()
        self._pieces.end()
        if answer.state is AnswerState.SWITCHED:
            if not self._sending.is_whole:
                self.fail(UpstreamSwitchedEarly("the upstream switched during the request"))
                return
            self._state = _SWITCHED
            self._early = answer.rest
            # The next bytes belong to the tunnel, which has no receiver yet.
            self._reading.pause()
        else:
            self._state = _DONE
            # A paused transport would not notice the upstream closing.
            if self._reading.is_stopped:
                self._reading.resume()
            self._reusable = answer.keep_alive and not answer.rest
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def reuse(self) -> bool:
        """DONE -> IDLE if nothing of the exchange is pending, otherwise close; return which."""
        transport = self.transport
        if transport.is_closing():
            return False
        if not self._sending.is_whole or transport.get_write_buffer_size():
            # close() would first send the rest of the abandoned request.
            transport.abort()
            return False
        if self._state is not _DONE or not self._reusable:
            transport.close()
            return False
        self._state = _IDLE
        return True

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the answer or the tunnel; called by the loop."""
        state = self._state
        if state is _BUSY:
            if self._taker is not None:
                self._taker.received(data)
            else:
                self._read(data)
        elif state is _TUNNEL:
            assert self._receiver is not None
            self._receiver.data_received(data)
        elif state is _SWITCHED:
            self._early += data
        else:
            # Unsolicited: kept, these bytes would be read as the answer to the next request.
            self.transport.abort()

    @property
    def takes_lent(self) -> bool:
        """Whether what comes next may be lent."""
        return self._taker is None and self._answer is not None and self._answer.takes_lent

    def lent_received(self, piece: memoryview) -> None:
        """Pass bytes to the answer, which takes lent ones."""
        self._read(piece)

    def _read(self, data: Piece) -> None:
        answer = self._answer
        if answer is None:
            return  # cancelled; the transport is being aborted
        try:
            answer.receive(data)
        except Exception as error:
            # Not HTTP, or an error of the sink: raise it from the exchange.
            self.fail(error)
        else:
            if answer.ended:
                self._answer_ended(answer)
                return
            if len(data) >= COUNTED:
                self._reading.take(len(data))
            self._pieces.follow(len(data))

    def eof_received(self) -> bool:
        """End an unframed body or a tunnel's half, otherwise fail; called by the loop."""
        if self._state is _TUNNEL:
            assert self._receiver is not None
            return bool(self._receiver.eof_received())
        answer = self._answer
        if self._taker is not None:
            self._lost_early(None)
        elif self._state is _BUSY and answer is not None:
            if answer.end_of_stream():
                self._answer_ended(answer)
            else:
                self.fail(UpstreamClosedEarly.of(any_byte=answer.any_byte, why=None))
        return False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set up the socket; called by the loop, after the TLS handshake if there is one."""
        # uvloop's transports are not subclasses of asyncio.Transport.
        self.transport = cast(asyncio.Transport, transport)
        self._reading = Reading(self.transport, self._loop)
        self._pieces = ReadingInPieces(self.transport, self)
        self.descriptor = prepare_transport(self.transport, self._limits.buffer_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """Any -> CLOSED."""
        self._pieces.lost()
        if self._taker is not None:
            self._lost_early(exc)
        elif self._state is _BUSY and self._answer is not None:
            self.fail(UpstreamClosedEarly.of(any_byte=self._answer.any_byte, why=exc))
        self._state = _CLOSED
        self._sending.wake()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.connection_lost(exc)
        self._on_lost(self)

    def _lost_early(self, exc: Exception | None) -> None:
        taker, self._taker = self._taker, None
        self.transport.abort()
        if taker is not None:
            taker.lost(UpstreamClosedEarly.of(any_byte=False, why=exc))

    def is_closing(self) -> bool:
        """Return whether the connection is closing or gone."""
        return self._state is _CLOSED or self.transport.is_closing()

    def pause_reading(self) -> None:
        """Stop reading until ``resume_reading``."""
        self._reading.pause()

    def resume_reading(self) -> None:
        """Resume reading."""
        self._reading.resume()

    def pause_writing(self) -> None:
        """The transport's buffer is full; called by the loop."""
        self._sending.is_paused = True
        if self._receiver is not None:
            self._receiver.pause_writing()

    def resume_writing(self) -> None:
        """The transport's buffer has room; called by the loop."""
        self._sending.is_paused = False
        self._sending.wake()
        if self._receiver is not None:
            self._receiver.resume_writing()

    def start_tunnel(self, receiver: TunnelReceiver) -> bytes:
        """SWITCHED -> TUNNEL: pass all later events to ``receiver``; return bytes after the 101.

        Reading is paused; the receiver's owner resumes it on ``transport``.
        """
        early, self._early = self._early, b""
        self._reading.let_go()
        if self._state is _CLOSED:
            # Deferred: the caller has not joined both sides yet.
            self._loop.call_soon(receiver.connection_lost, None)
        else:
            self._receiver = receiver
            self._state = _TUNNEL
        return early
