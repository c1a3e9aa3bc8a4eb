"""One client connection: aiohttp's HTTP/1.1 protocol, extended for a transparent proxy.

aiohttp parses requests (its C parser, llhttp underneath) and orders pipelined ones.
This subclass adds

- raw responses for the relay; a full write buffer pauses the upstream (``flow``),
- bytes after an upgrade request are held unparsed until it is decided: they belong to the
  tunnel or are dropped, and are never HTTP,
- heads that llhttp refuses but Go accepts are respelled, parsed again and restored
  (clientrequest.py); what stays refused is answered and audited by the chain,
- constant answers to input that is not HTTP; they repeat none of the client's bytes.

It uses private names of aiohttp (``_messages``, ``_waiter``, ``_parser``, ``_force_close``,
``_upgraded``); the version is pinned, and tests/downstream/test_connection.py checks them.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestPayloadError

from auditproxy.apis.crash import describe
from auditproxy.apis.status import Status, failure
from auditproxy.downstream import clientrequest
from auditproxy.downstream.facts import KnownCertificates, facts_of
from auditproxy.downstream.responses import Answered, plain_answer
from auditproxy.downstream.segments import Pieces
from auditproxy.downstream.shortloop import ShortLoop
from auditproxy.request.heads import MAXIMUM_HEAD, has_bare_line_feed, may_begin, respelled
from auditproxy.sockets.flow import Flow
from auditproxy.tunnel.tie import TunnelReceiver

HEAD_TIMEOUT = 10.0
"""Seconds to receive a head, from its first byte or the handshake (kube-apiserver: 32)."""

HELD_LIMIT = 64 * 1024
"""Bytes held behind an undecided upgrade request before reading stops."""

WRITE_HIGH_WATER = 64 * 1024

_FIRST_BYTES = 256
"""Bytes of an incomplete first line that are examined; they suffice to recognise non-HTTP."""


class ClientConnection(ShortLoop):
    """The server side of one connection; see the module docstring."""

    __slots__ = (
        "_after_chunks",
        "_asks_upgrade",
        "_head_timer",
        "_held",
        "_last_payload",
        "_pieces",
        "_tunnel",
        "breaks_off",
        "certificates",
        "flow",
        "on_lost",
        "on_unparsed",
        "told_address",
    )

    def __init__(
        self,
        *args: Any,
        on_unparsed: Callable[[int, str], None],
        certificates: KnownCertificates,
        on_lost: Callable[[], None] | None = None,
        told_address: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.on_unparsed = on_unparsed
        self.certificates = certificates
        self.on_lost = on_lost
        self.told_address = told_address
        self.flow: Flow | None = None
        self.breaks_off = False
        self._after_chunks = False
        self._asks_upgrade = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._held: bytearray | None = None
        self._last_payload: StreamReader = EMPTY_PAYLOAD
        self._pieces = Pieces()
        self._tunnel: TunnelReceiver | None = None

    # --- what the client sends -------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the tunnel, to the held bytes, or piece by piece to the parser.

        No piece extends beyond one head or body. Parsing therefore does not depend on TCP
        segmentation, and invalid input does not discard valid requests before it.
        """
        if self._waiter is not None and self._taken(data):
            return
        if not data:
            self._parse_body(data)  # aiohttp has room again: flush what its parser holds.
        data, self._waiting = self._waiting + data, b""
        start = 0
        while start < len(data) and not self._unreadable and not self._force_close:
            if self._reading_paused or len(self._messages) >= self._max_msg_queue_size:
                # aiohttp's queue is full or paused: keep the rest unparsed until it asks for more.
                self._waiting = data[start:]
                return
            if self._tunnel is not None:
                self._tunnel.data_received(data[start:])
                return
            if self._held is not None:
                self._hold(data[start:])
                return
            if data[start] in b"\r\n" and not self._head and self._last_payload.is_eof():
                start = len(data) - len(data[start:].lstrip(b"\r\n"))  # Skip empty lines.
                continue
            in_chunks = self._pieces.in_chunks
            end, complete = self._pieces.end(data, start)
            if self._last_payload.is_eof():
                self._head_received(data[start:end], complete=complete)
            else:
                self._parse_body(data[start:end])
            start = end
            if in_chunks and start < len(data):
                # A piece may hold thousands of chunks: yield to other connections in between.
                self._waiting = data[start:]
                self._pause_reading_for_buffer()
                self._loop.call_soon(self._go_on)
                return

    def _go_on(self) -> None:
        """Continue after yielding to other connections."""
        self._buffer_paused = len(self._messages) >= self._max_msg_queue_size
        self.data_received(b"")
        if not self._buffer_paused and not self._reading_paused:
            self._resume_transport_reading()

    def _head_received(self, data: bytes, *, complete: bool) -> None:
        """Collect parts of a head; parse it once complete."""
        head = self._head
        if not head and complete and len(data) <= MAXIMUM_HEAD:
            self._stop_head_timer()
            self._parse_head(data)
            return
        line_ends = b"\n" in data
        bare = line_ends and has_bare_line_feed((b"\r" if head.endswith(b"\r") else b"") + data)
        head += data
        if len(head) > MAXIMUM_HEAD:
            self._refuse(failure(431, "", f"the request's head is over {MAXIMUM_HEAD} bytes"))
        elif complete:
            self._head = bytearray()
            self._stop_head_timer()
            self._parse_head(bytes(head))
        elif bare or ((line_ends or len(head) <= _FIRST_BYTES) and not may_begin(bytes(head))):
            self._refuse(None)
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_TIMEOUT, self._head_late)

    def _parse_head(self, head: bytes) -> None:
        """Parse a whole head; if llhttp refuses it but Go would not, parse it respelled."""
        before = len(self._messages)
        if self._after_chunks:
            # The old parser would take that body's last trailer for this head's first line.
            self._after_chunks = False
            self._parser = clientrequest.new_parser(self, self._loop, self._read_bufsize)
        # llhttp refuses unknown methods: parse with a known one and restore the original below.
        shown, method = clientrequest.with_known_method(head)
        super().data_received(shown)
        if len(self._messages) == before:
            return  # aiohttp discards input while it is closing the connection
        # The handler wakes up after this callback, so the queued message may be replaced.
        message, payload = self._messages.pop()
        if not isinstance(message, RawRequestMessage):
            again = respelled(head)
            if again is not None:
                # A parser is unusable after an error.
                self._parser = clientrequest.new_parser(self, self._loop, self._read_bufsize)
                super().data_received(again.head)
                message, payload = self._messages.pop()
            if again is None or not isinstance(message, RawRequestMessage):
                self._head += head
                self._refuse(None)
                return
            message = clientrequest.put_back(message, again)
        elif method:
            message = message._replace(method=method)
        else:
            self._note_block(head, message)
        self._messages.append((message, payload))
        self._begin(message, payload)

    def _begin(self, message: RawRequestMessage, payload: StreamReader) -> None:
        """Determine what follows a request: its body, a tunnel, discarded bytes, or a head."""
        self._last_payload = payload
        self._asks_upgrade = clientrequest.asks_upgrade(message)
        if message.method == "CONNECT":
            # llhttp reads no body here, others would: discard what follows.
            self._unreadable = True
        elif message.chunked:
            self._after_chunks = True
            self._pieces.begin_chunks()
        elif not payload.is_eof():
            self._pieces.body_left = int(message.headers.get("Content-Length", "0"))
        self._hold_if_complete()

    def _parse_body(self, data: bytes) -> None:
        """Let aiohttp parse part of a body; report invalid framing to the body's reader."""
        before = len(self._messages)
        super().data_received(data)
        if len(self._messages) > before:
            # No piece extends beyond a body, so this message is an error, not a request.
            self._unreadable = True
            if not self._last_payload.is_eof():
                self._messages.pop()
                self.breaks_off = True
                self._last_payload.set_exception(RequestPayloadError())
        self._hold_if_complete()

    def _hold_if_complete(self) -> None:
        """Start holding bytes after the last byte of an upgrade request."""
        if self._asks_upgrade and self._held is None and self._last_payload.is_eof():
            self._held = bytearray()

    def _hold(self, data: bytes) -> None:
        assert self._held is not None
        self._held += data
        if len(self._held) > HELD_LIMIT:
            self._pause_transport_reading()

    def _resume_transport_reading(self) -> None:
        """Resume reading, unless too many bytes are held; applies to every caller."""
        if self._held is None or len(self._held) <= HELD_LIMIT:
            super()._resume_transport_reading()

    def _head_late(self) -> None:
        """Time out a head: answer 408 if any byte of it arrived, otherwise close silently."""
        self._head_timer = None
        if self._head:
            late = f"the request's head took longer than {HEAD_TIMEOUT:g} s"
            self._refuse(failure(408, "Timeout", late))
        else:
            self.force_close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: Status | None) -> None:
        """Stop parsing: the head so far is answered and recorded in its turn.

        ``status`` None: derived from the head. Nothing is recorded without a request line.
        """
        head = bytes(self._head)
        self._head = bytearray()
        self._stop_head_timer()
        self._unreadable = True
        self._messages.append((clientrequest.refusal(head, status), EMPTY_PAYLOAD))  # type: ignore[arg-type]
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- upgrades --------------------------------------------------------------

    @property
    def must_close(self) -> bool:
        """Whether the current request is the last one of the connection."""
        ends = self._asks_upgrade or self.breaks_off or self.is_last
        return ends and not self.is_followed

    def start_tunnel(self, receiver: TunnelReceiver) -> bytes:
        """Pass all later bytes to ``receiver``; return the bytes held so far."""
        early = bytes(self._held or b"")
        self._held = None
        self._tunnel = receiver
        if len(early) > HELD_LIMIT:
            self._resume_transport_reading()
        return early

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Report the client's end of stream to the tunnel."""
        return self._tunnel.eof_received() if self._tunnel is not None else None

    # --- flow control ----------------------------------------------------------

    def pause_writing(self) -> None:
        """Pause the producer of the answer: the client reads too slowly."""
        super().pause_writing()
        if self._tunnel is not None:
            self._tunnel.pause_writing()
        elif self.flow is not None:
            self.flow.pause()

    def resume_writing(self) -> None:
        """Resume the producer of the answer."""
        super().resume_writing()
        if self._tunnel is not None:
            self._tunnel.resume_writing()
        elif self.flow is not None:
            self.flow.resume()

    # --- life ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set up, with a small write buffer so that back-pressure takes effect early."""
        assert hasattr(transport, "set_write_buffer_limits")
        transport.set_write_buffer_limits(WRITE_HIGH_WATER)
        super().connection_made(transport)
        self.facts = facts_of(transport, self.certificates, self.told_address)
        self._head_timer = self._loop.call_later(HEAD_TIMEOUT, self._head_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Clean up; aiohttp cancels the handler, which ends the upstream request and the event."""
        self._stop_head_timer()
        if self.on_lost is not None:
            self.on_lost()
        self._short_lost()
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            tunnel.connection_lost(exc)
        flow, self.flow = self.flow, None
        if flow is not None:
            flow.resume()
        super().connection_lost(exc)

    def _failed(self, status: int, error: BaseException | None, message: str | None) -> Answered:
        """Answer input that is not HTTP with a constant text that repeats none of it."""
        if status == 400:
            # aiohttp's own text repeats the client's bytes.
            message = "not HTTP/1.1"
        elif error is not None:
            # The handler itself failed and could not record it in an event.
            message = describe(error)
        self.on_unparsed(status, message or "unknown")
        if self.transport is not None:
            self.transport.write(plain_answer(status))
        return Answered(keep_alive=False)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing: aiohttp's texts repeat bytes of the request (rule R19)."""
