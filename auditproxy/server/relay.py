"""Relays: one upstream answer to one client as it comes, with the copy that the event needs.

    head -> data* -> finish          an answer passes through
    head -> (held) data* -> finish   an error of a long-running request waits for its end, so that
                                     ResponseStarted can carry its Status before the head goes out

Nothing here waits. The client's full write buffer pauses the upstream through
the flow that ``head`` was given.
"""

from collections.abc import Callable

from auditproxy.capture.copies import Copy
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import head_bytes
from auditproxy.request.headers import RawHeaders
from auditproxy.sockets.flow import Flow
from auditproxy.upstream.messages import ResponseHead

HELD_ANSWER_LIMIT = 256 * 1024
"""Bytes of an error's body that are held for ResponseStarted; a longer one goes out unread."""

_REFUSALS = frozenset({401, 403})
_CHUNK_END = b"\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class ResponseRelay:
    """Writes an upstream's answer to the client; the sink of one round trip.

    ``headers_for`` gives the headers for the client from the upstream's head,
    ``new_copy`` the copy of the body that the event needs, if any, and ``on_head`` is
    called once, right before the first byte goes to the client. ``on_refusal`` sees the head
    of a 401 or 403 before anything is made of it; what it raises ends the round trip.
    """

    __slots__ = (
        "_chunked",
        "_connection",
        "_flow",
        "_head_request",
        "_headers_for",
        "_held",
        "_held_size",
        "_hold_errors",
        "_http_1_0",
        "_keep_alive",
        "_new_copy",
        "_on_head",
        "_on_refusal",
        "_transport",
        "_unsent_head",
        "complete",
        "copy",
        "finished",
        "head_received",
        "started",
    )

    def __init__(
        self,
        connection: ClientConnection,
        *,
        head_request: bool,
        http_1_0: bool,
        keep_alive: bool,
        hold_errors: bool,
        headers_for: Callable[[ResponseHead], RawHeaders],
        new_copy: Callable[[ResponseHead], Copy | None],
        on_head: "Callable[[ResponseRelay, ResponseHead], None]",
        on_refusal: Callable[[ResponseHead], None],
    ) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._head_request = head_request
        self._http_1_0 = http_1_0
        self._keep_alive = keep_alive
        self._hold_errors = hold_errors
        self._headers_for = headers_for
        self._new_copy = new_copy
        self._on_head = on_head
        self._on_refusal = on_refusal
        self._flow: Flow | None = None
        self._chunked = False
        self._held: list[bytes] | None = None
        self._held_size = 0
        self.copy: Copy | None = None
        self.head_received: ResponseHead | None = None
        self._unsent_head = b""
        self.started = False
        self.complete = False
        self.finished = False

    @property
    def keep_alive(self) -> bool:
        """Whether the client's connection may serve another request after this answer."""
        return self._keep_alive and self.finished

    def head(self, head: ResponseHead, flow: Flow) -> None:
        """Take the upstream's head."""
        if head.status in _REFUSALS:
            self._on_refusal(head)
        self.head_received = head
        self._flow = flow
        self.copy = self._new_copy(head)
        if self._hold_errors and head.status >= 400:
            self._held = []
            return
        self._start()

    def data(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        if self.copy is not None:
            self.copy.add(chunk)
        if self._held is not None:
            self._held.append(chunk)
            self._held_size += len(chunk)
            if self._held_size > HELD_ANSWER_LIMIT:
                self._start()
            return
        self._write(chunk)

    def finish(self) -> None:
        """The upstream's answer is complete: end the client's."""
        if self.head_received is None:
            return
        self.complete = True
        if not self.started:
            self._start()
        self._flush_head()
        if self._chunked and self._transport is not None:
            self._transport.write(_LAST_CHUNK)
        self.finished = True
        self._release()

    def cut(self) -> None:
        """The upstream broke off: cut the client's stream, never end it cleanly."""
        self._keep_alive = False
        self._release()
        if self._transport is not None:
            self._transport.abort()

    def _release(self) -> None:
        """Let go of the upstream's side, which holds on to us: no cycle stays behind."""
        self._connection.flow = None
        self._flow = None

    def _start(self) -> None:
        """Let the head out, and whatever was held behind it."""
        head = self.head_received
        assert head is not None
        self.started = True
        self._on_head(self, head)
        if self._transport is None:
            return
        headers = (*self._headers_for(head), *self._framing(head))
        self._unsent_head = head_bytes(head.status, head.reason, headers)
        if head.has_body:
            # The body's first piece mostly follows at once and shares the head's write;
            # a stream that is silent at first gets its head alone, in this turn of the loop.
            self._connection.loop.call_soon(self._flush_head)
        else:
            self._flush_head()
        self._connection.flow = self._flow
        if self._connection.writing_paused and self._flow is not None:
            self._flow.pause()
        held, self._held = self._held, None
        for chunk in held or ():
            self._write(chunk)

    def _framing(self, head: ResponseHead) -> list[tuple[bytes, bytes]]:
        """Content-Length or chunks, as the client can read it and the upstream promised it."""
        framing: list[tuple[bytes, bytes]] = []
        if self._head_request or head.status == 304:
            # No body follows, but the length a GET would have had is the upstream's to tell.
            framing += [h for h in head.headers if h[0].lower() == b"content-length"][:1]
        elif head.status == 204 or head.status < 200:
            pass
        elif head.content_length is not None:
            framing.append((b"Content-Length", b"%d" % head.content_length))
        elif self._http_1_0:
            self._keep_alive = False
        else:
            self._chunked = True
            framing.append((b"Transfer-Encoding", b"chunked"))
        if not self._keep_alive:
            framing.append((b"Connection", b"close"))
        elif self._http_1_0:
            framing.append((b"Connection", b"keep-alive"))
        return framing

    def _write(self, chunk: bytes) -> None:
        """Write a piece of the body in the client's framing."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        head, self._unsent_head = self._unsent_head, b""
        if self._chunked:
            transport.write(b"".join((head, b"%x\r\n" % len(chunk), chunk, _CHUNK_END)))
        else:
            transport.write(head + chunk if head else chunk)

    def _flush_head(self) -> None:
        """Write the head if it is still waiting for the body's first piece."""
        head, self._unsent_head = self._unsent_head, b""
        if head and self._transport is not None and not self._transport.is_closing():
            self._transport.write(head)
