"""Port-forward: pairs of SPDY streams (error and data), each pair one connection to a pod's port.

Every port of a pod answers an HTTP request with a greeting and echoes anything else.
Input that may still become a request is held back until that is decided or the input ends.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from auditproxy.embedded.pods.journal import ContainerSession, PortConnection
from auditproxy.sessions.wire.spdy import (
    Pinged,
    SpdyFrame,
    StreamData,
    StreamOpened,
    StreamReset,
    WentAway,
)
from auditproxy.tunnel.spdy import SpdyServer

Receive = Callable[[], Awaitable[bytes]]
Send = Callable[[bytes], Awaitable[None]]

MAXIMUM_HEAD = 64 * 1024
_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"OPTIONS ")


async def forward_ports(
    pod: dict[str, Any], receive: Receive, send: Send, kept: ContainerSession
) -> None:
    """Serve a port-forward session until its client leaves (ConnectionError)."""
    session = _Session(pod["metadata"]["name"], send, kept)
    while True:
        for frame in session.spdy.feed(await receive()):
            await session.take(frame)


class _Session:
    """The open streams of one port-forward."""

    def __init__(self, pod: str, send: Send, kept: ContainerSession) -> None:
        self.spdy = SpdyServer()
        self._pod = pod
        self._send = send
        self._kept = kept
        self._connections: dict[int, PortConnection] = {}
        self._ports: dict[int, str] = {}
        self._errors: dict[str, int] = {}
        self._requests: dict[int, str] = {}
        self._heads: dict[int, bytes] = {}
        self._echoed: set[int] = set()

    async def take(self, frame: SpdyFrame) -> None:
        """Carry one frame out."""
        if isinstance(frame, StreamOpened):
            await self._send(self.spdy.write_reply(frame.stream))
            request = frame.headers.get("requestid", "")
            if frame.headers.get("streamtype") == "data":
                self._ports[frame.stream] = port = frame.headers.get("port", "")
                self._connections[frame.stream] = self._kept.connected(port)
                self._requests[frame.stream] = request
                self._heads[frame.stream] = b""
                if frame.finished:
                    await self._data(StreamData(frame.stream, b"", True))
            else:
                self._errors[request] = frame.stream
        elif isinstance(frame, StreamData) and frame.stream in self._connections:
            self._connections[frame.stream].received += len(frame.data)
            if frame.stream in self._ports:
                await self._data(frame)
        elif isinstance(frame, StreamReset) and frame.stream in self._ports:
            await self._end(frame.stream)
        elif isinstance(frame, Pinged):
            await self._send(self.spdy.write_ping(frame.number))
        elif isinstance(frame, WentAway):
            raise ConnectionResetError

    async def _data(self, frame: StreamData) -> None:
        data = self._heads.pop(frame.stream, b"") + frame.data
        if frame.stream not in self._echoed:
            if _is_head(data):
                await self._answer(frame.stream, data)
                return
            if _may_become_head(data) and not frame.finished:
                self._heads[frame.stream] = data
                return
            self._echoed.add(frame.stream)
        if data:
            self._connections[frame.stream].sent += len(data)
            await self._send(self.spdy.write_data(frame.stream, data))
        if frame.finished:
            await self._send(self.spdy.write_data(frame.stream, b"", finished=True))
            await self._end(frame.stream)

    async def _answer(self, stream: int, head: bytes) -> None:
        body = f"hello from {self._pod}:{self._ports[stream]}\n".encode()
        answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)
        )
        if not head.startswith(b"HEAD "):
            answer += body
        self._connections[stream].sent += len(answer)
        await self._send(self.spdy.write_data(stream, answer, finished=True))
        await self._end(stream)

    async def _end(self, stream: int) -> None:
        """The connection is over: its error stream ends without an error."""
        error = self._errors.pop(self._requests.pop(stream, ""), None)
        self._ports.pop(stream, None)
        self._heads.pop(stream, None)
        self._echoed.discard(stream)
        if error is not None:
            await self._send(self.spdy.write_data(error, b"", finished=True))


def _is_head(data: bytes) -> bool:
    return data.startswith(_METHODS) and b"\r\n\r\n" in data


def _may_become_head(data: bytes) -> bool:
    begun = data.startswith(_METHODS) or any(method.startswith(data) for method in _METHODS)
    return begun and len(data) <= MAXIMUM_HEAD
