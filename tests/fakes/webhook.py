"""A receiver of audit events on a real socket, whose answers are scripted.

Each request takes the next step of the script; after the last one, 200.
"""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.certificates import write_localhost_certificate
from tests.fakes.waiting import pause

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HANG = "hang"
RESET = "reset"
DRIP = "drip"
HUGE = "huge"

Step = bytes | str


def answer(status: int, *lines: str, body: bytes = b"") -> bytes:
    """An HTTP answer with more header lines."""
    head = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status} x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True)
class Received:
    """One request: its first line, its header lines with lower-case names, its body."""

    line: str
    headers: dict[str, str]
    body: bytes
    has_certificate: bool


class Receiver:
    """Keeps what it receives; ``most`` is how many requests were under way at once."""

    def __init__(self, *script: Step, context: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.most = 0
        self.connections = 0
        self.port = 0
        self.gate: asyncio.Event | None = None
        self._arrived = asyncio.Event()
        self._script = list(script)
        self._context = context
        self._now = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._context, limit=2**24
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    async def until_received(self, count: int) -> None:
        """Wait until so many requests came."""
        async with asyncio.timeout(20):
            while len(self.received) < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._serve(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.split(": ", 1) for line in head[1:] if line]
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        secured = writer.get_extra_info("ssl_object")
        peer = bool(secured and secured.getpeercert(True))
        self.received.append(Received(head[0], headers, body, peer))
        self._arrived.set()
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            if self.gate is not None:
                await self.gate.wait()
            step = self._script.pop(0) if self._script else OK
            return await self._play(step, writer)
        finally:
            self._now -= 1

    async def _play(self, step: Step, writer: asyncio.StreamWriter) -> bool:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
            return True
        if step == HANG:
            await asyncio.Event().wait()
        if step in (DRIP, HUGE):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        if step == HUGE:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        if step == DRIP:
            while True:
                writer.write(b"x")
                await writer.drain()
                await pause(0.01)
        return False


def server_context(folder: Path, client_ca: Path | None = None) -> tuple[ssl.SSLContext, Path]:
    """A context for localhost that asks for a client certificate when given a CA; and its own CA."""
    ca, certificate, key = write_localhost_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context, ca


class NoCredential:
    """Sends no Authorization line."""

    async def authorization(self) -> bytes | None:
        """None."""
        return None

    def invalidate(self) -> None:
        """Nothing to forget."""
