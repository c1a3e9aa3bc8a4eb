"""Reading in pieces: a connection's bytes are the same, no piece is too long, and memory goes back."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from auditproxy.sockets.pieces import PIECE, SHORT, Desk, PieceProtocol, ReadingInPieces
from auditproxy.sockets.reading import COUNTED
from auditproxy.sockets.transport import TLS_READ_SIZE
from tests.fakes.certificates import Contexts, localhost_contexts
from tests.fakes.endingupstream import ending_upstream
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.waiting import turns, until

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


class Reader(PieceProtocol):
    """Reads in pieces from its first byte on; lent ones where it says so."""

    def __init__(self, *, takes_lent: bool = False) -> None:
        self._takes_lent = takes_lent
        self.lent = 0
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

    @property
    def takes_lent(self) -> bool:
        return self._takes_lent

    def lent_received(self, piece: memoryview) -> None:
        assert self.takes_lent
        self.lent += len(piece)
        super().lent_received(piece)

    def eof_received(self) -> bool:
        self.events.append("end")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def pause_writing(self) -> None:
        self.events.append("full")

    def resume_writing(self) -> None:
        self.events.append("room")


class Holder(Reader):
    """Keeps what it was lent, as a transport would that cannot write it yet."""

    def __init__(self) -> None:
        super().__init__(takes_lent=True)
        self.held: list[memoryview] = []

    def lent_received(self, piece: memoryview) -> None:
        self.lent += len(piece)
        self.received += piece
        # Part of it, of which the first view knows nothing.
        self.held.append(piece[len(piece) // 2 :])


async def connected(
    upstream: FakeUpstream, client: ssl.SSLContext | None, reader: Callable[[], Reader] = Reader
) -> Reader:
    """A reader of one more connection."""
    _, made = await asyncio.get_running_loop().create_connection(
        reader,
        upstream.host,
        upstream.port,
        ssl=client,
        server_hostname="localhost" if client else None,
    )
    return made


async def test_connections_that_share_a_buffer_get_their_own_bytes(contexts: Contexts) -> None:
    """Four connections at once, each with bytes of its own: all come, in order, in short pieces."""
    server, client = contexts

    async def script(connection: FakeConnection) -> None:
        number = (await connection.read(1))[0]
        connection.send(bytes((at * number) & 255 for at in range(1024)) * (BODY // 1024))

    async with FakeUpstream(script, server_context=server) as upstream:
        kinds: list[Callable[[], Reader]] = [Reader, partial(Reader, takes_lent=True)] * 2
        readers = [await connected(upstream, client, kind) for kind in kinds]
        for number, reader in enumerate(readers):
            reader.transport.write(bytes([number]))
        for number, reader in enumerate(readers):
            wanted = bytes((at * number) & 255 for at in range(1024)) * (BODY // 1024)
            await until(lambda r=reader: len(r.received) == BODY, "all of it comes", seconds=30)  # type: ignore[misc]
            assert reader.received == wanted
            assert reader.longest <= PIECE
            is_uvloop = "uvloop" in type(reader.transport).__module__
            assert (reader.lent == BODY) is (reader.takes_lent and is_uvloop)
            reader.transport.abort()


async def test_what_is_held_of_a_lent_piece_stays(contexts: Contexts) -> None:
    """Its memory is not the next piece's, whoever reads that."""
    server, client = contexts

    async def script(connection: FakeConnection) -> None:
        connection.send(await connection.read(1) * BODY)

    async with FakeUpstream(script, server_context=server) as upstream:
        readers = [await connected(upstream, client, kind) for kind in (Holder, Reader, Holder)]
        for number, reader in enumerate(readers):
            reader.transport.write(bytes([number]))
        for number, reader in enumerate(readers):
            await until(lambda r=reader: len(r.received) == BODY, "all of it comes", seconds=30)  # type: ignore[misc]
            assert reader.received == bytes([number]) * BODY
        for number in (0, 2):
            held = cast(Holder, readers[number]).held
            assert bool(held) is ("uvloop" in type(readers[0].transport).__module__)
            assert all(set(piece) == {number} for piece in held)
        for reader in readers:
            reader.transport.abort()


def test_memory_of_a_desk() -> None:
    """It is the same as long as it comes back; where a piece is held, another one follows."""

    class Raising(Reader):
        def lent_received(self, piece: memoryview) -> None:
            super().lent_received(piece)
            raise ConnectionError

    desk = Desk()
    # No reference to the memory itself: that would be one that holds it.
    first = id(desk.clear().obj)
    desk.hand_to(Reader(), 10)
    desk.hand_to(Reader(takes_lent=True), 10)
    assert id(desk.clear().obj) == first
    with contextlib.suppress(ConnectionError):
        # The error has the piece.
        desk.hand_to(Raising(takes_lent=True), 10)
    desk.hand_to(Reader(takes_lent=True), 10)
    second = id(desk.clear().obj)
    desk.hand_to(Reader(takes_lent=True), 10)
    assert id(desk.clear().obj) == second
    holder = Holder()
    desk.hand_to(holder, 10)
    assert id(holder.held[0].obj) == second != id(desk.clear().obj)
    assert desk.clear().nbytes == PIECE


def test_a_desk_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held stays held while there is no memory for another, and then there is."""
    desk, holder = Desk(), Holder()
    desk.clear()[:4] = b"AAAA"
    desk.hand_to(holder, 4)

    def no_memory(size: int) -> bytearray:
        raise MemoryError

    monkeypatch.setattr("auditproxy.sockets.pieces.bytearray", no_memory, raising=False)
    with pytest.raises(MemoryError):
        desk.clear()
    monkeypatch.undo()
    desk.clear()[:4] = b"BBBB"
    assert bytes(holder.held[0]) == b"AA"


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


class Paused(Reader):
    """Reads nothing before its connection is lost."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.pieces = ReadingInPieces(self.transport, self)
        self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.pieces.lost()
        super().connection_lost(exc)


@pytest.mark.parametrize("says_goodbye", [True, False], ids=["goodbye", "cut"])
async def test_what_a_lost_connection_holds(contexts: Contexts, says_goodbye: bool) -> None:
    """All that has come, then its end if that was said."""
    async with ending_upstream(b"z" * 100_000, contexts, says_goodbye=says_goodbye) as upstream:
        _, paused = await asyncio.get_running_loop().create_connection(
            Paused, upstream.host, upstream.port, ssl=contexts[1], server_hostname="localhost"
        )
        paused.transport.write(b"\r\n\r\n")
        await upstream.ended.wait()
        await turns(20)
        is_uvloop = "uvloop" in type(paused.transport).__module__
        if not is_uvloop:
            # asyncio itself delivers what waited.
            paused.transport.resume_reading()
        await until(lambda: "lost" in paused.events, "the connection is lost")
        assert paused.received == b"z" * 100_000
        if is_uvloop:
            assert paused.events == (["end", "lost"] if says_goodbye else ["lost"])
