"""E: upgrades and watches from end to end."""

import asyncio

import pytest

from auditproxy.authentication.authenticator import AuthenticationRequest
from tests.fakes.upstream import FakeConnection
from tests.threats.rig import OK, RigFactory, each_way, send

WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
WATCH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete"]


async def echoing(connection: FakeConnection) -> None:
    """An upstream that switches and sends back five bytes."""
    await connection.read_head()
    connection.send(SWITCHED)
    connection.send(await connection.read(5))
    await connection.wait_eof()
    connection.close()


@each_way
async def test_websocket_watch(rigged: RigFactory, cut: str) -> None:
    """T199: a watch by WebSocket is a tunnel whose verb is watch."""
    async with rigged(echoing) as rig:
        reader, writer = await rig.connect()
        await send(writer, rig.request("GET", "/api/v1/pods?watch=1", *WEBSOCKET), cut)
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.write_eof()
            assert await reader.read() == b""
        await rig.proxy.until_events(3)
        assert [event["stage"] for event in rig.events] == STAGES
        assert {event["verb"] for event in rig.events} == {"watch"}
        assert rig.events[-1]["responseStatus"]["code"] == 101


@pytest.mark.parametrize(
    "header",
    [
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol: " + ", ".join(f"p{n}.channel.k8s.io" for n in range(500)),
        "Sec-WebSocket-Protocol: " + "p" * 65_536,
    ],
    ids=["extensions", "many", "long"],
)
async def test_handshake_headers(rigged: RigFactory, header: str) -> None:
    """T200: what a handshake offers goes up as it is, up to the bound of any header."""
    async with rigged(echoing) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.request("GET", "/api/v1/pods?watch=1", *WEBSOCKET, header))
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        name, _, value = header.partition(": ")
        (request,) = rig.forwarded()
        assert request.values(name.lower().encode()) == [value.encode()]


@each_way
async def test_watch_that_ends(rigged: RigFactory, cut: str) -> None:
    """T208: a watch that the upstream ends after ?timeoutSeconds= is complete, with its code."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.send(WATCH + b"3\r\n{}\n\r\n")
        await connection.until(lambda: True)
        connection.send(b"0\r\n\r\n")

    async with rigged(script) as rig:
        got = await rig.ask(rig.request("GET", "/api/v1/pods?watch=1&timeoutSeconds=5"), cut)
        assert (got.body, got.complete) == (b"{}\n", True)
        assert [event["stage"] for event in rig.events] == STAGES
        assert rig.events[-1]["responseStatus"]["code"] == 200


async def test_credential_that_ends(rigged: RigFactory) -> None:
    """T210: a watch goes on when its credential ends, as on kube-apiserver; the next request is a 401."""

    async def script(connection: FakeConnection) -> None:
        head = await connection.read_head()
        if b"watch" not in head:
            connection.send(OK)
            return
        connection.send(WATCH + b"3\r\n{}\n\r\n")
        await revoked.wait()
        connection.send(b"3\r\n[]\n\r\n0\r\n\r\n")

    class Revoked:
        """Knows nobody any more."""

        async def authenticate(self, request: AuthenticationRequest) -> None:
            """Nobody."""

    revoked = asyncio.Event()
    async with rigged(script) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.request("GET", "/api/v1/pods?watch=1"))
        async with asyncio.timeout(5):
            await reader.readuntil(b"{}\n")
            rig.proxy.proxy.handler.services.authenticator = Revoked()
            assert (await rig.ask(rig.request())).status == 401
            revoked.set()
            await reader.readuntil(b"[]\n\r\n0\r\n\r\n")
        await rig.proxy.until_events(4)
        watch = [e["stage"] for e in rig.events if "watch" in e["requestURI"]]
        assert watch == STAGES
