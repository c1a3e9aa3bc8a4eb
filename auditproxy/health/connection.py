"""HealthConnection: one connection to the health port; none lasts longer than its use.

made --HEAD_TIMEOUT without a request--> ended
     --request--> answering --answered--> idle --LAST_USE after the request--> ended
"""

import asyncio
import contextlib
import http
import logging
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web

HEAD_TIMEOUT = 10.0
"""Seconds for the first request of a connection to come."""

LAST_USE = 60.0
"""Seconds that a connection lasts after its last request, however slowly the answer is read."""


_SILENT = logging.Logger("health", logging.CRITICAL + 1)
"""Outside of logging's tree: aiohttp's own prints the bytes of malformed requests."""
_SILENT.addHandler(logging.NullHandler())


class HealthConnection(web.RequestHandler):
    """aiohttp's connection with a deadline; ``on_lost`` hears of its end."""

    __slots__ = ("_deadline", "_ended", "_on_lost", "is_answering")

    def __init__(
        self,
        server: Any,
        *,
        loop: asyncio.AbstractEventLoop,
        on_lost: Callable[["HealthConnection"], None],
    ) -> None:
        super().__init__(server, loop=loop, access_log=_SILENT, logger=_SILENT)
        self._on_lost = on_lost
        self._deadline: asyncio.TimerHandle | None = None
        self._ended = False
        self.is_answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._end_in(0.0 if self._ended else HEAD_TIMEOUT)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Report the end of the connection to the counter of connections."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_lost(self)
        super().connection_lost(exc)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """A request has come and is being answered."""
        self.is_answering = True
        self._end_in(LAST_USE)
        try:
            yield
        finally:
            self.is_answering = False

    def end(self) -> None:
        """Drop the connection."""
        self._ended = True
        # At once: it may be before the connection is made that another takes its place.
        self._on_lost(self)
        if self.transport is not None:
            self.transport.abort()

    def _end_in(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.end)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer input that is not HTTP with one constant text, where aiohttp would echo it."""
        response = text_answer(status, f"{status} {http.HTTPStatus(status).phrase}\n")
        response.force_close()
        return response


def text_answer(code: int, body: str) -> web.Response:
    """An answer in plain text, as kube-apiserver's health endpoints give it."""
    return web.Response(
        status=code,
        text=body,
        content_type="text/plain",
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"},
    )
