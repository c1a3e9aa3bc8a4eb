"""Port-forward sessions: pairs of streams, greetings and echoes."""

import asyncio
import struct

import pytest

from auditproxy.embedded.pods.journal import ContainerSession, PortConnection
from auditproxy.embedded.pods.portforward import forward_ports
from tests.fakes.spdy import Client

POD = {"metadata": {"name": "hello"}}


def kept_session() -> ContainerSession:
    """What is kept of a session."""
    return ContainerSession("portforward", "default", "hello", "", (), tty=False)


async def session(*frames: bytes, kept: ContainerSession | None = None) -> bytes:
    """Everything that a session sends for these frames of a client."""
    waiting = list(frames)
    sent = bytearray()

    async def receive() -> bytes:
        if not waiting:
            raise ConnectionResetError
        return waiting.pop(0)

    async def send(data: bytes) -> None:
        sent.extend(data)

    async with asyncio.timeout(5):
        with pytest.raises(ConnectionResetError):
            await forward_ports(POD, receive, send, kept or kept_session())
    return bytes(sent)


def opened(client: Client) -> tuple[bytes, bytes]:
    """One connection's two streams."""
    return (
        client.open(1, {"streamtype": "error", "port": "80", "requestid": "0"}, finished=True),
        client.open(3, {"streamtype": "data", "port": "80", "requestid": "0"}),
    )


async def test_http() -> None:
    """A request is greeted by pod and port, then both streams end."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    kept = kept_session()
    sent = await session(
        *opened(Client()),
        struct.pack(">II", 3, 5) + request[:5],
        struct.pack(">II", 3, len(request) - 5) + request[5:],
        struct.pack(">II", 3, 4) + b"late",
        kept=kept,
    )
    assert b"hello from hello:80\n" in sent
    assert sent.endswith(struct.pack(">II", 1, 1 << 24))
    (connection,) = kept.connections
    answer = sent[sent.index(b"HTTP/1.1") : sent.index(b"hello:80\n") + 9]
    assert connection == PortConnection("80", len(request) + 4, len(answer))


async def test_echo() -> None:
    """Anything else comes back, and the end is passed on."""
    sent = await session(*opened(Client()), struct.pack(">II", 3, 1 << 24 | 4) + b"ping")
    assert struct.pack(">II", 3, 4) + b"ping" in sent
    assert sent.endswith(struct.pack(">II", 1, 1 << 24))


async def test_ping_and_goodbye() -> None:
    """Pings are answered; a goodbye ends the session."""
    client = Client()
    sent = await session(
        client.control(6, struct.pack(">I", 3)), client.control(7, struct.pack(">II", 0, 0))
    )
    assert sent == client.control(6, struct.pack(">I", 3))


@pytest.mark.parametrize(
    ("request_line", "greeted"),
    [(b"POST /x HTTP/1.1", True), (b"DELETE / HTTP/1.1", True), (b"HEAD / HTTP/1.1", False)],
)
async def test_methods(request_line: bytes, greeted: bool) -> None:
    """Any request is answered, however its bytes come; a HEAD without a body."""
    request = request_line + b"\r\nHost: x\r\n\r\n"
    pieces = (struct.pack(">II", 3, 1) + bytes((byte,)) for byte in request)
    sent = await session(*opened(Client()), *pieces)
    assert b"HTTP/1.1 200 OK\r\n" in sent
    assert (b"hello from hello:80\n" in sent) is greeted


async def test_echo_stays_an_echo() -> None:
    """What began as no request is none later; what was held back comes at the end."""
    late = b"GET / HTTP/1.1\r\n\r\n"
    sent = await session(
        *opened(Client()),
        struct.pack(">II", 3, 1) + b"x",
        struct.pack(">II", 3, len(late)) + late,
    )
    assert sent.endswith(struct.pack(">II", 3, len(late)) + late)
    sent = await session(*opened(Client()), struct.pack(">II", 3, 1 << 24 | 2) + b"GE")
    assert struct.pack(">II", 3, 2) + b"GE" in sent


async def test_streams_that_end_early() -> None:
    """A data stream that is ended when it opens, or reset, is over."""
    client = Client()
    error = client.open(1, {"streamtype": "error", "requestid": "0"}, finished=True)
    data = {"streamtype": "data", "port": "80", "requestid": "0"}
    sent = await session(error, client.open(3, data, finished=True))
    assert sent.endswith(struct.pack(">II", 3, 1 << 24) + struct.pack(">II", 1, 1 << 24))
    client = Client()
    reset = client.control(3, struct.pack(">II", 3, 5))
    sent = await session(*opened(client), reset, struct.pack(">II", 3, 1) + b"x")
    assert sent.endswith(struct.pack(">II", 1, 1 << 24))
