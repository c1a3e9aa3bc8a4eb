"""Relay: one answer to one client as it comes, framed as the client can read it.

    head -> data* -> end

Nothing here waits. The client's full write buffer pauses the upstream through
the flow that ``head`` was given.
"""

from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import REASONS
from auditproxy.sockets.flow import Flow
from auditproxy.sockets.pieces import Piece
from auditproxy.upstream.messages import ResponseHead

_CHUNK_END = b"\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_LARGE = 32 * 1024
"""Bytes that cost more to copy than the records of TLS that their size and end get without."""


class ResponseRelay:
    """Writes an answer to a client's connection; knows neither the request nor its record."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_head_request",
        "_http_1_0",
        "_keep_alive",
        "_transport",
        "_unsent_head",
    )

    def __init__(
        self,
        connection: ClientConnection,
        *,
        head_request: bool,
        http_1_0: bool,
        keep_alive: bool,
    ) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._head_request = head_request
        self._http_1_0 = http_1_0
        self._keep_alive = keep_alive
        self._chunked = False
        self._unsent_head = b""

    def head(self, head: ResponseHead, lines: bytes, flow: Flow | None, *, follows: bool) -> None:
        """Write the head with ``lines`` for the client; ``flow`` stops and starts the body.

        If a piece of the body ``follows`` at once, it shares the head's write.
        """
        if self._transport is None:
            return
        reason = head.reason or REASONS.get(head.status, b"")
        framing = self._framing(head)
        written = b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (head.status, reason, lines, framing)
        if follows:
            self._unsent_head = written
        elif not self._transport.is_closing():
            self._transport.write(written)
        self._connection.flow = flow
        if flow is not None and self._connection.writing_paused:
            flow.pause()

    def data(self, chunk: Piece) -> None:
        """Write a piece of the body in the client's framing."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        head, self._unsent_head = self._unsent_head, b""
        if self._chunked:
            parts = (head + b"%x\r\n" % len(chunk), chunk, _CHUNK_END)
            if len(chunk) < _LARGE:
                transport.write(b"".join(parts))
            else:
                transport.writelines(parts)
        else:
            transport.write(head + chunk if head else chunk)

    def end(self) -> bool:
        """The answer is complete: end the client's; return whether to keep its connection."""
        if self._unsent_head:
            self._flush_head()
        if self._chunked and self._transport is not None:
            self._transport.write(_LAST_CHUNK)
        # Its other side holds on to us: no cycle stays behind.
        self._connection.flow = None
        return self._keep_alive

    def _framing(self, head: ResponseHead) -> bytes:
        """Content-Length or chunks, as the client can read it and the upstream promised it."""
        framing = b""
        if self._connection.must_close:
            self._keep_alive = False
        if self._head_request or head.status == 304:
            # No body follows, but only the upstream knows the length that a GET would have.
            if head.content_length is not None:
                framing = b"Content-Length: %d\r\n" % head.content_length
        elif head.status == 204 or head.status < 200:
            pass
        elif head.content_length is not None:
            framing = b"Content-Length: %d\r\n" % head.content_length
        elif self._http_1_0:
            self._keep_alive = False
        else:
            self._chunked = True
            framing = b"Transfer-Encoding: chunked\r\n"
        if not self._keep_alive:
            framing += b"Connection: close\r\n"
        elif self._http_1_0:
            framing += b"Connection: keep-alive\r\n"
        return framing

    def _flush_head(self) -> None:
        """Write the head if it is still waiting for the body's first piece."""
        head, self._unsent_head = self._unsent_head, b""
        if head and self._transport is not None and not self._transport.is_closing():
            self._transport.write(head)
