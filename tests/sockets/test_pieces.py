"""Reading in pieces: a connection's bytes are the same, no piece is too long, and memory goes back."""

import asyncio
import ssl
from typing import Any, cast

import pytest

from auditproxy.sockets.pieces import PIECE, SHORT, ReadingInPieces
from auditproxy.sockets.reading import COUNTED
from auditproxy.sockets.transport import TLS_READ_SIZE
from tests.fakes.certificates import Contexts, localhost_contexts
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.waiting import until

BOTH_LOOPS = True
BODY = 4 << 20


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """A server's and a client's TLS context."""
    return localhost_contexts(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio reads a record at a time, as ``tune_tls_buffers`` has it."""
    monkeypatch.setattr("asyncio.sslproto.SSLProtocol.max_size", TLS_READ_SIZE)


class Reader(asyncio.Protocol):
    """Reads in pieces from its first byte on."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.longest = 0
        self.events: list[str] = []
        self.transport: asyncio.Transport
        self.pieces: ReadingInPieces

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.pieces = ReadingInPieces(self.transport, self)
        self.pieces.begin()

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.received += data
        self.longest = max(self.longest, len(data))

    def eof_received(self) -> bool:
        self.events.append("end")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("full")

    def resume_writing(self) -> None:
        self.events.append("room")


async def connected(upstream: FakeUpstream, client: ssl.SSLContext | None) -> Reader:
    """A reader of one more connection."""
    _, reader = await asyncio.get_running_loop().create_connection(
        Reader,
        upstream.host,
        upstream.port,
        ssl=client,
        server_hostname="localhost" if client else None,
    )
    return reader


async def test_connections_that_share_a_buffer_get_their_own_bytes(contexts: Contexts) -> None:
    """Four connections at once, each with bytes of its own: all come, in order, in short pieces."""
    server, client = contexts

    async def script(connection: FakeConnection) -> None:
        number = (await connection.read(1))[0]
        connection.send(bytes((at * number) & 255 for at in range(1024)) * (BODY // 1024))

    async with FakeUpstream(script, server_context=server) as upstream:
        readers = [await connected(upstream, client) for _ in range(4)]
        for number, reader in enumerate(readers):
            reader.transport.write(bytes([number]))
        for number, reader in enumerate(readers):
            wanted = bytes((at * number) & 255 for at in range(1024)) * (BODY // 1024)
            await until(lambda r=reader: len(r.received) == BODY, "all of it comes", seconds=30)  # type: ignore[misc]
            assert reader.received == wanted
            assert reader.longest <= PIECE
            reader.transport.abort()


async def test_what_follows_the_pieces(contexts: Contexts) -> None:
    """After ``end`` the protocol itself is read to, again and again; asyncio's memory goes back."""
    server, client = contexts

    async def script(connection: FakeConnection) -> None:
        while True:
            connection.send(b"z" * int(await connection.read_until(b"\n")))

    async with FakeUpstream(script, server_context=server) as upstream:
        reader = await connected(upstream, client)
        total = 0
        for size in (BODY, 1, BODY, 100):
            total += size
            reader.transport.write(b"%d\n" % size)
            await until(lambda: len(reader.received) == total, "it comes", seconds=30)  # noqa: B023
            assert reader.pieces.has_begun is (size == BODY)
            own = cast(Any, getattr(reader.transport, "_ssl_protocol", None))
            if size == BODY:
                reader.pieces.end()
                assert reader.transport.get_protocol() is reader
            else:
                assert own is None or len(own._ssl_buffer) <= TLS_READ_SIZE
                reader.pieces.begin()
                assert own is None or own.max_size == PIECE
        reader.transport.abort()


async def test_the_length_of_a_read_decides(contexts: Contexts) -> None:
    """A long read begins it, a short one ends it, and one between leaves it as it is."""

    async def script(connection: FakeConnection) -> None:
        """Say nothing."""

    server, client = contexts
    async with FakeUpstream(script, server_context=server) as upstream:
        reader = await connected(upstream, client)
        reader.pieces.end()
        found = []
        for size in (SHORT - 1, COUNTED - 1, COUNTED, COUNTED - 1, SHORT, SHORT - 1, SHORT, PIECE):
            reader.pieces.follow(size)
            found.append(reader.pieces.has_begun)
        assert found == [False, False, True, True, True, False, False, True]
        reader.transport.abort()


async def test_an_end_in_pieces(contexts: Contexts) -> None:
    """The end of the stream and of the connection come to the protocol."""
    server, client = contexts

    async def script(connection: FakeConnection) -> None:
        connection.send(b"z" * 40_000)
        connection.transport.close()

    async with FakeUpstream(script, server_context=server) as upstream:
        reader = await connected(upstream, client)
        await until(lambda: reader.events == ["end", "lost"], "it ends")
        assert len(reader.received) == 40_000
        reader.pieces.begin()
        reader.pieces.end()
        assert not reader.pieces.has_begun


async def test_writing_in_pieces(contexts: Contexts) -> None:
    """The protocol's flow control works while its connection is read in pieces."""
    server, client = contexts

    async def script(connection: FakeConnection) -> None:
        await connection.until(lambda: len(connection.received) == 8 * BODY, 30)

    async with FakeUpstream(script, server_context=server) as upstream:
        reader = await connected(upstream, client)
        for _ in range(2):
            # What the kernel does not take of the first one makes the second wait.
            reader.transport.write(b"z" * (4 * BODY))
        await until(lambda: reader.events == ["full", "room"], "it is full, and then not")
        await upstream.connections[0].until(
            lambda: len(upstream.connections[0].received) == 8 * BODY, 30
        )
        reader.transport.abort()


async def test_without_tls_nothing_changes() -> None:
    """A plain connection is read as it comes."""

    async def script(connection: FakeConnection) -> None:
        connection.send(b"z" * BODY)

    async with FakeUpstream(script) as upstream:
        reader = await connected(upstream, None)
        assert not reader.pieces.has_begun
        await until(lambda: len(reader.received) == BODY, "all of it comes", seconds=30)
        reader.transport.abort()
