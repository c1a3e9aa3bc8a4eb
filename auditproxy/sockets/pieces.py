"""Pieces: how a connection with TLS is read while much comes of it.

    as it comes --a long read, or begin--> in pieces --a short one, or end--> as it comes

As it comes, uvloop joins all that one read of the socket brought, some 256 KiB. The C library maps
memory of that size anew for each such answer's piece and each copy of it, which costs more than
its encryption. asyncio reads 16 KiB, one turn of the loop for each record of TLS. In pieces, both
get 128 KiB at a time: enough to make turns and system calls rare, little enough to be taken from
memory that is there, and to stay in a core's cache until it is written.
"""

import asyncio
from asyncio import sslproto
from typing import Any

from auditproxy.sockets.reading import COUNTED

PIECE = 128 * 1024
"""Bytes of the longest piece."""

SHORT = 4096
"""Bytes of a read below which no more is expected to follow at once."""

_BUFFER = memoryview(bytearray(PIECE))
"""What uvloop decrypts to, for all connections: it is copied before anything else is read."""


class _Receiver(asyncio.BufferedProtocol):
    """Passes what comes in the shared buffer to a protocol, and all else as it is."""

    __slots__ = (
        "_data_received",
        "connection_lost",
        "eof_received",
        "pause_writing",
        "resume_writing",
    )

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._data_received = protocol.data_received
        self.connection_lost = protocol.connection_lost  # type: ignore[method-assign]
        self.eof_received = protocol.eof_received  # type: ignore[method-assign]
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the shared buffer."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on a copy: the next connection's bytes come to the same place."""
        self._data_received(bytes(_BUFFER[:nbytes]))


class ReadingInPieces:
    """Whether one transport is read in pieces; without TLS it never is."""

    __slots__ = ("_protocol", "_transport", "has_begun")

    def __init__(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
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
        if transport.is_closing() or transport.get_extra_info("ssl_object") is None:
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


def _asyncio_protocol(transport: asyncio.Transport) -> Any:
    """asyncio's side of TLS, which has no parameter for the size of its reads; None on uvloop."""
    own = getattr(transport, "_ssl_protocol", None)
    return own if isinstance(own, sslproto.SSLProtocol) else None


def _resize(own: Any, size: int) -> None:
    """Have asyncio's side make another buffer for the next read, of this size."""
    own.max_size = size
    own._ssl_buffer = bytearray()
