"""HealthConnection: one connection to the health port, with a bounded lifetime.

made --HEAD_TIMEOUT without a request--> ended
     --request--> answering --answered--> idle --LAST_USE_TIMEOUT after the request--> ended
"""

import asyncio
import contextlib
import http
import logging
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse

HEAD_TIMEOUT = 10.0
"""Seconds within which the first request of a connection must arrive."""

LAST_USE_TIMEOUT = 75.0
"""Seconds that a connection lasts after its last request, however slowly the answer is read. More
than a minute: who asks once a minute must not meet a connection that is just being closed."""


_SILENT = logging.Logger("health", logging.CRITICAL + 1)
"""Outside the logging tree: aiohttp's own logger prints the bytes of malformed requests."""
_SILENT.addHandler(logging.NullHandler())


class HealthConnection(RequestHandler):
    """aiohttp's connection with a deadline; ``on_lost`` is called when it ends."""

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
        """Wait for a request, with a deadline."""
        super().connection_made(transport)
        self._end_in(0.0 if self._ended else HEAD_TIMEOUT)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Report the end of the connection."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_lost(self)
        super().connection_lost(exc)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Mark the connection as answering a request, and restart its deadline."""
        self.is_answering = True
        self._end_in(LAST_USE_TIMEOUT)
        try:
            yield
        finally:
            self.is_answering = False

    def end(self) -> None:
        """Abort the connection."""
        self._ended = True
        # At once: its place may be needed before the connection is even established.
        self._on_lost(self)
        if self.transport is not None:
            self.transport.abort()

    def _end_in(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.end)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer non-HTTP input with one constant text, where aiohttp would echo it."""
        response = text_answer(status, f"{status} {http.HTTPStatus(status).phrase}\n")
        response.force_close()
        return response


def text_answer(code: int, body: str) -> Response:
    """Return a plain-text response like those of kube-apiserver's health endpoints."""
    return Response(
        status=code,
        text=body,
        content_type="text/plain",
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"},
    )
