"""An HTTP proxy on a real socket, over TCP, TLS or a Unix socket, that may also lie.

``answer`` is what it says to CONNECT. After TUNNEL it ties connections together; after anything
else it waits for the client to leave, but for CLOSE. ENDLESS is a head without an end. With TUNNEL
a request with a whole URL is passed on as it is.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path

TUNNEL = b"HTTP/1.1 200 Connection established\r\nVia: fake\r\n\r\n"
HANG = b""
REFUSED = b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n"
CLOSE = b"close"
ENDLESS = b"endless"


class FakeConnectProxy:
    """Keeps the head of each request; ``has_certificate`` says whose clients had a certificate."""

    def __init__(
        self,
        answer: bytes = TUNNEL,
        *,
        context: ssl.SSLContext | None = None,
        path: Path | None = None,
    ) -> None:
        self.heads: list[bytes] = []
        self.has_certificate: list[bool] = []
        self.port = 0
        self.left = 0
        self._answer = answer
        self._context = context
        self._path = path
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "FakeConnectProxy":
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._connected, str(self._path))
        else:
            self._server = await asyncio.start_server(
                self._connected, "127.0.0.1", 0, ssl=self._context
            )
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            secured = writer.get_extra_info("ssl_object")
            self.heads.append(head)
            self.has_certificate.append(bool(secured and secured.getpeercert(True)))
            await self._serve(head, reader, writers)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left += 1
            for each in writers:
                each.transport.abort()
            await asyncio.gather(*(each.wait_closed() for each in writers), return_exceptions=True)
            self._tasks.discard(task)

    async def _serve(
        self, head: bytes, reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter]
    ) -> None:
        (writer,) = writers
        if self._answer == CLOSE:
            return
        if self._answer == ENDLESS:
            while True:
                writer.write(b"HTTP/1.1 200 OK\r\n" + b"X-More: of the same\r\n" * 1000)
                await writer.drain()
        if self._answer != TUNNEL:
            writer.write(self._answer)
            await reader.read()
            return
        target = head.split(b" ")[1]
        is_plain = not head.startswith(b"CONNECT ")
        port = target.split(b"/")[2 if is_plain else 0].rpartition(b":")[2]
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", int(port))
        writers.append(up_writer)
        if is_plain:
            up_writer.write(head)
        else:
            writer.write(TUNNEL)
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    with contextlib.suppress(OSError):
        writer.close()
