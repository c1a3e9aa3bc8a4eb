"""ShortLoop: a RequestLoop past which whole requests can be served, without its task.

    waiting --short_begins--> served past the loop --short_over------> waiting
                                                   \\--short_continues--> the loop serves the rest

The loop's future is put aside meanwhile, so that for aiohttp a request is in progress. What the
client sends behind it waits in the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from auditproxy.downstream.facts import NO_FACTS
from auditproxy.downstream.requestloop import Continued, RequestLoop
from auditproxy.downstream.responses import Answered
from auditproxy.downstream.segments import HEAD_END
from auditproxy.request.headers import ClientHeaders

Take = Callable[[Any, bytes, ClientHeaders, bytes], bool]
"""Serves a request that came as a whole, if it can: connection, request line, headers, body."""


class ShortRequest(Protocol):
    """A request that is served without the loop."""

    def client_left(self) -> None:
        """The client's connection is gone."""


class ShortLoop(RequestLoop):
    """Offers whole requests to ``take``, whose header block the parser has read here before."""

    __slots__ = (
        "_head",
        "_resting",
        "_short",
        "_take",
        "_unreadable",
        "_waiting",
        "facts",
        "is_last",
        "loop",
        "unsettled",
    )

    def __init__(self, *args: Any, take: Take | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.facts = NO_FACTS
        self.loop: asyncio.AbstractEventLoop = self._loop
        """The event loop; asyncio's own lookup costs a system call in Python 3.11."""
        self.is_last = False
        """Whether the next answer is the last one, and says so."""
        self.unsettled: bool | Awaitable[bool] = True
        """Whether the events of the requests before are stored; what is not True is waited for."""
        self._take = take
        self._short: ShortRequest | None = None
        self._resting: asyncio.Future[None] | None = None
        self._head = bytearray()
        self._unreadable = False
        self._waiting = b""

    def close(self) -> None:
        """Close when idle, or with the answer under way."""
        self.is_last = True
        is_idle = self._waiter is not None and not self._waiter.done()
        super().close()
        if is_idle and self.transport is not None:
            # Its task has ended: nothing would serve a request that comes now.
            self.transport.close()

    def _taken(self, data: bytes) -> bool:
        """Whether ``data`` is a whole request and the next one, and was taken as it is.

        Its header block is one that the parser has read on this connection, byte for byte, but for
        the values of a plain Content-Length and Traceparent.
        """
        if (
            self._take is None
            or self._messages
            or self._head
            or self._waiting
            or self._unreadable
            or self._close
            or self._force_close
            or self._reading_paused
            or self._paused
        ):
            return False
        begin = data.find(b"\r\n") + 2
        end = data.find(HEAD_END) + len(HEAD_END)
        block, memory = data[begin:end], self.facts.memory
        headers = memory.blocks.get(block) or memory.alike(block)
        if headers is None:
            return False
        body = data[end:]
        if len(body) != (headers.content_length or 0):
            return False
        return self._take(self, data[: begin - 2], headers, body)

    def _note_block(self, head: bytes, message: RawRequestMessage) -> None:
        """Note how the parser has read a head of HTTP/1.1 with nothing special behind it."""
        if not (message.should_close or message.upgrade or message.chunked):
            block = head[head.find(b"\r\n") + 2 :]
            self.facts.memory.read(block, message.raw_headers)

    @property
    def is_followed(self) -> bool:
        """Whether another request waits behind the current one."""
        return any(not isinstance(message, Continued) for message, _ in self._messages)

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task of the loop."""
        return self._task_handler

    def short_begins(self, short: ShortRequest) -> None:
        """``short`` is served, while the loop waits as if for the end of a request."""
        self._short = short
        self._resting, self._waiter = self._waiter, None
        self._request_in_progress = True

    def short_over(self, now: float) -> None:
        """It is answered: wait for the next request; ``now`` is the loop's time."""
        self._short = None
        if self._served is not None or self._handler_waiter is not None:
            self._is_served()
        self._request_in_progress = False
        resting, self._resting = self._resting, None
        if resting is None or resting.done():
            return
        self._waiter = resting
        if self._close or self._force_close:
            resting.cancel()
            if self.transport is not None:
                self.transport.close()
        elif self._messages:
            resting.set_result(None)
        elif self._keepalive_handle is None:
            self._wait_for_next()
        else:
            self._next_keepalive_close_time = now + self._keepalive_timeout

    def short_continues(self, serve: Callable[[], Awaitable[Answered]]) -> None:
        """The loop has to ``serve`` the rest of it, before any other request."""

        async def rest() -> Answered:
            self._short = None
            return await serve()

        self._messages.appendleft((Continued(rest), EMPTY_PAYLOAD))  # type: ignore[arg-type]
        resting, self._resting = self._resting, None
        if resting is not None and not resting.done():
            self._waiter = resting
            resting.set_result(None)

    def _short_lost(self) -> None:
        """The client's connection is gone."""
        short, self._short = self._short, None
        if short is not None:
            short.client_left()
            self._is_served()
