"""A small HTTP/1.1 server on asyncio streams, for the embedded API server.

One request at a time on a connection, kept alive; bodies with a length or in
chunks, whole in memory; ``Expect: 100-continue``; answers of a known length or
streamed in chunks. A handler may take the connection over, as exec and
port-forward do.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from auditproxy.apis.user import NOBODY, UserInfo
from auditproxy.request.target import Target, TargetError, parse_target
from auditproxy.serializer.json import go_text
from auditproxy.sockets.tasks import spawn

MAXIMUM_HEAD = 64 * 1024
MAXIMUM_BODY = 3 * 1024 * 1024
_CLOSE_SECONDS = 5
_METHOD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_abcdefghijklmnopqrstuvwxyz")


@dataclass(slots=True)
class Request:
    """One request; ``user`` is set by authentication.

    ``headers`` has lower-case names, doubled ones joined by a comma;
    ``raw_headers`` has them as received. ``peer`` is the client certificate as
    ``ssl.SSLObject.getpeercert`` shows it, None without one.
    """

    method: str
    target: Target
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    raw_headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    user: UserInfo = NOBODY
    peer: dict[str, Any] | None = None

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    @property
    def wants_upgrade(self) -> bool:
        """Whether the client requests an upgrade of this connection."""
        tokens = self.headers.get("connection", "").lower().split(",")
        return "upgrade" in self.headers and "upgrade" in (token.strip() for token in tokens)


@dataclass(frozen=True, slots=True)
class RawConnection:
    """A connection taken over from the server; its reader is just after the request's head."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: either ``body``, or ``stream`` whose parts are sent as they come."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    stream: AsyncIterator[bytes] | None = field(default=None)


Handler = Callable[[Request, RawConnection], Awaitable[Response | None]]
"""Answers a request; None if the connection was taken over and has ended."""


class BadRequest(Exception):  # noqa: N818 - an answer, not a fault
    """Unusable input: the only answer is ``status``, then the connection is closed."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {HTTPStatus(status).phrase}")
        self.status = status


class HttpServer:
    """A listener and its connections."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Listen; return the port, chosen by the system if it was 0."""
        self._server = await asyncio.start_server(
            self._accept, host, port, ssl=context, limit=MAXIMUM_HEAD
        )
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(tuple(self._connections), timeout=_CLOSE_SECONDS)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            # A client that leaves and a server that stops are both ordinary ends.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), _CLOSE_SECONDS)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RawConnection(reader, writer)
        while True:
            try:
                request = await read_head(reader)
                if request is None:
                    return
                request.peer = writer.get_extra_info("peercert") or None
                if not request.wants_upgrade:
                    await _read_body(request, reader, writer)
            except BadRequest as error:
                text = str(error).encode()
                answer = Response(error.status, text, "text/plain; charset=utf-8")
                writer.write(_head(answer, close=True) + text)
                await writer.drain()
                return
            response = await self._handler(request, connection)
            if response is None:
                return
            close = request.wants_upgrade or "close" in request.headers.get("connection", "")
            if not await _write(response, request.method, connection, close=close):
                return


async def read_head(reader: asyncio.StreamReader) -> Request | None:
    """Read a request up to its empty line; None if the client has closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise BadRequest(400) from None
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    line, *rest = head[:-4].lstrip(b"\r\n").split(b"\r\n")
    words = line.split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1":
        raise BadRequest(505 if len(words) == 3 and words[2].startswith(b"HTTP/") else 400)
    method = words[0].decode("latin-1")
    if not method or not set(method) <= _METHOD:
        raise BadRequest(400)
    try:
        target = parse_target(method, words[1])
    except TargetError:
        raise BadRequest(400) from None
    raw = []
    for header in rest:
        name, colon, value = header.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        raw.append((name, value.strip(" \t")))
    headers: dict[str, str] = {}
    for name, value in raw:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    query = {
        go_text(name): [go_text(value) for value in target.query.values(name)]
        for name in target.query
    }
    return Request(method, target, target.path, query, headers, tuple(raw))


async def _read_body(
    request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    length, coding = request.headers.get("content-length"), request.headers.get("transfer-encoding")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise BadRequest(400)
    if coding is None and length in (None, "0"):
        return
    if length is not None and not (length.isascii() and length.isdigit()):
        raise BadRequest(400)
    if length is not None and int(length) > MAXIMUM_BODY:
        raise BadRequest(413)
    if request.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if length is not None:
        request.body = await reader.readexactly(int(length))
        return
    body = bytearray()
    while True:
        size = await _chunk_size(reader)
        if len(body) + size > MAXIMUM_BODY:
            raise BadRequest(413)
        if size == 0:
            break
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    request.body = bytes(body)


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    try:
        return int((await reader.readuntil(b"\r\n")).partition(b";")[0].strip(), 16)
    except (ValueError, asyncio.LimitOverrunError):
        raise BadRequest(400) from None


def _head(response: Response, *, close: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines.append(f"Content-Type: {response.content_type}")
    if response.stream is None:
        lines.append(f"Content-Length: {len(response.body)}")
    else:
        lines.append("Transfer-Encoding: chunked")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def _write(
    response: Response, method: str, connection: RawConnection, *, close: bool
) -> bool:
    """Send an answer; return whether another request may follow."""
    writer = connection.writer
    writer.write(_head(response, close=close))
    if response.stream is None:
        if method != "HEAD":
            writer.write(response.body)
        await writer.drain()
        return not close
    sending = spawn(_write_chunks(response.stream, writer), "write a stream")
    # While a stream is sent, only the end of the connection is expected from the client.
    leaving = spawn(connection.reader.read(1), "wait for the client to leave")
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not sending.done() and leaving.result() == b"":
            return False
        await sending
        return not close and not leaving.done()
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _write_chunks(stream: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    async for part in stream:
        if part:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
