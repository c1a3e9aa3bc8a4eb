"""Keepalive of clients' connections."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from tests.conformance.client import read_answer
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying

BOTH_LOOPS = True
DEADLINE = 10.0


@pytest.mark.parametrize("tls", [True, False])
async def test_keepalive(tmp_path: Path, tls: bool) -> None:
    """B6: the kernel probes a silent client before any balancer forgets the connection."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path, tls=tls, cert_dir=str(tmp_path / "c")) as proxy,
    ):
        context = None
        if tls:
            context = ssl.create_default_context(cafile=str(tmp_path / "c" / "auditproxy.crt"))
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            proxy.proxy.port,
            ssl=context,
            server_hostname="localhost" if tls else None,
        )
        writer.write(request())
        async with asyncio.timeout(DEADLINE):
            assert (await read_answer(reader, "GET")).status == 200
        (connection,) = proxy.proxy._serving.server.connections
        assert connection.transport is not None
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 180
        assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) <= 180
        writer.transport.abort()
