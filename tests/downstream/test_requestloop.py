"""The loop of one connection: requests in order and in one task, and every way in which it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from auditproxy.downstream.clientrequest import ClientRequest
from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.responses import Answered
from auditproxy.downstream.server import ClientServer
from tests.fakes.waiting import until

BOTH_LOOPS = True

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


class Chain:
    """A handler that notes what it serves; ``wait`` keeps it from answering."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.connections: list[ClientConnection] = []
        self.wait: Callable[[ClientRequest], Awaitable[object]] | None = None
        self.ended: list[str] = []
        self.unparsed: list[tuple[int, str]] = []

    async def handle(self, request: ClientRequest) -> Answered:
        """Answer 200."""
        self.paths.append(request.head.path)
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        connection = request.protocol
        assert isinstance(connection, ClientConnection)
        self.connections.append(connection)
        try:
            if self.wait is not None:
                await self.wait(request)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        assert connection.transport is not None
        connection.transport.write(OK)
        return Answered(keep_alive=request.keep_alive)


@contextlib.asynccontextmanager
async def connected(
    chain: Chain,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of a server that is nothing but the loop."""
    server = ClientServer(chain.handle, on_unparsed=lambda *what: chain.unparsed.append(what))
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        listener.close()
        await server.shutdown(1.0)


async def test_one_after_the_other() -> None:
    """Pipelined and separate requests: answered in order, by one task."""
    chain = Chain()
    async with connected(chain) as (reader, writer):
        writer.write(b"".join(GET % number for number in range(20)))
        assert await reader.readexactly(20 * len(OK)) == 20 * OK
        writer.write(GET % 20)
        assert await reader.readexactly(len(OK)) == OK
    assert chain.paths == [f"/{number}" for number in range(21)]
    assert len(chain.tasks) == 1


async def test_served() -> None:
    """It is done once the request is, and at once where there is none."""
    chain = Chain()
    going_on = asyncio.Event()
    chain.wait = lambda _: going_on.wait()
    async with connected(chain) as (reader, writer):
        writer.write(GET % 1)
        await until(lambda: chain.connections, "the request")
        (connection,) = chain.connections
        first, second = connection.served(), connection.served()
        assert not first.done()
        going_on.set()
        await first
        await second
        assert await reader.readexactly(len(OK)) == OK
        assert connection.served().done()


@pytest.mark.parametrize("how", ["leaves", "is cancelled"])
async def test_requests_that_end(how: str) -> None:
    """A request whose client leaves, or whose task is cancelled, ends; what is behind it is not served."""
    chain = Chain()
    chain.wait = lambda _: asyncio.get_running_loop().create_future()
    async with connected(chain) as (reader, writer):
        writer.write(GET % 1 + GET % 2)
        await until(lambda: chain.connections, "the request")
        served = chain.connections[0].served()
        if how == "leaves":
            writer.transport.abort()
        else:
            (task,) = chain.tasks
            task.cancel()
            assert await reader.read() == b""
        await served
    assert (chain.paths, chain.ended) == (["/1"], ["cancelled"])


async def test_a_handler_that_fails() -> None:
    """A constant answer, and the end of the connection."""
    chain = Chain()

    async def fail(_: ClientRequest) -> None:
        raise ValueError("the secret")

    chain.wait = fail
    async with connected(chain) as (reader, writer):
        writer.write(GET % 1)
        got = await reader.read()
    assert got.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in got
    ((code, why),) = chain.unparsed
    assert (code, "secret" in why) == (500, False)


async def test_the_rest_of_a_body() -> None:
    """What the answer did not wait for is read, and the next request is served."""
    chain = Chain()
    async with connected(chain) as (reader, writer):
        writer.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        assert await reader.readexactly(len(OK)) == OK
        writer.write(b"x" * 100_000 + GET % 2)
        assert await reader.readexactly(len(OK)) == OK
    assert chain.paths == ["/1", "/2"]


async def test_a_body_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed when the rest does not come in time."""
    monkeypatch.setattr("auditproxy.downstream.requestloop.LINGERING_TIMEOUT", 0.05)
    chain = Chain()
    async with connected(chain) as (reader, writer):
        writer.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx")
        assert await reader.read() == OK


async def test_a_reader_of_a_body_whose_client_leaves() -> None:
    """The chain that waits for a body hears that the connection is gone."""
    chain = Chain()
    chain.wait = lambda request: request.content.read()
    async with connected(chain) as (_, writer):
        writer.write(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
        await until(lambda: chain.connections, "the request")
        served = chain.connections[0].served()
        writer.transport.abort()
        await served
    assert chain.ended == ["cancelled"]
