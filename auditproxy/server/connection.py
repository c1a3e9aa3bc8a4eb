"""One client connection: aiohttp's HTTP/1.1 protocol with what a transparent proxy needs besides.

aiohttp parses requests (its C parser, llhttp underneath) and keeps the order of
pipelined ones; this subclass adds

- raw access for the relay: the answer's bytes go straight to the transport, and
  the transport's full buffer pauses the upstream (``flow``),
- bytes behind a request that asks for an upgrade are held back unparsed until
  the request is decided: they are the tunnel's or nobody's, never HTTP,
- methods that llhttp does not know (kube-apiserver takes any token and answers
  405, audited) are shown to it as POST and put back into the message it makes,
- constant answers to what is not HTTP, which repeat no byte of the client's.

It leans on names that aiohttp does not promise (``_messages``, ``_waiter``,
``_force_close``, ``_upgraded``); aiohttp is pinned to one minor version and
tests/server/test_connection.py fails when they change.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from auditproxy.server.pieces import Pieces
from auditproxy.server.responsewriters import Answered, describe, plain_answer
from auditproxy.server.upgrade import TunnelReceiver
from auditproxy.server.upstream_messages import Flow

MAXIMUM_HEAD = 1 << 20
"""Bytes of request line and headers together, as kube-apiserver allows."""

HEAD_TIMEOUT = 10.0
"""Seconds for a request's head to arrive once it began, and for the first one to come at all.

