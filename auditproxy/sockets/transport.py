"""Socket options and buffers of a connection to the upstream, on asyncio and on uvloop."""

import asyncio
import contextlib
import select
import socket
import ssl
from asyncio import sslproto
from typing import Any

from auditproxy.sockets.keepalive import keep_alive

TLS_READ_SIZE = 16 * 1024
"""The longest TLS record; ``tune_tls_buffers`` makes it asyncio's read size."""


def tune_tls_buffers() -> None:
    """Make asyncio allocate 16 KiB instead of 256 KiB per TLS connection; call once at start.

    asyncio has no parameter for this. The class attribute that sets the buffer size of
    new connections is lowered, for the whole process. uvloop has its own buffers and is
    not affected.
    """
    if sslproto.SSLProtocol.max_size > TLS_READ_SIZE:
        sslproto.SSLProtocol.max_size = TLS_READ_SIZE


def prepare_transport(transport: asyncio.Transport, buffer_bytes: int) -> int:
    """Bound the transport's buffers, set up its socket, and return its descriptor."""
    transport.set_write_buffer_limits(buffer_bytes)
    limit_reading: Any = getattr(transport, "set_read_buffer_limits", None)
    if limit_reading is not None:
        # TLS only: limits undecrypted input while reading is paused.
        limit_reading(buffer_bytes)
    connected: socket.socket = transport.get_extra_info("socket")
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    keep_alive(connected)
    return connected.fileno()


def release_write_buffer(transport: asyncio.BaseTransport) -> None:
    """Have OpenSSL give back 16 KiB that it keeps after a client's write, until the next one.

    It gives its buffers back when they are empty, but for this one, which an empty write releases.
    """
    secured: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if secured is not None:
        with contextlib.suppress(ssl.SSLError):
            # The connection ends, and its buffers with it.
            secured.write(b"")


def has_something_to_read(descriptor: int) -> bool:
    """Return whether the kernel has bytes or the end of the stream that the loop has not read.

    An idle connection with either must not carry another request.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
