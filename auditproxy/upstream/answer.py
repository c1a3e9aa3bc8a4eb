"""One answer of the upstream, parsed incrementally and passed to its sink.

    HEAD -(head)-> LENGTH | CHUNKED | UNTIL_CLOSE -(last byte)-> COMPLETE
     |  ^ 1xx       (no body: straight to COMPLETE)
     +-(101 to an upgrade)-> SWITCHED

The sink is called from ``receive``, inside the connection's ``data_received``. Data is
passed on without copying or waiting. Bytes after the end are kept in ``rest``: after a
switch they belong to the tunnel, otherwise to no answer.
"""

import asyncio
import re
from enum import Enum
from typing import Protocol

from auditproxy.sockets.pieces import Piece
from auditproxy.sockets.transport import release_write_buffer
from auditproxy.upstream.framing import ChunkedDecoder
from auditproxy.upstream.heads import AnswerHeads
from auditproxy.upstream.messages import (
    ResponseHead,
    ResponseSink,
    UpstreamLimits,
    UpstreamProtocolError,
)

_HEAD_END = b"\r\n\r\n"
_STATUS_LINE_START = b"HTTP/1."
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")


class AnswerState(Enum):
    """How far an answer has been read; the module docstring shows the transitions."""

    HEAD = 0
    LENGTH = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3
    COMPLETE = 4
    SWITCHED = 5


# Module-level names: looking up an Enum member costs more than the rest of ``receive``.
_HEAD = AnswerState.HEAD
_LENGTH = AnswerState.LENGTH
_CHUNKED = AnswerState.CHUNKED
_UNTIL_CLOSE = AnswerState.UNTIL_CLOSE
_COMPLETE = AnswerState.COMPLETE
_SWITCHED = AnswerState.SWITCHED


class ReadingSide(Protocol):
    """The connection that an answer is read from, as its flow control needs it."""

    transport: asyncio.Transport

    def pause_reading(self) -> None:
        """Stop reading."""

    def resume_reading(self) -> None:
        """Resume reading."""


