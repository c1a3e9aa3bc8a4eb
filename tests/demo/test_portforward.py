"""Port-forward sessions: pairs of streams, greetings and echoes."""

import asyncio
import struct

import pytest

from auditproxy.demo.portforward import forward_ports
from tests.demo.test_spdy import Client

POD = {"metadata": {"name": "hello"}}


async def session(*frames: bytes) -> bytes:
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
            await forward_ports(POD, receive, send)
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
    sent = await session(
        *opened(Client()),
        struct.pack(">II", 3, 5) + request[:5],
        struct.pack(">II", 3, len(request) - 5) + request[5:],
    )
    assert b"hello from hello:80\n" in sent
    assert sent.endswith(struct.pack(">II", 1, 1 << 24))


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
