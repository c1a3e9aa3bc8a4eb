"""A request's body on its way to the upstream: as it comes, and as fast as it is taken."""

import asyncio
from collections.abc import AsyncIterator

from auditproxy.upstream.messages import UpstreamRequestError


class BodySending:
    """What one connection sends of bodies that come piece by piece.

    ``is_whole`` says whether all of the request was written; the connection sets ``is_paused``
    while the transport's buffer is full.
    """

    __slots__ = ("_drained", "_loop", "is_paused", "is_whole")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._drained: asyncio.Future[None] | None = None
        self.is_paused = False
        self.is_whole = True

    async def send(
        self, transport: asyncio.Transport, body: AsyncIterator[bytes], length: int | None
    ) -> None:
        """Write the body as it arrives, in chunks without a ``length``.

        Raises UpstreamRequestError if it is not as long as announced, and any error of the body.
        """
        sent = 0
        self.is_whole = False
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