class Answer:
    """Parses the answer to one request; it is also the Flow passed to its sink.

    ``method`` and ``upgrade`` are the request's, ``heads`` reads what the pool's connections
    receive. ``ended`` is True once no more bytes are expected, in COMPLETE and SWITCHED.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_heads",
        "_interim",
        "_limits",
        "_method",
        "_remaining",
        "_scanned",
        "_sink",
        "_source",
        "_upgrade",
        "any_byte",
        "ended",
        "head",
        "keep_alive",
        "rest",
        "state",
        "takes_lent",
    )

    def __init__(
        self,
        sink: ResponseSink,
        source: ReadingSide,
        *,
        method: bytes,
        upgrade: bool,
        limits: UpstreamLimits,
        heads: AnswerHeads,
    ) -> None:
        self._heads = heads
        self._sink = sink
        self._source: ReadingSide | None = source
        self._method = method
        self._upgrade = upgrade
        self._limits = limits
        self._buffer: bytearray | None = None
        self._scanned = 0
        self._interim = 0
        self._remaining = 0
        self._chunks: ChunkedDecoder | None = None
        self.state = _HEAD
        self.head: ResponseHead | None = None
        self.any_byte = False
        self.ended = False
        self.keep_alive = False
        self.takes_lent = False
        """Whether the next bytes may be lent: they are a body's, and nothing of it is kept."""
        self.rest = b""

    def pause(self) -> None:
        """Stop reading from the upstream."""
        if self._source is not None:
            self._source.pause_reading()

    def resume(self) -> None:
        """Resume reading."""
        if self._source is not None:
            self._source.resume_reading()

    def linger(self) -> None:
        """Give back what only a busy connection needs."""
        if self._source is not None:
            release_write_buffer(self._source.transport)

    def detach(self) -> None:
        """Detach from the connection: pause and resume have no effect from now on."""
        self._source = None

    def receive(self, data: Piece) -> None:
        """Process the next bytes, lent ones if it takes them; not to be called after the end.

        Raises UpstreamProtocolError, and any exception of the sink.
        """
        state = self.state
        if state is _LENGTH:
            self._length_received(data)
        elif state is _CHUNKED:
            self._chunked_received(data)
        elif state is _UNTIL_CLOSE:
            self._sink.data(data)
        else:
            self.any_byte = True
            self._head_received(bytes(data))

    def end_of_stream(self) -> bool:
        """Handle the upstream's close; return whether that completes the answer."""
        if self.state is _UNTIL_CLOSE:
            self._complete(b"")
            self.keep_alive = False
        return self.ended

    def _head_received(self, data: bytes) -> None:
        """Search for the end of the head; parse the head once it is complete."""
        buffer = self._buffer
        if buffer is None:
            end = data.find(_HEAD_END)
            if end < 0:
                self._buffer = bytearray(data)
        else:
            buffer += data
            end = buffer.find(_HEAD_END, max(self._scanned - 3, 0))
            if end >= 0:
                data = bytes(buffer)
        if end < 0:
            self._head_incomplete()
            return
        self._buffer = None
        self._scanned = 0
        end += 4
        if end > self._limits.header_bytes:
            raise UpstreamProtocolError("the answer's head is too large")
        head = self._heads.read(data[:end], self._method)
        rest = data[end:]
        if head.status >= 200:
            self._final_received(head, rest)
        elif self._upgrade:
            self._switched(head, rest)
        else:
            self._interim_received(head, rest)

    def _head_incomplete(self) -> None:
        """Refuse input that can never become a head, without waiting for its end."""
        buffer = self._buffer or bytearray()
        if not _STATUS_LINE_START.startswith(bytes(buffer[: len(_STATUS_LINE_START)])):
            raise UpstreamProtocolError("the answer is not HTTP/1.1")
        if _BARE_LINE_FEED.search(buffer, self._scanned) is not None:
            raise UpstreamProtocolError("a line of the answer's head has no carriage return")
        self._scanned = len(buffer)
        if self._scanned > self._limits.header_bytes:
            raise UpstreamProtocolError("the answer's head is too large")

    def _interim_received(self, head: ResponseHead, rest: bytes) -> None:
        """HEAD -> HEAD: skip a 1xx."""
        if head.status == 101:
            raise UpstreamProtocolError("the upstream switches protocols without being asked")
        self._interim += 1
        if self._interim > self._limits.interim_responses:
            raise UpstreamProtocolError("the upstream sends too many 1xx answers")
        if rest:
            self._head_received(rest)

    def _switched(self, head: ResponseHead, rest: bytes) -> None:
        """HEAD -> SWITCHED: the end of HTTP on this connection."""
        if head.status != 101:
            # kube-apiserver's proxy reads a single answer to an upgrade, even if it is a 1xx.
            raise UpstreamProtocolError(f"invalid upgrade response: status code {head.status}")
        self.head = head
        self.state = _SWITCHED
        self.rest = rest
        self.ended = True

    def _final_received(self, head: ResponseHead, rest: bytes) -> None:
        """HEAD -> LENGTH, CHUNKED, UNTIL_CLOSE or COMPLETE: start the final answer.

        Also to an upgrade: a server that does not switch answers the request itself.
        """
        self.head = head
        self.keep_alive = head.keep_alive and not self._upgrade
        length = head.content_length if head.has_body else 0
        if head.has_body and head.chunked:
            self._chunks_begin(head, rest)
        elif length is None:
            self.state = _UNTIL_CLOSE
            self._sink.head(head, self, follows=bool(rest))
            if rest:
                self._sink.data(rest)
        else:
            self.state = _LENGTH
            self._remaining = length
            self._sink.head(head, self, follows=bool(rest and length))
            if rest or not length:
                self._length_received(rest)
        self.takes_lent = not self.ended and not self._sink.keeps_data

    def _chunks_begin(self, head: ResponseHead, rest: bytes) -> None:
        """HEAD -> CHUNKED: pass on the head, and what came of the body with it."""
        self.state = _CHUNKED
        self._chunks = ChunkedDecoder()
        try:
            payload, after = self._chunks.feed(rest)
        except UpstreamProtocolError:
            # At any cut of the bytes, the head is passed on before the error of its body.
            self._sink.head(head, self, follows=False)
            raise
        self._sink.head(head, self, follows=bool(payload))
        if payload:
            self._sink.data(payload)
        if after is not None:
            self._complete(after)

    def _length_received(self, data: Piece) -> None:
        """Pass on a body of known length and count the remaining bytes."""
        wanted = self._remaining
        if len(data) < wanted:
            self._remaining = wanted - len(data)
            self._sink.data(data)
            return
        rest = bytes(data[wanted:])
        if wanted:
            self._sink.data(data[:wanted])
        self._complete(rest)

    def _chunked_received(self, data: Piece) -> None:
        """Decode chunks; call the sink once for all payload received together."""
        assert self._chunks is not None
        payload, rest = self._chunks.feed(data)
        if payload:
            self._sink.data(payload)
        if rest is not None:
            self._complete(rest)

    def _complete(self, rest: bytes) -> None:
        """LENGTH, CHUNKED or UNTIL_CLOSE -> COMPLETE."""
        self.state = _COMPLETE
        self.takes_lent = False
        self.rest = rest
        self.ended = True
