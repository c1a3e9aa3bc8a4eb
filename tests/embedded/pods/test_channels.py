"""Channels of a session, over WebSocket messages and over SPDY streams."""

import asyncio
import struct
from collections.abc import Callable

import pytest

from auditproxy.embedded.pods.channels import (
    ERROR,
    RESIZE,
    STARTING_SECONDS,
    STDERR,
    STDIN,
    STDOUT,
    open_spdy_channels,
    open_websocket_channels,
)
from auditproxy.embedded.pods.journal import ContainerSession
from auditproxy.sessions.wire.frames import BINARY, CLOSE, frame
from tests.fakes.spdy import Client
from tests.fakes.websocket import masked, pair


@pytest.fixture
def session() -> ContainerSession:
    """What is kept of the session."""
    return ContainerSession("exec", "default", "hello", "", ("cat",), tty=False)


async def test_websocket_channels(session: ContainerSession) -> None:
    """The first byte of a message is its channel; v5 ends the input by a message of its own."""
    async with pair() as (socket, reader, writer):
        channels = await open_websocket_channels(socket, session)
        writer.write(masked(BINARY, bytes((RESIZE,)) + b'{"Width":80,"Height":24}'))
        writer.write(masked(BINARY, bytes((STDIN,)) + b"typed"))
        writer.write(masked(BINARY, bytes((255, STDIN))))
        assert await channels.stdin.read() == b"typed"
        await channels.out(b"o")
        await channels.err(b"e")
        writer.write(masked(BINARY, bytes((STDIN,)) + b"too late"))
        writer.write(masked(CLOSE, b""))
        await channels.finish(b"{}")
        assert await channels.stdin.read() == b""
        for channel, data in ((STDOUT, b"o"), (STDERR, b"e"), (ERROR, b"{}")):
            expected = frame(BINARY, bytes((channel,)) + data)
            assert await reader.readexactly(len(expected)) == expected
    # What the program did not read was received all the same.
    assert session.stdin.data == b"typedtoo late"
    assert (session.stdout.data, session.stderr.data) == (b"o", b"e")
    assert session.resizes == [(80, 24)]


async def test_a_websocket_client_has_time_to_make_its_channels(session: ContainerSession) -> None:
    """kubectl 1.32 discards output that comes before its channels are there."""
    async with pair() as (socket, _, _):
        loop = asyncio.get_running_loop()
        began = loop.time()
        channels = await open_websocket_channels(socket, session)
        # A timer may run as much as the clock's resolution early.
        assert loop.time() - began >= STARTING_SECONDS * 0.9
        await channels.stop()


async def test_websocket_that_breaks_off(session: ContainerSession) -> None:
    """A client that leaves has typed its last."""
    async with pair() as (socket, _, writer):
        channels = await open_websocket_channels(socket, session)
        writer.write_eof()
        assert await channels.stdin.read() == b""
        await channels.stop()


async def test_spdy_channels(session: ContainerSession) -> None:
    """Each channel is a stream by its type; all of them end at the end."""
    client = Client()
    incoming: asyncio.Queue[bytes] = asyncio.Queue()
    sent = bytearray()

    async def receive() -> bytes:
        data = await incoming.get()
        if not data:
            raise ConnectionResetError
        return data

    async def send(data: bytes) -> None:
        sent.extend(data)

    for stream, name in ((1, "error"), (3, "stdin"), (5, "stdout"), (7, "resize")):
        incoming.put_nowait(client.open(stream, {"streamtype": name}))
    async with asyncio.timeout(5):
        channels = await open_spdy_channels(receive, send, {"error", "stdin", "stdout"}, session)
        incoming.put_nowait(struct.pack(">II", 7, 24) + b'{"Width":80,"Height":24}')
        incoming.put_nowait(struct.pack(">II", 3, 5) + b"typed")
        incoming.put_nowait(struct.pack(">II", 3, 1 << 24))
        assert await channels.stdin.read() == b"typed"
        await channels.out(b"o")
        await channels.err(b"nobody listens")
        incoming.put_nowait(b"")
        await channels.finish(b"{}")
    assert struct.pack(">II", 5, 1) + b"o" in sent
    assert struct.pack(">II", 1, 1 << 24 | 2) + b"{}" in sent
    assert sent.endswith(struct.pack(">II", 5, 1 << 24))
    assert b"nobody" not in sent
    assert (session.stdin.data, session.stdout.data) == (b"typed", b"o")
    assert session.stderr.size == 0
    assert session.resizes == [(80, 24)]


@pytest.mark.parametrize(
    "ending",
    [
        lambda client: client.open(3, {"streamtype": "stdin"}, finished=True),
        lambda client: (
            client.open(3, {"streamtype": "stdin"}) + client.control(3, struct.pack(">II", 3, 5))
        ),
        lambda client: client.open(3, {"streamtype": "stdin"}) + b"\x80\x02" + bytes(6),
    ],
    ids=["opened and ended", "reset", "malformed"],
)
async def test_spdy_input_that_ends_early(
    ending: Callable[[Client], bytes], session: ContainerSession
) -> None:
    """A stream that is ended when it opens or is reset, and what is no SPDY, end the input."""
    incoming: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(data: bytes) -> None:
        """Nobody reads."""

    incoming.put_nowait(ending(Client()))
    async with asyncio.timeout(5):
        channels = await open_spdy_channels(incoming.get, send, {"stdin"}, session)
        assert await channels.stdin.read() == b""
        await channels.stop()


async def test_spdy_client_that_opens_nothing(session: ContainerSession) -> None:
    """A client that leaves before its streams are there ends the wait."""

    async def receive() -> bytes:
        raise ConnectionResetError

    async def send(data: bytes) -> None:
        """Nobody is there."""

    async with asyncio.timeout(5):
        channels = await open_spdy_channels(receive, send, {"error"}, session)
        assert await channels.stdin.read() == b""
        await channels.stop()
