"""Whom TLS connections trust: by Go's rules, on every Python."""

import ssl
from pathlib import Path

import pytest

from auditproxy.tls.trust import trust
from tests.fakes.authority import Authority

ROOT = Authority("root")
BETWEEN = ROOT.authority("between")


def shake(folder: Path, bundle: bytes) -> None:
    """A handshake with a server whose certificate is by BETWEEN; raises ssl.SSLError."""
    BETWEEN.write_leaf(folder / "server", "localhost")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "server.crt", folder / "server.key")
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust(asking, bundle)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(down, up, server_hostname="localhost")
    server = serving.wrap_bio(up, down, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.version() is not None


@pytest.mark.parametrize(
    "bundle",
    [
        # None of these has an Authority Key Identifier, which Python 3.13 asks for by itself.
        BETWEEN.pem + ROOT.pem,
        # Each certificate of a bundle is an anchor, self-signed or not.
        BETWEEN.pem,
        b"# \xff comment\n" + Authority("other").pem + b"# more\n" + BETWEEN.pem,
    ],
)
def test_trusted(tmp_path: Path, bundle: bytes) -> None:
    """A chain to any certificate of the bundle is good."""
    shake(tmp_path, bundle)


def test_not_trusted(tmp_path: Path) -> None:
    """A chain to another is not."""
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(tmp_path, Authority("root").pem)
