"""A tunnel that is read no faster than there is time for: held, in order, and nothing is unread."""

import asyncio

import pytest

from auditproxy.apis.session import Carried, Channel, SessionKind, StreamEvent, Unreadable
from auditproxy.sessions.wire.frames import BINARY, PING, PONG, frame
from auditproxy.sessions.wire.kinds import open_reader
from auditproxy.supervision.pacing import READ_AT_ONCE, WAITING_LIMIT, Pacing
from tests.fakes.loops import SteppedLoop
from tests.fakes.websocket import masked

STEPPED_LOOP = True
HEAD = ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", b"v5.channel.k8s.io"))
READ = 256 * 1024
"""Bytes that a tunnel reads at once."""


class Tunnel:
    """A session over WebSocket whose bytes pass by a Pacing, and what was read of them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        reader = open_reader(
            HEAD,
            SessionKind.EXEC,
            stdin=True,
            stdout=True,
            stderr=True,
            tty=True,
            clock=self.loop.time,
        )
        assert not isinstance(reader, Unreadable)
        self.reader = reader
        self.events: list[StreamEvent] = []
        self.holds: list[bool] = []
        self.pacing = Pacing(self.read, reader.owed, self.holds.append)

    def read(self, from_client: bool, data: bytes) -> None:
        """Take what is given."""
        assert len(data) <= READ_AT_ONCE
        read = self.reader.from_client if from_client else self.reader.from_server
        self.events += read(data)

    async def rest(self) -> None:
        """Let the time pass that everything takes."""
        assert isinstance(self.loop, SteppedLoop)
        for _ in range(300):
            await self.loop.advance(0.25)


async def test_what_is_little_is_read_at_once() -> None:
    """And nothing is held, for bulk neither."""
    tunnel = Tunnel()
    tunnel.pacing.take(True, masked(BINARY, b"\0ls"))
    assert tunnel.events == [Carried(Channel.STDIN, b"ls")]
    bulk = frame(BINARY, b"\1" + b"x" * (2 * READ))
    tunnel.pacing.take(False, bulk[:READ])
    tunnel.pacing.take(False, bulk[READ:])
    assert sum(len(one.data) for one in tunnel.events[1:] if isinstance(one, Carried)) == 2 * READ
    assert tunnel.holds == []


@pytest.mark.parametrize(
    ("flood", "answer"),
    [
        (masked(PING, b""), frame(PONG, b"")),
        (masked(PING, b"x" * 4), b""),
        (masked(BINARY, b"\0"), b""),
        (masked(BINARY, b"\4{}"), b""),
        (masked(BINARY, b"\4" + b"{}" * 9000), b""),
        (masked(BINARY, b"\4" + b'{"Width":80,"Height":24}{"Width":81,"Height":24}' * 300), b""),
    ],
    ids=["pings", "long pings", "nothing", "no sizes", "many in a message", "sizes"],
)
async def test_what_comes_behind_a_flood_is_read(flood: bytes, answer: bytes) -> None:
    """In one write with it or later, and the answers of the server in their turn."""
    tunnel = Tunnel()
    typed = masked(BINARY, b"\0id\r")
    count = (READ - len(typed)) // len(flood)
    tunnel.pacing.take(True, flood * count + typed)
    assert tunnel.holds == [True]
    # What was under way when it was held.
    tunnel.pacing.take(False, answer * count + frame(BINARY, b"\1root"))
    tunnel.pacing.take(True, masked(BINARY, b"\0ls"))
    assert not any(isinstance(event, Carried) for event in tunnel.events)
    await tunnel.rest()
    assert [event for event in tunnel.events if isinstance(event, Carried)] == [
        Carried(Channel.STDIN, b"id\r"),
        Carried(Channel.STDOUT, b"root"),
        Carried(Channel.STDIN, b"ls"),
    ]
    assert not any(isinstance(event, Unreadable) for event in tunnel.events)
    assert tunnel.holds[-1] is False
    tunnel.pacing.take(True, masked(BINARY, b"\0w"))
    assert tunnel.events[-1] == Carried(Channel.STDIN, b"w")


async def test_the_end_reads_all() -> None:
    """Where there is no time for it, the reader says where it ends; nothing is held then."""
    tunnel = Tunnel()
    tunnel.pacing.take(True, masked(PING, b"") * 20_000 + masked(BINARY, b"\0id\r"))
    tunnel.pacing.read_all()
    assert tunnel.events == [Carried(Channel.STDIN, b"id\r")]
    assert tunnel.holds == [True, False]
    tunnel = Tunnel()
    tunnel.pacing.take(True, masked(PING, b"") * 40_000 + masked(BINARY, b"\0id\r"))
    tunnel.pacing.read_all()
    assert [type(event) for event in tunnel.events] == [Unreadable]


async def test_a_tunnel_that_is_not_held() -> None:
    """What waits has a bound."""
    tunnel = Tunnel()
    flood = masked(PING, b"") * (READ // 6)
    for _ in range(WAITING_LIMIT // READ + 2):
        tunnel.pacing.take(True, flood)
    assert [type(event) for event in tunnel.events] == [Unreadable]
    assert tunnel.holds == [True, False]
    tunnel.pacing.take(False, frame(BINARY, b"\1out"))
    assert tunnel.events[-1] == Carried(Channel.STDOUT, b"out")


class Owing:
    """A Pacing whose reader owes what the test says, and what was read."""

    def __init__(self) -> None:
        self.owed = 0.0
        self.read: list[bytes] = []
        self.holds: list[bool] = []
        self.pacing = Pacing(
            lambda from_client, data: self.read.append(data),
            lambda: self.owed,
            self.holds.append,
        )

    async def after(self, seconds: float) -> None:
        """Let time pass."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        await loop.advance(seconds)


async def test_little_is_paced_too() -> None:
    """It is held for what little has cost, and as long as that goes on."""
    owing = Owing()
    owing.owed = 1.0
    for data in (b"a", b"b", b"c"):
        owing.pacing.take(True, data)
    assert (owing.read, owing.holds) == ([b"a"], [True])
    await owing.after(1.0)
    assert (owing.read, False in owing.holds) == ([b"a", b"b"], False)
    owing.owed = 0.0
    await owing.after(1.0)
    assert (owing.read, owing.holds[-1]) == ([b"a", b"b", b"c"], False)


async def test_what_was_read_does_not_wait() -> None:
    """The bound is on what waits, whatever came before."""
    owing = Owing()
    for _ in range(2 * WAITING_LIMIT // READ):
        owing.owed = 1.0
        owing.pacing.take(True, bytes(READ))
        owing.pacing.take(False, b"x")
        assert owing.read[-1] != b"x"
        owing.owed = 0.0
        await owing.after(1.0)
        assert owing.read[-1] == b"x"


async def test_an_end_without_a_hold() -> None:
    """Nothing is held or released by it, then and later."""
    owing = Owing()
    owing.pacing.read_all()
    assert owing.holds == []
    owing.owed = 1.0
    owing.pacing.take(True, b"a")
    owing.pacing.read_all()
    await owing.after(2.0)
    assert owing.holds == [True, False]
