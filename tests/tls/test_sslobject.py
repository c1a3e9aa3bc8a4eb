"""What a connection notes of its peer: nothing that nobody asks for."""

import asyncio
import ssl
from pathlib import Path

import pytest

from auditproxy.tls.client import client_context
from auditproxy.tls.serving import new_serving_context, read_key_pair
from auditproxy.tls.sslobject import LONGEST_RECORD, LeanSSLObject
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

    receiving: asyncio.Future[asyncio.StreamReader]
    receiving = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiving.set_result(reader)
        accepted.set_result(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="other")
    reading, ours = await asyncio.open_connection(
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
    # More than a record, by either way of reading.
    ours.write(b"x" * 40_000)
    theirs.write(b"y" * 40_000)
    assert await reading.readexactly(40_000) == b"y" * 40_000
    assert await receiving.result().readexactly(40_000) == b"x" * 40_000
    for writer in (ours, theirs):
        writer.close()
    server.close()


def test_reading() -> None:
    """A record at once, whatever is asked for, and into a buffer as much as is asked for."""

    class Inner:
        """What OpenSSL would be asked for."""

        def read(self, *asked: object) -> object:
            return asked

    secured = LeanSSLObject.__new__(LeanSSLObject)
    secured._sslobj = Inner()  # type: ignore[attr-defined]
    assert secured.read(256 * 1024) == (LONGEST_RECORD,)
    assert secured.read(100) == (100,)
    buffer = bytearray(10)
    assert secured.read(10, buffer) == (10, buffer)
