"""The client against a server of a few lines."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from auditproxy.tls.pki import create_pki
from tests.differential.client import Client, Endpoint, Request


@asynccontextmanager
async def serving(folder: Path, *answers: bytes) -> AsyncIterator[tuple[Endpoint, list[bytes]]]:
    """Each request gets the next answer; the requests' bytes, and connections as empty ones."""
    create_pki(folder / "pki", server_names=("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pki" / "server.crt", folder / "pki" / "server.key")
    left, heard = list(answers), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"")
        with contextlib.suppress(asyncio.IncompleteReadError):
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                heard.append(head + await reader.readexactly(_length(head)))
                writer.write(left.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield (
            Endpoint(f"https://127.0.0.1:{port}", folder / "pki" / "ca.crt", {"a": "t"}, {}),
            heard,
        )


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_kept_connections(tmp_path: Path) -> None:
    """Requests share a connection; credentials, Audit-ID and body are as asked for."""
    async with serving(tmp_path, OK, OK) as (endpoint, heard):
        client = Client(endpoint)
        first = await client.send(Request("POST", "/x", body=b"{}", user="a", audit_id="i-1"))
        second = await client.send(
            Request("GET", "/y", headers=[("Authorization", "none")], user="a")
        )
        await client.close()
    assert first is not None
    assert second is not None
    assert (first.status, first.body, second.status) == (200, b"ok", 200)
    assert [len(each) > 0 for each in heard] == [False, True, True]
    assert b"Authorization: Bearer t\r\nAudit-ID: i-1\r\n" in heard[1]
    assert heard[1].endswith(b"Content-Length: 2\r\n\r\n{}")
    assert heard[2].count(b"Authorization") == 1


async def test_broken_answers(tmp_path: Path) -> None:
    """What is no answer is None, and the next request has a fresh connection."""
    async with serving(tmp_path, b"nonsense\r\n\r\n", OK) as (endpoint, _):
        client = Client(endpoint)
        assert await client.send(Request("GET", "/", own_connection=True)) is None
        answer = await client.send(Request("GET", "/", own_connection=True))
        await client.close()
    assert answer is not None


async def test_hanging_up(tmp_path: Path) -> None:
    """A client that only listens goes after its time."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"
    async with serving(tmp_path, endless, OK) as (endpoint, _):
        client = Client(endpoint)
        answer = await client.send(Request("GET", "/", quiet=0.05, own_connection=True))
        await client.close()
    assert answer is not None
    assert not answer.complete


async def test_hanging_up_begins_with_the_head(tmp_path: Path) -> None:
    """However soon it goes, it hears what the server answers: a busy one may be slow to begin."""
    async with serving(tmp_path, OK) as (endpoint, _):
        client = Client(endpoint)
        answer = await client.send(Request("GET", "/", quiet=1e-9, own_connection=True))
        await client.close()
    assert answer is not None
    assert (answer.status, answer.complete) == (200, True)
