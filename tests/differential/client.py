"""Sends requests as bytes over kept connections, and keeps nothing of an answer but what it is asked for."""

import asyncio
import contextlib
import ssl
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.client import Answer, read_answer

PATIENCE = 40.0
"""Seconds for one answer; whatever takes longer counts as broken."""
ID_PREFIX = "differential-"


@dataclass
class Request:
    """One request, ready to be sent; ``user`` names a credential, empty for none."""

    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    user: str = ""
    chunked: bool = False
    quiet: float = 0.0
    """Seconds after the answer's head in which a client listens before it hangs up; 0: to the end."""
    own_connection: bool = False
    refused: bool = False
    """Whether the proxy must refuse it by itself, so that it goes to the server directly too."""
    about: str = ""
    """Which sort of request it is."""
    audit_id: str = ""

    @property
    def line(self) -> str:
        """For people."""
        shown = ("accept", "content-type", "content-encoding", "upgrade")
        headers = [
            f"; {name}: {value[:70]}" for name, value in self.headers if name.lower() in shown
        ]
        who = self.user or "nobody"
        return f"{self.method} {self.target[:160]} [{who}; {self.about}{''.join(headers)}]"


class Endpoint:
    """One server, the proxy or kube-apiserver itself, and the credentials for it."""

    def __init__(
        self, url: str, ca: Path, tokens: dict[str, str], certificates: dict[str, Path]
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 443
        self.tokens = tokens
        self._contexts = {"": _context(ca)}
        for user, certificate in certificates.items():
            self._contexts[user] = _context(ca)
            self._contexts[user].load_cert_chain(certificate, certificate.with_suffix(".key"))

    def context(self, user: str) -> ssl.SSLContext:
        """The TLS context of a user, with a certificate if the user has one."""
        return self._contexts.get(user, self._contexts[""])

    def connection_of(self, user: str) -> str:
        """Users without a certificate share a connection."""
        return user if user in self._contexts else ""


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the other side does."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()
    writer.transport.abort()


def _context(ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class Client:
    """One worker's connections to one endpoint, a request at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._kept: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def send(self, request: Request) -> Answer | None:
        """The answer; None where there is none that can be read."""
        key = self._endpoint.connection_of(request.user)
        connection = None if request.own_connection else self._kept.pop(key, None)
        fresh = connection is None
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await self._connect(request.user)
                try:
                    answer = await self._exchange(request, *connection)
                except (ConnectionError, asyncio.IncompleteReadError):
                    if fresh:
                        raise
                    # The server had closed a connection that we kept.
                    await _closed(connection[1])
                    connection = await self._connect(request.user)
                    answer = await self._exchange(request, *connection)
        except (
            OSError,
            ValueError,
            IndexError,
            TimeoutError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            if connection is not None:
                await _closed(connection[1])
            return None
        if self._keeps(request, answer):
            self._kept[key] = connection
        else:
            await _closed(connection[1])
        return answer

    async def close(self) -> None:
        """Close what is kept."""
        for _, writer in self._kept.values():
            await _closed(writer)
        self._kept.clear()

    async def _connect(self, user: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        endpoint = self._endpoint
        return await asyncio.open_connection(
            endpoint.host, endpoint.port, ssl=endpoint.context(user), limit=1 << 24
        )

    async def _exchange(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer:
        writer.write(self._bytes(request))
        if not request.quiet:
            return await read_answer(reader, request.method)
        now = asyncio.get_running_loop().time
        try:
            # From the head on: a busy server may not even have read the request before.
            async with asyncio.timeout(None) as listening:
                return await read_answer(
                    reader,
                    request.method,
                    lambda: listening.reschedule(now() + request.quiet),
                )
        except TimeoutError:
            return Answer(0, complete=False)

    def _bytes(self, request: Request) -> bytes:
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        given = {name.lower() for name, _ in request.headers}
        if "host" not in given:
            lines.append(f"Host: {self._endpoint.host}:{self._endpoint.port}")
        if request.user in self._endpoint.tokens and "authorization" not in given:
            lines.append(f"Authorization: Bearer {self._endpoint.tokens[request.user]}")
        lines.append(f"Audit-ID: {request.audit_id}")
        lines += [f"{name}: {value}" for name, value in request.headers]
        body = request.body
        if request.chunked:
            lines.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            pieces = (body[:half], body[half:])
            body = b"".join(b"%x\r\n%b\r\n" % (len(x), x) for x in pieces if x) + b"0\r\n\r\n"
        elif body or request.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body

    def _keeps(self, request: Request, answer: Answer) -> bool:
        """Whether the connection is good for another request."""
        return (
            not request.own_connection
            and answer.complete
            and answer.status != 101
            and answer.header("connection").lower() != "close"
        )
