"""What a connection notes of its peer: nothing that nobody asks for."""

import asyncio
import ssl
from pathlib import Path

import pytest

from auditproxy.tls.client import client_context
from auditproxy.tls.serving import new_serving_context, read_key_pair
from tests.fakes.authority import CLIENT, Authority

BOTH_LOOPS = True


async def test_both_sides(tmp_path: Path) -> None:
    """The DER is there for who asks, and no dictionary is kept; verification is as it was."""
    authority = Authority("root")
    leaf = authority.write_leaf(tmp_path / "server", "localhost")
    alice = authority.write_leaf(tmp_path / "alice", "alice", usages=CLIENT)
    serving = new_serving_context(
        read_key_pair(str(tmp_path / "server.crt"), str(tmp_path / "server.key")),
        client_authorities=authority.pem,
        minimum="VersionTLS12",
    )
    client = client_context(authority.pem)
    client.load_cert_chain(tmp_path / "alice.crt", tmp_path / "alice.key")
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="other")
    _, ours = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client, server_hostname="localhost"
    )
    theirs = await accepted
    for writer, der in ((ours, leaf), (theirs, alice)):
        secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
        assert secured.getpeercert(True) == secured.getpeercert(binary_form=True) == der
        assert secured.getpeercert() is None
        assert writer.get_extra_info("peercert") is None
        assert writer.get_extra_info("cipher") is None
        assert secured.version() == "TLSv1.3"
        writer.close()
    server.close()
