"""A request on its way to the upstream: its body as it comes, and as fast as it is taken."""

import asyncio
from collections.abc import AsyncIterator, Callable

from auditproxy.sockets.tasks import spawn
from auditproxy.upstream.messages import UpstreamRequest, UpstreamRequestError

SMALL_BODY = 64 * 1024
"""Bytes of a complete body that are written together with the head."""


class RequestSending:
    """What one connection sends; a task exists only while a body is still to come.

    ``is_whole`` says whether all of the request was written; the connection sets ``is_paused``
    while the transport's buffer is full.
    """

    __slots__ = ("_drained", "_loop", "is_paused", "is_whole")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._drained: asyncio.Future[None] | None = None
        self.is_paused = False
        self.is_whole = True

    def begin(
        self,
        transport: asyncio.Transport,
        head: bytes,
        request: UpstreamRequest,
        fail: Callable[[Exception], None],
    ) -> asyncio.Task[None] | None:
        """Write what is there, and return the task that sends the rest of the body.

        ``fail`` hears what goes wrong with it. ``head`` is the request's, encoded.
        """
        body = request.body
        if body is None:
            transport.write(head)
        elif isinstance(body, bytes):
            if len(body) > SMALL_BODY:
                transport.write(head)
                head = b""
            transport.write(head + body)
        else:
            self.is_whole = False
            transport.write(head)
            sending = self._send(transport, body, request.content_length, fail)
            return spawn(sending, "send a request body")
        return None

    async def _send(
        self,
        transport: asyncio.Transport,
        body: AsyncIterator[bytes],
        length: int | None,
        fail: Callable[[Exception], None],
    ) -> None:
        """Write the body; what goes wrong with it is the exchange's error."""
        try:
            await self._send_pieces(transport, body, length)
        except Exception as error:
            # The client failed or disconnected, or the body is not as announced.
            fail(error)
        except BaseException:
            # Cancelled inside the body: nothing may follow it on this connection.
            transport.abort()
            raise

    async def _send_pieces(
        self, transport: asyncio.Transport, body: AsyncIterator[bytes], length: int | None
    ) -> None:
        """Write the body as it arrives, in chunks without a ``length``.

        Raises UpstreamRequestError if it is not as long as announced, and any error of the body.
        """
        sent = 0
        try:
            async for piece in body:
                if self.is_paused:
                    await self._until_drained()
                # Whatever closed the transport also ends the exchange.
                if transport.is_closing():
                    return
                if not piece:
                    continue
                sent += len(piece)
                if length is None:
                    transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                elif sent <= length:
                    transport.write(piece)
                else:
                    break
            if length is None:
                transport.write(b"0\r\n\r\n")
            elif sent != length:
                raise UpstreamRequestError("the body is not as long as announced")
            self.is_whole = True
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()

    async def _until_drained(self) -> None:
        """Wait until the transport accepts more, or is gone."""
        self._drained = self._loop.create_future()
        try:
            await self._drained
        finally:
            self._drained = None

    def wake(self) -> None:
        """The transport accepts more, or is gone."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
