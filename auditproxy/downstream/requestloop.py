"""RequestLoop: the requests of one connection, one after the other, in one task.

aiohttp's own loop makes a task, a writer and a response object for each request. The chain writes
its answers itself and needs none of them: here its handler runs in the task of the connection.

    wait for a message -> serve it -> read what is left of its body -> keep the connection, or not

It overrides ``start`` of aiohttp's RequestHandler and uses private names of it, see connection.py.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from auditproxy.downstream.clientrequest import ClientRequest, RefusedHead
from auditproxy.downstream.responses import Answered

LINGERING_TIMEOUT = 2.0
"""Seconds in which the rest of a body is read that the answer did not wait for."""


class Continued(NamedTuple):
    """The rest of a request that began without the loop."""

    serve: Callable[[], Awaitable[Answered]]


class RequestLoop(RequestHandler, ABC):
    """aiohttp's protocol with a loop that does for each request what has to be done."""

    __slots__ = ("_served",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._served: asyncio.Future[None] | None = None

    def served(self) -> asyncio.Future[None]:
        """Return what is done once no request is being served here, whether it was answered or not.

        A request that was pipelined behind it may be served then.
        """
        if self._served is None or self._served.done():
            self._served = self._loop.create_future()
        if not self._request_in_progress:
            self._served.set_result(None)
        return self._served

    async def start(self) -> None:
        """Serve requests until the connection is to be closed; runs in the connection's task."""
        while not self._force_close:
            if not self._messages:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            message, payload = self._messages.popleft()
            if self._parser is not None and not isinstance(message, Continued):
                self._parser.message_consumed()
            if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
                self._resume_reading_if_drained()
            try:
                answered = await self._serve(message, payload)
                if not payload.is_eof():
                    await self._read_rest(payload)
            except BaseException:
                self.force_close()
                raise
            self._keepalive = answered.keep_alive
            if not self._keepalive or self._close or self._force_close:
                break
            self._wait_for_next()
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    def _wait_for_next(self) -> None:
        """Bound the time until the next request."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )

    async def _serve(self, message: Any, payload: StreamReader) -> Answered:
        """Let the chain serve one request; input that is not one gets its constant answer."""
        manager, handler = self._manager, self._request_handler
        assert manager is not None
        assert handler is not None
        if isinstance(message, Continued):
            return await self._continue(message)
        manager.requests_count += 1
        if isinstance(message, _ErrInfo):
            return self._failed(message.status, message.exc, message.message)
        refusal = None
        if isinstance(message, RefusedHead):
            message, refusal = message
        request = ClientRequest(message, payload, self, refusal)
        self._current_request = request  # type: ignore[assignment]
        self._request_in_progress = True
        try:
            answered: Answered = await handler(request)  # type: ignore[arg-type, assignment]
        except Exception as error:
            answered = self._failed(500, error, None)
        finally:
            self._current_request = None
            self._is_served()
        if self._upgraded and not self._messages and self._parser is not None:
            # The upgrade was declined. Nothing behind it is parsed.
            self._parser.set_upgraded(False)
            self._upgraded = False
        return answered

    def _is_served(self) -> None:
        """The request is over, answered or not."""
        self._request_in_progress = False
        for waiter in (self._served, self._handler_waiter):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    async def _continue(self, message: Continued) -> Answered:
        """Serve the rest of a request that began without the loop."""
        try:
            return await message.serve()
        except Exception as error:
            return self._failed(500, error, None)
        finally:
            self._is_served()

    @abstractmethod
    def _failed(self, status: int, error: BaseException | None, message: str | None) -> Answered:
        """Answer what the chain has not answered."""

    async def _read_rest(self, payload: StreamReader) -> None:
        """Read and drop the rest of a body, so that the client reads the answer before a reset."""
        if not self._force_close:
            try:
                async with asyncio.timeout(LINGERING_TIMEOUT):
                    while not payload.is_eof():
                        await payload.readany()
            except TimeoutError:
                pass
            except RequestPayloadError:
                self.force_close()
        if not payload.is_eof() and not self._force_close:
            self.close()
