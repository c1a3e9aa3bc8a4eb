"""sockets/transport.py: what is set on sockets and buffers, on both loops."""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditproxy.sockets.transport import (
    TLS_READ_SIZE,
    has_something_to_read,
    prepare_transport,
    release_write_buffer,
    tune_tls_buffers,
)
from tests.fakes.authority import Authority
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tests.fakes.waiting import turns

BOTH_LOOPS = True


async def silent(connection: FakeConnection) -> None:
    """Say nothing."""


@pytest.fixture
def untuned() -> Iterator[None]:
    """asyncio's own buffer size, put back afterwards."""
    before = sslproto.SSLProtocol.max_size
    sslproto.SSLProtocol.max_size = 256 * 1024
    yield
    sslproto.SSLProtocol.max_size = before


def test_tls_buffers_shrink_and_never_grow(untuned: None) -> None:
    """16 KiB instead of 256 KiB per TLS connection; a smaller choice of somebody else's stays."""
    tune_tls_buffers()
    assert sslproto.SSLProtocol.max_size == TLS_READ_SIZE == 16384
    sslproto.SSLProtocol.max_size = 4096
    tune_tls_buffers()
    assert sslproto.SSLProtocol.max_size == 4096


async def test_socket_options_and_buffers() -> None:
    """T206, T207: no delay, keep-alive probes that notice a vanished peer, a bounded buffer."""
    async with FakeUpstream(silent) as upstream:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, upstream.host, upstream.port
        )
        descriptor = prepare_transport(transport, 65536)
        connected = socket.socket(fileno=socket.dup(descriptor))
        try:
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for option, value in (("IDLE", 30), ("INTVL", 15), ("CNT", 4)):
                found = connected.getsockopt(
                    socket.IPPROTO_TCP, getattr(socket, f"TCP_KEEP{option}")
                )
                assert found == value
        finally:
            connected.close()
        assert transport.get_write_buffer_limits()[1] == 65536
        transport.abort()
        await turns()


@pytest.mark.parametrize("what", ["nothing", "bytes", "end"])
def test_what_waits_in_the_kernel(what: str) -> None:
    """T232: bytes and the end of the stream are seen without reading them."""
    near, far = socket.socketpair()
    with near, far:
        if what == "bytes":
            far.send(b"x")
        elif what == "end":
            far.close()
        assert has_something_to_read(near.fileno()) is (what != "nothing")
        if what == "bytes":
            assert near.recv(1) == b"x"


def test_an_empty_write_is_not_seen(tmp_path: Path) -> None:
    """What gives the buffer back sends nothing, and the connection goes on; also when it ends."""
    authority = Authority("root")
    authority.write_leaf(tmp_path / "server", "localhost")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(cadata=authority.pem.decode())
    client = trusting.wrap_bio(here, there, server_hostname="localhost")
    server = serving.wrap_bio(there, here, server_side=True)
    transport = asyncio.Transport({"ssl_object": client})
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            release_write_buffer(transport)
    for text in (b"one", b"two"):
        client.write(text)
        sent = there.pending
        release_write_buffer(transport)
        assert there.pending == sent
        assert server.read(10) == text
    with pytest.raises(ssl.SSLWantReadError):
        client.unwrap()
    sent = there.pending
    release_write_buffer(transport)
    assert there.pending == sent
    release_write_buffer(asyncio.Transport())
