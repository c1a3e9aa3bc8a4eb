"""An embedded API server for a test, and kubectl against it."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditproxy.apis.user import UserInfo
from auditproxy.embedded.apiserver import EmbeddedApiServer
from auditproxy.tls.pki import create_client, create_pki

TOKENS = {
    "admin-token": UserInfo(username="root", groups=("system:masters",)),
    "viewer-token": UserInfo(username="viewer", uid="u1", groups=("dev",)),
    "nobody-token": UserInfo(username="nobody"),
}
PERMISSIONS = {"viewer": ("get", "list", "watch")}


@dataclass(frozen=True)
class Answer:
    """What a request gave."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Cluster:
    """A running server without TLS."""

    server: EmbeddedApiServer
    port: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "admin-token",
        content_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """One request on a connection of its own; names of headers have ``_`` for ``-``."""
        reader, writer = await self.connect()
        try:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            lines = [f"{method} {path} HTTP/1.1", "Host: test"]
            if token:
                lines.append(f"Authorization: Bearer {token}")
            if body is not None:
                lines += [f"Content-Type: {content_type}", f"Content-Length: {len(raw)}"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if body is None else raw))
            return await read_answer(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers, names in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head[:-4].split("\r\n")
    headers = dict(entry.lower().partition(": ")[::2] for entry in rest)
    exact = dict(entry.partition(": ")[::2] for entry in rest)
    return int(line.split(" ")[1]), headers | {name.lower(): exact[name] for name in exact}


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer with a length."""
    status, headers = await read_head(reader)
    return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))


@contextlib.asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Cluster]:
    """A server with the tokens and permissions above."""
    server = EmbeddedApiServer(tokens=TOKENS, permissions=PERMISSIONS, **settings)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Cluster(server, port)
    finally:
        await server.close()


def make_pki(folder: Path) -> ssl.SSLContext:
    """Certificates for a server and for the clients admin and alice; the server's context."""
    create_pki(folder, server_names=("localhost", "127.0.0.1"))
    create_client(folder, "admin", ("system:masters",))
    create_client(folder, "alice", ("dev", "ops"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    context.load_verify_locations(folder / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
