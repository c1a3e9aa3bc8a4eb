"""Reading in turns: a loop that has had enough reads again in its next turn, unless it is stopped."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from auditproxy.sockets.reading import COUNTED, MOST_A_TURN, Reading
from tests.fakes.waiting import steady, turns, until

BOTH_LOOPS = True
ONE_READ = 256 * 1024
"""What a loop reads at once."""


class Reader(asyncio.Protocol):
    """Counts what comes, by turns of the loop."""

    reading: Reading

    def __init__(self) -> None:
        self.turns = [0]
        self.received = bytearray()
        self._is_counted = False
        self.wants_stop = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read it in turns."""
        self.transport = cast(Any, transport)
        self.reading = Reading(self.transport, asyncio.get_running_loop())

    def data_received(self, data: bytes) -> None:
        """Count it."""
        if not self._is_counted:
            self._is_counted = True
            asyncio.get_running_loop().call_soon(self._next)
        self.turns[-1] += len(data)
        self.received += data
        if len(data) >= COUNTED:
            self.reading.take(len(data))
        if self.wants_stop:
            self.reading.pause()

    def _next(self) -> None:
        self._is_counted = False
        self.turns.append(0)

    def reads(self) -> bool:
        """Whether the transport reads."""
        return bool(self.transport.is_reading())


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Reader, socket.socket]]:
    """A reader and the socket that it reads from."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    ours.setblocking(False)
    with theirs:
        loop = asyncio.get_running_loop()
        transport, reader = await loop.create_connection(Reader, sock=ours)
        try:
            yield reader, theirs
        finally:
            transport.abort()


async def test_a_turn_has_an_end() -> None:
    """Somebody who sends faster than we read has one connection's share of each turn, and all comes."""
    body = bytes(range(256)) * (64 * 4096)
    async with connected() as (reader, theirs):
        sending = threading.Thread(target=theirs.sendall, args=(body,), daemon=True)
        sending.start()
        await until(lambda: len(reader.received) == len(body), "all of it comes", seconds=30)
        sending.join(10)
        assert reader.received == body
        assert max(reader.turns) < MOST_A_TURN + ONE_READ


async def test_rests_until_the_next_turn() -> None:
    """Enough in one turn stops the transport, the next turn resumes it, and counting begins again."""
    async with connected() as (reader, theirs):
        for _ in range(3):
            reader.reading.take(MOST_A_TURN - 1)
            assert reader.reads()
            await turns()
        reader.reading.take(MOST_A_TURN - 1)
        reader.reading.take(1)
        assert not reader.reads()
        reader.reading.take(MOST_A_TURN)
        assert not reader.reads()
        await turns(2)
        assert reader.reads()
        theirs.send(b"more")
        await until(lambda: reader.received == b"more", "it is read")


@pytest.mark.parametrize("first", ["stop", "rest"])
async def test_stopped_and_resting(first: str) -> None:
    """The end of a rest is not the end of a stop, and the end of a stop not that of a rest."""
    async with connected() as (reader, theirs):
        theirs.send(b"more")
        for step in ("stop", "rest") if first == "stop" else ("rest", "stop"):
            if step == "stop":
                reader.reading.pause()
            else:
                reader.reading.take(MOST_A_TURN)
        assert not reader.reads()
        await steady(lambda: len(reader.received), "nothing is read", looks=20)
        assert reader.received == b""
        assert not reader.reads()
        reader.reading.resume()
        assert reader.reads()
        await until(lambda: reader.received == b"more", "it is read")

        reader.reading.pause()
        reader.reading.take(MOST_A_TURN)
        reader.reading.resume()
        assert not reader.reads()
        await turns(2)
        assert reader.reads()


async def test_stopped_while_it_reads() -> None:
    """A stop by whoever takes what was read lasts, however much came in that turn."""
    async with connected() as (reader, theirs):
        reader.wants_stop = True
        sending = threading.Thread(
            target=theirs.sendall, args=(bytes(4 * MOST_A_TURN),), daemon=True
        )
        sending.start()
        await until(lambda: reader.received, "something comes")
        got = await steady(lambda: len(reader.received), "nothing more comes", looks=50)
        assert got <= ONE_READ
        assert not reader.reads()
        reader.wants_stop = False
        reader.reading.resume()
        await until(lambda: len(reader.received) == 4 * MOST_A_TURN, "all of it comes")
        sending.join(10)


async def test_let_go_and_closed() -> None:
    """Another owner of the transport finds it as it is; one that is gone is left alone."""
    async with connected() as (reader, _):
        reader.reading.take(MOST_A_TURN)
        reader.reading.pause()
        reader.reading.let_go()
        await turns(2)
        assert not reader.reads()
        reader.transport.resume_reading()
        await turns(2)
        assert reader.reads()
        reader.reading.take(MOST_A_TURN)
        reader.transport.abort()
        for step in (reader.reading.resume, reader.reading.pause, reader.reading.resume):
            step()
        reader.reading.take(MOST_A_TURN)
        await turns(3)
        assert reader.transport.is_closing()
