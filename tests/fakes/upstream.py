"""A raw upstream: a TCP or TLS server that records every byte and answers as a test scripts it.

    async def script(connection: FakeConnection) -> None:
        head = await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with FakeUpstream(script) as upstream:
        ...  # connect to upstream.host, upstream.port
        await upstream.connections[0].wait_closed()

The script runs once per connection and may go on for as many requests as it
likes; when it returns the connection stays open. ``replying`` makes a script
that answers each request in turn with given bytes. Nothing is parsed but where
a request's head and body end.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from auditproxy.sockets.pieces import Piece
from tests.fakes.waiting import turns

DEADLINE = 5.0
"""Seconds that any wait of a test may take."""


class FakeConnection(asyncio.Protocol):
    """One accepted connection; ``received`` holds every byte that came, in order."""

    def __init__(self, server: "FakeUpstream") -> None:
        self._server = server
        self._position = 0
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._script: asyncio.Task[None] | None = None
        self.received = bytearray()
        self.eof = False
        self.closed = asyncio.Event()
        self.lost_with: Exception | None = None
        self.keep_open_after_eof = False
        self.transport: asyncio.Transport

    # --- reading ---

    async def until(self, condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """Wait until the condition holds, looked at whenever something happens here."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def read(self, size: int) -> bytes:
        """The next ``size`` bytes; EOFError when the peer ends before."""
        end = self._position + size
        await self.until(lambda: len(self.received) >= end or self._ended)
        if len(self.received) < end:
            raise EOFError
        data = bytes(self.received[self._position : end])
        self._position = end
        return data

    async def read_until(self, mark: bytes) -> bytes:
        """The next bytes up to and with ``mark``; EOFError when the peer ends before."""
        start = self._position
        await self.until(lambda: self.received.find(mark, start) >= 0 or self._ended)
        found = self.received.find(mark, start)
        if found < 0:
            raise EOFError
        return await self.read(found + len(mark) - start)

    async def read_head(self) -> bytes:
        """A request's head, request line up to and with the empty line."""
        return await self.read_until(b"\r\n\r\n")

    async def read_request(self) -> tuple[bytes, bytes]:
        """A request's head and its body as on the wire (chunks included)."""
        head = await self.read_head()
        lowered = head.lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in lowered:
            body = b""
            while True:
                line = await self.read_until(b"\r\n")
                size = int(line.partition(b";")[0], 16)
                body += line + await self.read(size + 2)
                if not size:
                    return head, body
        mark = b"\r\ncontent-length:"
        at = lowered.find(mark)
        if at < 0:
            return head, b""
        length = int(lowered[at + len(mark) :].split(b"\r\n", 1)[0])
        return head, await self.read(length)

    @property
    def unread(self) -> bytes:
        """What came and was not read by the script."""
        return bytes(self.received[self._position :])

    @property
    def _ended(self) -> bool:
        return self.eof or self.closed.is_set()

    async def wait_closed(self, seconds: float = DEADLINE) -> None:
        """Wait until the connection is gone."""
        async with asyncio.timeout(seconds):
            await self.closed.wait()

    async def wait_eof(self, seconds: float = DEADLINE) -> None:
        """Wait until the peer has sent its last byte."""
        await self.until(lambda: self._ended, seconds)

    # --- writing ---

    def send(self, data: bytes) -> None:
        """Send bytes, in one write."""
        self.transport.write(data)

    async def send_all(self, data: bytes, piece: int = 65536) -> None:
        """Send much data no faster than the peer takes it."""
        for start in range(0, len(data), piece):
            await self._writable.wait()
            if self.closed.is_set():
                return
            self.transport.write(data[start : start + piece])

    async def drip(self, data: bytes, size: int = 1) -> None:
        """Send bytes in many small segments, giving the loop a turn after each."""
        for start in range(0, len(data), size):
            if self.closed.is_set():
                return
            self.transport.write(data[start : start + size])
            await turns()

    def pause_reading(self) -> None:
        """Read no more from the peer."""
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self.transport.resume_reading()

    def write_eof(self) -> None:
        """Send FIN but go on reading."""
        self.transport.write_eof()

    def close(self) -> None:
        """Flush and close."""
        self.transport.close()

    def reset(self) -> None:
        """Send RST."""
        connected: Any = self.transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # --- called by the loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._server.accepted(self)
        self._script = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._server.script(self)
        except (EOFError, ConnectionError):
            pass
        except Exception as error:
            self._server.failures.append(error)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.eof = True
        self._changed.set()
        return self.keep_open_after_eof

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_with = exc
        self.closed.set()
        self._writable.set()
        self._changed.set()
        self._server.changed.set()

    async def stop(self) -> None:
        """Abort the connection and its script."""
        self.transport.abort()
        if self._script is not None:
            self._script.cancel()
            await asyncio.wait((self._script,))
        async with asyncio.timeout(DEADLINE):
            await self.closed.wait()


