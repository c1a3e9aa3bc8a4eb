"""The channels of an exec or attach session, over WebSocket messages or SPDY streams.

Both give the same thing: a reader for what the client types, and writers for
output, errors and the final Status.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from auditproxy.embedded.pods.journal import ContainerSession, KeptBytes
from auditproxy.sessions.wire.spdy import (
    Pinged,
    SpdyFrame,
    StreamData,
    StreamOpened,
    StreamReset,
    WentAway,
)
from auditproxy.sockets.tasks import spawn
from auditproxy.tunnel.spdy import SpdyError, SpdyServer
from auditproxy.tunnel.websocket import WebSocket

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE_CHANNEL = 255
PIECE = 32 * 1024
LEAVING_SECONDS = 2.0
"""Time for a client to disconnect after it received the result of its session."""

STARTING_SECONDS = 0.1
"""How long a command takes to start, as in a real container."""

Receive = Callable[[], Awaitable[bytes]]
Send = Callable[[bytes], Awaitable[None]]


class Channels(Protocol):
    """One session's channels."""

    stdin: asyncio.StreamReader

    async def out(self, data: bytes) -> None:
        """Write to standard output."""

    async def err(self, data: bytes) -> None:
        """Write to standard error."""

    async def finish(self, status: bytes) -> None:
        """Send the result, and end the session."""

    def end_of_input(self) -> None:
        """Take nothing more from the client."""

    async def stop(self) -> None:
        """Release the connection."""


class _Reading:
    """A reader that a task feeds until the session ends."""

    def __init__(self, session: ContainerSession) -> None:
        self.stdin = asyncio.StreamReader()
        self._session = session
        self._feeding: asyncio.Task[None] | None = None
        self._ended = False

    def start(self, feed: Callable[[], Awaitable[None]]) -> None:
        """Feed from now on; the end of the connection is the end of the input."""

        async def until_closed() -> None:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, SpdyError):
                await feed()
            self.end_of_input()

        self._feeding = spawn(until_closed(), "feed the standard input")

    def end_of_input(self) -> None:
        """End the input: the client sends no more, or the command reads no more."""
        if not self._ended:
            self._ended = True
            self.stdin.feed_eof()

    def typed(self, data: bytes) -> None:
        """The client typed something; dropped after the end of the input."""
        self._session.stdin.add(data)
        if not self._ended:
            self.stdin.feed_data(data)

    async def left(self) -> None:
        """Wait a while for the client to leave.

        Closing with unread input resets the connection, and the client then loses the
        output that it has not read yet.
        """
        self.end_of_input()
        if self._feeding is not None:
            await asyncio.wait({self._feeding}, timeout=LEAVING_SECONDS)

    async def stop(self) -> None:
        """Stop feeding."""
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait({self._feeding})


class WebSocketChannels(_Reading):
    """Each message begins with its channel's number."""

    def __init__(self, socket: WebSocket, session: ContainerSession) -> None:
        super().__init__(session)
        self._socket = socket

    async def feed(self) -> None:
        """Take the client's messages."""
        while True:
            message = await self._socket.receive()
            if message[:2] == bytes((CLOSE_CHANNEL, STDIN)):
                self.end_of_input()
            elif message[:1] == bytes((STDIN,)):
                self.typed(message[1:])
            elif message[:1] == bytes((RESIZE,)):
                self._session.resized(message[1:])

    async def out(self, data: bytes) -> None:
        """Write to standard output."""
        self._session.stdout.add(data)
        await self._write(STDOUT, data)

    async def err(self, data: bytes) -> None:
        """Write to standard error."""
        self._session.stderr.add(data)
        await self._write(STDERR, data)

    async def _write(self, channel: int, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            await self._socket.send(bytes((channel,)) + data[start : start + PIECE])

    async def finish(self, status: bytes) -> None:
        """Send the result, and end the session."""
        await self._socket.send(bytes((ERROR,)) + status)
        await self._socket.close()
        await self.left()
        await self.stop()


async def open_websocket_channels(
    socket: WebSocket, session: ContainerSession
) -> WebSocketChannels:
    """The channels of a WebSocket whose handshake is done, once its client may be written to.

    Over WebSocket a client does not report when its channels are ready, and some kubectl
    versions discard earlier output ("Unknown stream id 1"): they rely on the time that a
    container takes to start a command.
    """
    channels = WebSocketChannels(socket, session)
    channels.start(channels.feed)
    try:
        await asyncio.sleep(STARTING_SECONDS)
    except asyncio.CancelledError:
        await channels.stop()
        raise
    return channels


class SpdyChannels(_Reading):
    """Each channel is a stream that the client opened, named by its streamtype header."""

    def __init__(self, receive: Receive, send: Send, session: ContainerSession) -> None:
        super().__init__(session)
        self._spdy = SpdyServer()
        self._receive = receive
        self._send = send
        self._streams: dict[str, int] = {}
        self._opened = asyncio.Event()
        self._wanted: set[str] = set()

    async def open(self, wanted: set[str]) -> None:
        """Wait until the client has opened all the streams it announced."""
        self._wanted = wanted
        self.start(self.feed)
        try:
            await self._opened.wait()
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def feed(self) -> None:
        """Take the client's frames."""
        try:
            while True:
                for frame in self._spdy.feed(await self._receive()):
                    await self._take(frame)
        finally:
            self._opened.set()

    async def _take(self, frame: SpdyFrame) -> None:
        if isinstance(frame, StreamOpened):
            self._streams[frame.headers.get("streamtype", "")] = frame.stream
            await self._send(self._spdy.write_reply(frame.stream))
            if self._wanted <= self._streams.keys():
                self._opened.set()
            if frame.finished and frame.stream == self._streams.get("stdin"):
                self.end_of_input()
        elif isinstance(frame, StreamData):
            if frame.stream == self._streams.get("stdin"):
                self.typed(frame.data)
                if frame.finished:
                    self.end_of_input()
            elif frame.stream == self._streams.get("resize"):
                self._session.resized(frame.data)
        elif isinstance(frame, StreamReset):
            if frame.stream == self._streams.get("stdin"):
                self.end_of_input()
        elif isinstance(frame, Pinged):
            await self._send(self._spdy.write_ping(frame.number))
        elif isinstance(frame, WentAway):
            raise ConnectionResetError

    async def out(self, data: bytes) -> None:
        """Write to standard output."""
        await self._write("stdout", data, self._session.stdout)

    async def err(self, data: bytes) -> None:
        """Write to standard error."""
        await self._write("stderr", data, self._session.stderr)

    async def _write(self, name: str, data: bytes, kept: KeptBytes) -> None:
        stream = self._streams.get(name)
        if stream is None:
            return
        kept.add(data)
        for start in range(0, len(data), PIECE):
            await self._send(self._spdy.write_data(stream, data[start : start + PIECE]))

    async def finish(self, status: bytes) -> None:
        """Send the result, and end every stream."""
        error = self._streams.get("error")
        if error is not None:
            await self._send(self._spdy.write_data(error, status, finished=True))
        for name in ("stdout", "stderr"):
            if name in self._streams:
                stream = self._streams[name]
                await self._send(self._spdy.write_data(stream, b"", finished=True))
        await self.left()
        await self.stop()


async def open_spdy_channels(
    receive: Receive, send: Send, wanted: set[str], session: ContainerSession
) -> SpdyChannels:
    """The channels of a SPDY connection, once the client has opened them."""
    channels = SpdyChannels(receive, send, session)
    await channels.open(wanted)
    return channels
