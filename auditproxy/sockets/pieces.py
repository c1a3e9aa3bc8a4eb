"""Pieces: how a connection with TLS is read while much comes of it.

    as it comes --a long read, or begin--> in pieces --a short one, or end--> as it comes

As it comes, uvloop joins all that one read of the socket brought, some 256 KiB. The C library maps
memory of that size anew for each such answer's piece and each copy of it, which costs more than
its encryption. asyncio reads 16 KiB, one turn of the loop for each record of TLS. In pieces, both
get 128 KiB at a time: enough to make turns and system calls rare, little enough to be taken from
memory that is there, and to stay in a core's cache until it is written.

uvloop decrypts to one memory for all connections. A protocol that keeps nothing of a piece is lent
it there; others get a copy. Memory that is still held afterwards, by whatever it was passed on to,
stays with it: the next piece comes to another.
"""

import asyncio
import contextlib
import ssl
import sys
from asyncio import sslproto
from typing import Any

from auditproxy.sockets.reading import COUNTED
from auditproxy.sockets.transport import TLS_READ_SIZE

PIECE = 128 * 1024
"""Bytes of the longest piece."""

SHORT = 4096
"""Bytes of a read below which no more is expected to follow at once."""

Piece = bytes | memoryview
"""Bytes, or a memoryview of some that are lent."""


class PieceProtocol(asyncio.Protocol):
    """Is read in pieces: copies, or lent ones while it takes them."""

    __slots__ = ()

    @property
    def takes_lent(self) -> bool:
        """Whether nothing of what comes next is kept."""
        return False

    def lent_received(self, piece: memoryview) -> None:
        """Take a piece whose memory is the next one's, once this has returned; here a copy."""
        self.data_received(bytes(piece))


class Desk:
    """The memory that pieces are decrypted to, one at a time."""

    __slots__ = ("_at_rest", "_memory", "_view")

    def __init__(self) -> None:
        self._memory: bytearray | None = None
        self._view = memoryview(b"")
        self._at_rest = 0

    def clear(self) -> memoryview:
        """The memory, for the next piece."""
        if self._memory is None:
            memory = bytearray(PIECE)
            self._view = memoryview(memory)
            self._memory = memory
            del memory
            self._at_rest = sys.getrefcount(self._memory)
        return self._view

    def hand_to(self, protocol: PieceProtocol, size: int) -> None:
        """Give a protocol the first ``size`` bytes: lent, or a copy."""
        if self._memory is None or not protocol.takes_lent:
            protocol.data_received(bytes(self._view[:size]))
            return
        try:
            # A view of its own: as long as it or a part of it is held, so is the memory.
            protocol.lent_received(memoryview(self._memory)[:size])
        finally:
            if sys.getrefcount(self._memory) > self._at_rest:
                # The next piece gets another, which is not made here: there may be none.
                self._memory = None


_DESK = Desk()
"""The one of all connections: each piece is dealt with before anything else is read."""


class _Receiver(asyncio.BufferedProtocol):
    """Passes what comes to the desk to a protocol, and all else as it is."""

    __slots__ = (
        "_protocol",
        "connection_lost",
        "eof_received",
        "pause_writing",
        "resume_writing",
    )

    def __init__(self, protocol: PieceProtocol) -> None:
        self._protocol = protocol
        self.connection_lost = protocol.connection_lost  # type: ignore[method-assign]
        self.eof_received = protocol.eof_received  # type: ignore[method-assign]
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the desk's memory."""
        return _DESK.clear()

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what came."""
        _DESK.hand_to(self._protocol, nbytes)


class ReadingInPieces:
    """Whether one transport is read in pieces; without TLS it never is."""

    __slots__ = ("_protocol", "_secured", "_transport", "has_begun")

    def __init__(self, transport: asyncio.Transport, protocol: PieceProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        # asyncio's transport forgets it when it is aborted.
        self._secured: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self.has_begun = False

    def follow(self, size: int) -> None:
        """Begin or end by the length of what was read."""
        if self.has_begun:
            if size < SHORT:
                self.end()
        elif size >= COUNTED:
            self.begin()

    def begin(self) -> None:
        """Read in pieces from the next read on."""
        transport = self._transport
        if transport.is_closing() or self._secured is None:
            return
        self.has_begun = True
        own = _asyncio_protocol(transport)
        if own is None:
            transport.set_protocol(_Receiver(self._protocol))
        else:
            _resize(own, PIECE)

    def end(self) -> None:
        """Read as it comes again, and give back the memory that this takes on asyncio."""
        if not self.has_begun:
            return
        self.has_begun = False
        own = _asyncio_protocol(self._transport)
        if own is not None:
            _resize(own, sslproto.SSLProtocol.max_size)
        elif not self._transport.is_closing():
            self._transport.set_protocol(self._protocol)

    def lost(self) -> None:
        """Give the protocol what its connection still holds: first in ``connection_lost``.

        uvloop delivers nothing after the end of the stream: neither what waited while reading was
        paused, nor what is left of a record behind the last piece. ``eof_received`` is called,
        maybe once more, if the peer said that this is the end.
        """
        if self._secured is None:
            return
        with contextlib.suppress(ssl.SSLError):
            # There is no more of it: that is an error too.
            while data := self._secured.read(TLS_READ_SIZE):
                self._protocol.data_received(data)
            self._protocol.eof_received()


def _asyncio_protocol(transport: asyncio.Transport) -> Any:
    """asyncio's side of TLS, which has no parameter for the size of its reads; None on uvloop."""
    own = getattr(transport, "_ssl_protocol", None)
    return own if isinstance(own, sslproto.SSLProtocol) else None


def _resize(own: Any, size: int) -> None:
    """Have asyncio's side make another buffer for the next read, of this size."""
    own.max_size = size
    own._ssl_buffer = bytearray()
