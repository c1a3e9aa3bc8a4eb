"""Port-forward: pairs of SPDY streams (error and data), each pair one connection to a pod's port.

A pod's every port answers an HTTP request with a greeting and echoes anything else.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from auditproxy.demo.spdy import Frame, Pinged, SpdyServer, StreamData, StreamOpened, WentAway

Receive = Callable[[], Awaitable[bytes]]
Send = Callable[[bytes], Awaitable[None]]


async def forward_ports(pod: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve a port-forward session until its client leaves (ConnectionError)."""
    session = _Session(pod["metadata"]["name"], send)
    while True:
        for frame in session.spdy.feed(await receive()):
            await session.take(frame)


class _Session:
    """The open streams of one port-forward."""

    def __init__(self, pod: str, send: Send) -> None:
        self.spdy = SpdyServer()
        self._pod = pod
        self._send = send
        self._ports: dict[int, str] = {}
        self._errors: dict[str, int] = {}
        self._requests: dict[int, str] = {}
        self._received: dict[int, bytes] = {}

    async def take(self, frame: Frame) -> None:
        """Carry one frame out."""
        if isinstance(frame, StreamOpened):
            await self._send(self.spdy.write_reply(frame.stream))
            request = frame.headers.get("requestid", "")
            if frame.headers.get("streamtype") == "data":
                self._ports[frame.stream] = frame.headers.get("port", "")
                self._requests[frame.stream] = request
                self._received[frame.stream] = b""
            else:
                self._errors[request] = frame.stream
        elif isinstance(frame, StreamData) and frame.stream in self._ports:
            await self._data(frame)
        elif isinstance(frame, Pinged):
            await self._send(self.spdy.write_ping(frame.number))
        elif isinstance(frame, WentAway):
            raise ConnectionResetError

    async def _data(self, frame: StreamData) -> None:
        received = self._received[frame.stream] + frame.data
        if received.startswith((b"GET ", b"HEAD ")):
            self._received[frame.stream] = received
            if b"\r\n\r\n" in received:
                body = f"hello from {self._pod}:{self._ports[frame.stream]}\n".encode()
                await self._send(
                    self.spdy.write_data(
                        frame.stream,
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                        b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
                        finished=True,
                    )
                )
                await self._end(frame.stream)
                return
        elif frame.data:
            await self._send(self.spdy.write_data(frame.stream, frame.data))
        if frame.finished:
            await self._send(self.spdy.write_data(frame.stream, b"", finished=True))
            await self._end(frame.stream)

    async def _end(self, stream: int) -> None:
        """The connection is over: its error stream ends without an error."""
        error = self._errors.pop(self._requests.pop(stream, ""), None)
        self._ports.pop(stream, None)
        if error is not None:
            await self._send(self.spdy.write_data(error, b"", finished=True))
