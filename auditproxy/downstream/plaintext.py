"""Plain HTTP on the TLS port: told from TLS by its first bytes, and answered as Go's net/http does.

first byte of TLS, or of nothing we know -> the handshake (nothing was read)
"GET /", "POST " ...                     -> Go's hint, drained, the end
"""

import asyncio
import contextlib
import socket

HINT = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
"""The whole answer (net/http server.go)."""

DRAIN_TIMEOUT = 1.0
DRAIN_BYTES = 64 * 1024
"""What is read of such a request before the end: unread bytes would take the answer along."""

_BEGINNINGS = (b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO")
_FIRST = frozenset(beginning[:1] for beginning in _BEGINNINGS)
_LENGTH = 5


class PlaintextError(OSError):
    """The client does not speak TLS; the text says what it does, and repeats nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def refuse_plaintext(accepted: socket.socket) -> None:
    """Return once TLS may begin; answer plain HTTP and raise PlaintextError.

    Waits for the first byte: the caller bounds the time. Raises OSError when the
    connection breaks.
    """
    loop = asyncio.get_running_loop()
    if await _peek(accepted) not in _FIRST:
        return
    beginning = b""
    while len(beginning) < _LENGTH:
        piece = await loop.sock_recv(accepted, _LENGTH - len(beginning))
        if not piece:
            break
        beginning += piece
    if beginning not in _BEGINNINGS:
        raise PlaintextError("the first bytes are not TLS")
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT):
            await loop.sock_sendall(accepted, HINT)
            accepted.shutdown(socket.SHUT_WR)
            left = DRAIN_BYTES
            while left > 0 and (piece := await loop.sock_recv(accepted, left)):
                left -= len(piece)
    raise PlaintextError("client sent an HTTP request to an HTTPS server")


async def _peek(accepted: socket.socket) -> bytes:
    """The first byte, which stays to be read; nothing at the end of the stream."""
    with contextlib.suppress(BlockingIOError):
        return accepted.recv(1, socket.MSG_PEEK)
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def arrived() -> None:
        if not readable.done():
            readable.set_result(None)

    descriptor = accepted.fileno()
    loop.add_reader(descriptor, arrived)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
    return accepted.recv(1, socket.MSG_PEEK)