Script = Callable[[FakeConnection], Awaitable[None]]


class FakeUpstream:
    """The server; it satisfies Endpoint of upstream/messages.py by its attributes.

    ``connections`` lists all accepted ones in order, ``failures`` what scripts
    raised (``close`` raises the first of them). ``ssl_context`` is what a
    client needs, given by the test.
    """

    def __init__(
        self,
        script: Script,
        *,
        server_context: ssl.SSLContext | None = None,
        client_context: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script
        self.host = "127.0.0.1"
        self.port = 0
        self.server_name: str | None = "localhost"
        self.ssl_context = client_context
        self.connections: list[FakeConnection] = []
        self.failures: list[Exception] = []
        self.changed = asyncio.Event()
        self._server_context = server_context
        self._server: asyncio.Server | None = None

    async def start(self) -> "FakeUpstream":
        """Listen on ``host`` and ``port``: a free one of 127.0.0.1, unless the test has set them."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: FakeConnection(self), self.host, self.port, ssl=self._server_context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def stop_listening(self) -> None:
        """Refuse new connections; those that exist go on."""
        if self._server is not None:
            self._server.close()

    def accepted(self, connection: FakeConnection) -> None:
        """Record a new connection."""
        self.connections.append(connection)
        self.changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """Wait until the condition holds, looked at when a connection comes or goes."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def close(self) -> None:
        """Stop everything; raises what a script raised."""
        self.stop_listening()
        for connection in self.connections:
            await connection.stop()
        if self._server is not None:
            await self._server.wait_closed()
        if self.failures:
            raise self.failures[0]

    async def __aenter__(self) -> "FakeUpstream":
        return await self.start()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


async def dial(
    host: str, port: int, *, context: ssl.SSLContext | None = None, server_name: str = "localhost"
) -> FakeConnection:
    """A raw client: connects, and then reads and writes as a FakeConnection does."""

    async def nothing(connection: FakeConnection) -> None:
        """No script: the test itself speaks."""

    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: FakeConnection(FakeUpstream(nothing)),
        host,
        port,
        ssl=context,
        server_hostname=server_name if context is not None else None,
    )
    return connection


def replying(*replies: bytes) -> Script:
    """A script that answers each request in turn, over all connections; the last answer repeats."""
    remaining = list(replies)

    async def script(connection: FakeConnection) -> None:
        while True:
            await connection.read_request()
            connection.send(remaining.pop(0) if len(remaining) > 1 else remaining[0])

    return script


def answer(status: int = 200, body: bytes = b"", *headers: bytes, reason: bytes = b"OK") -> bytes:
    """An answer with a Content-Length."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %d %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        reason,
        len(body),
        lines,
        body,
    )


class RecordingSink:
    """A ResponseSink that keeps everything; ``pause_at_head`` pauses the flow at once.

    ``takes_lent``: it copies what it keeps; ``lent`` counts the bytes that were.
    """

    def __init__(self, *, pause_at_head: bool = False, takes_lent: bool = False) -> None:
        self.response: Any = None
        self.follows: bool | None = None
        self.flow: Any = None
        self.pieces: list[bytes] = []
        self.started = asyncio.Event()
        self.received = asyncio.Event()
        self._pause = pause_at_head
        self._takes_lent = takes_lent
        self.lent = 0

    def head(self, head: Any, flow: Any, *, follows: bool) -> None:
        assert self.response is None, "two heads"
        self.response = head
        self.follows = follows
        self.flow = flow
        if self._pause:
            flow.pause()
        self.started.set()

    @property
    def keeps_data(self) -> bool:
        return not self._takes_lent

    def data(self, chunk: Piece) -> None:
        assert chunk
        if isinstance(chunk, memoryview):
            assert self._takes_lent
            self.lent += len(chunk)
        self.pieces.append(bytes(chunk))
        self.received.set()

    @property
    def status(self) -> int:
        """The answer's code."""
        return int(self.response.status)

    @property
    def body(self) -> bytes:
        """What came of the body."""
        return b"".join(self.pieces)