kube-apiserver's ReadHeaderTimeout is 32 s; a sound client needs none of the two.
"""

HELD_LIMIT = 64 * 1024
"""Bytes held behind an undecided upgrade request before reading stops."""

WRITE_HIGH_WATER = 64 * 1024

_METHODS = frozenset(
    {b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE"}
)
_METHOD_LIMIT = 64
_HEAD_OVERLAP = len("upgrade") - 1
"""Bytes of a segment that may begin what the next one ends."""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")


class ClientRequest(web.BaseRequest):
    """A request with its head as the parser read it (aiohttp's own access to it is deprecated)."""

    def __init__(self, message: RawRequestMessage, *args: Any) -> None:
        super().__init__(message, *args)
        self.head = message


class ClientConnection(RequestHandler):
    """The server's side of one connection; see the module for what it adds."""

    __slots__ = (
        "_asks_upgrade",
        "_head_size",
        "_head_tail",
        "_head_timer",
        "_held",
        "_last_payload",
        "_method",
        "_method_fragment",
        "_pieces",
        "_tunnel",
        "_unreadable",
        "_waiting",
        "breaks_off",
        "facts",
        "flow",
        "on_lost",
        "on_unparsed",
        "read_paused_for_held",
        "told_address",
    )

    def __init__(
        self,
        *args: Any,
        on_unparsed: Callable[[int, str], None],
        on_lost: Callable[[], None] | None = None,
        told_address: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.on_unparsed = on_unparsed
        self.on_lost = on_lost
        self.told_address = told_address
        self.flow: Flow | None = None
        self.facts: Any = None
        self.breaks_off = False
        self.read_paused_for_held = False
        self._asks_upgrade = False
        self._head_size = 0
        self._head_tail = b""
        self._head_timer: asyncio.TimerHandle | None = None
        self._held: bytearray | None = None
        self._last_payload: StreamReader = EMPTY_PAYLOAD
        self._method = ""
        self._method_fragment = b""
        self._pieces = Pieces()
        self._unreadable = False
        self._waiting = b""
        self._tunnel: TunnelReceiver | None = None

    # --- what the client sends -------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Give bytes to the tunnel, to the hold, or piece by piece to the parser.

        No piece reaches beyond the head or body that it belongs to: however the
        bytes are cut into segments, each request is read alike, and one that is
        no HTTP does not take those before it along.
        """
        if not data:
            self._parse(data)  # There is room again for what the parser and we hold.
        data, self._waiting = self._waiting + data, b""
        start = 0
        while start < len(data) and not self._unreadable and not self._force_close:
            if self._reading_paused or len(self._messages) >= self._max_msg_queue_size:
                self._waiting = data[start:]
                return
            if self._tunnel is not None:
                self._tunnel.data_received(data[start:])
                return
            if self._held is not None:
                self._hold(data[start:])
                return
            end, complete = self._pieces.end(data, start)
            if self._last_payload.is_eof():
                self._head_received(data[start:end], complete=complete)
            else:
                self._parse(data[start:end])
            start = end

    def _head_received(self, data: bytes, *, complete: bool) -> None:
        """Part of a head, or the end of it: bound it, and see whether it asks for an upgrade."""
        if not self._head_size:
            data = self._with_known_method((self._method_fragment + data).lstrip(b"\r\n"))
            if not data:
                return
        head = self._head_tail + data if self._head_tail else data
        self._asks_upgrade = self._asks_upgrade or b"upgrade" in head.lower()
        self._head_size += len(data)
        if self._head_size > MAXIMUM_HEAD:
            self._refuse_unparsed(431, "the request head is too large")
            return
        if not complete:
            self._head_tail = head[-_HEAD_OVERLAP:]
            if self._head_timer is None:
                self._head_timer = self._loop.call_later(HEAD_TIMEOUT, self._head_late)
            self._parse(data)
            return
        asks_upgrade = self._asks_upgrade
        self._head_tail, self._head_size, self._asks_upgrade = b"", 0, False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self._parse(data)
        if asks_upgrade and self._messages:
            message, payload = self._messages[-1]
            if getattr(message, "upgrade", False) and payload is EMPTY_PAYLOAD:
                self._held = bytearray()

    def _with_known_method(self, data: bytes) -> bytes:
        """The head with a method that llhttp knows; nothing while the method is incomplete."""
        self._method_fragment = b""
        method, space, rest = data.partition(b" ")
        if not space and len(data) < _METHOD_LIMIT and _TOKEN.fullmatch(data):
            self._method_fragment = data
            if self._head_timer is None:
                self._head_timer = self._loop.call_later(HEAD_TIMEOUT, self._head_late)
            return b""
        if method in _METHODS or not space or _TOKEN.fullmatch(method) is None:
            return data
        self._method = method.decode("ascii")
        return b"POST " + rest

    def _parse(self, data: bytes) -> None:
        """Let aiohttp read requests from the bytes."""
        before = len(self._messages)
        super().data_received(data)
        if len(self._messages) <= before:
            return
        if self._method:
            message, payload = self._messages[before]
            if isinstance(message, RawRequestMessage):
                self._messages[before] = (message._replace(method=self._method), payload)
            self._method = ""
        message, payload = self._messages[-1]
        if not isinstance(message, RawRequestMessage):
            self._unreadable = True
            if not self._last_payload.is_eof():
                # aiohttp does not tell whoever waits for the rest of this body.
                self._messages.pop()
                self.breaks_off = True
                self._last_payload.set_exception(web.RequestPayloadError())
            return
        self._last_payload = payload
        if message.method == "CONNECT":
            # The parser reads no body of it; others would: what follows is nobody's.
            self._unreadable = True
        if not message.chunked and not payload.is_eof():
            self._pieces.body_left = int(message.headers.get("Content-Length", "0"))

    def _hold(self, data: bytes) -> None:
        """Keep bytes behind an undecided upgrade request."""
        assert self._held is not None
        self._held += data
        if len(self._held) > HELD_LIMIT and not self.read_paused_for_held:
            self.read_paused_for_held = True
            self._pause_transport_reading()

    def _head_late(self) -> None:
        """The rest of a head did not come in time; who said nothing at all is told nothing."""
        self._head_timer = None
        if self._head_size or self._method_fragment:
            self._refuse_unparsed(408, f"the request head took longer than {HEAD_TIMEOUT:g} s")
        else:
            self.force_close()

    def _refuse_unparsed(self, code: int, why: str) -> None:
        """Answer bytes that are not read any further, and close."""
        self.on_unparsed(code, why)
        if self.transport is not None:
            self.transport.write(plain_answer(code))
        self.force_close()

    # --- upgrades --------------------------------------------------------------

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop; asking asyncio for it costs a system call in Python 3.11."""
        return self._loop

    @property
    def must_close(self) -> bool:
        """Whether no other request can be read behind the current one."""
        return self._held is not None or self.breaks_off

    @property
    def holds_upgrade(self) -> bool:
        """Whether the bytes behind the current request wait for the tunnel."""
        return self._held is not None

    def start_tunnel(self, receiver: TunnelReceiver) -> bytes:
        """Hand the connection over: all later bytes go to ``receiver``; returns the held ones."""
        early = bytes(self._held or b"")
        self._held = None
        self._tunnel = receiver
        if self.read_paused_for_held:
            self.read_paused_for_held = False
            self._resume_transport_reading()
        return early

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Tell the tunnel that the client is done sending."""
        return self._tunnel.eof_received() if self._tunnel is not None else None

    # --- flow control ----------------------------------------------------------

    def pause_writing(self) -> None:
        """Stop whoever produces the answer: the client reads too slowly."""
        super().pause_writing()
        if self._tunnel is not None:
            self._tunnel.pause_writing()
        elif self.flow is not None:
            self.flow.pause()

    def resume_writing(self) -> None:
        """Let the producer go on."""
        super().resume_writing()
        if self._tunnel is not None:
            self._tunnel.resume_writing()
        elif self.flow is not None:
            self.flow.resume()

    # --- life ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with a small write buffer so that back-pressure is felt early."""
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(
            transport, "set_write_buffer_limits"
        )
        transport.set_write_buffer_limits(WRITE_HIGH_WATER)
        super().connection_made(transport)
        # The first head has no more time than the others, from now on as in Go.
        self._head_timer = self._loop.call_later(HEAD_TIMEOUT, self._head_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End; aiohttp cancels the handler, which ends the upstream request and the event."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if self.on_lost is not None:
            self.on_lost()
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            tunnel.connection_lost(exc)
        flow, self.flow = self.flow, None
        if flow is not None:
            flow.resume()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> Answered:
        """Answer what is not HTTP: a constant text, nothing of what the client sent."""
        if status != 400:
            # The handler itself failed, beyond what it could put into an event.
            self.on_unparsed(status, describe(exc) if exc is not None else "unknown")
            code = status
        elif isinstance(exc, LineTooLong) or "Too many headers" in str(message):
            code = 431
            self.on_unparsed(code, "the request head is too large")
        else:
            code = 400
            self.on_unparsed(code, "not HTTP/1.1")
        if self.transport is not None:
            self.transport.write(plain_answer(code))
        return Answered(keep_alive=False)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing here: aiohttp's texts repeat bytes of the request (rule R19)."""
