"""What a connection tells once: its peer, and the certificates that the peer sent."""

import ssl
from pathlib import Path

import pytest

from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.downstream.facts import (
    MAXIMUM_CERTIFICATES,
    MAXIMUM_CHAIN,
    KnownCertificates,
    facts_of,
)
from tests.fakes.authority import Authority


class Transport:
    """A transport that knows its peer."""

    def __init__(self, peer: object) -> None:
        self._peer = peer

    def get_extra_info(self, name: str) -> object:
        """Only the peer's name."""
        return self._peer if name == "peername" else None


@pytest.mark.parametrize(
    ("peer", "remote"),
    [(("1.2.3.4", 5), "1.2.3.4"), (("::1", 5, 0, 0), "::1"), ("", ""), (None, "")],
)
def test_facts_of(peer: object, remote: str) -> None:
    """The peer's address, nothing where there is none."""
    facts = facts_of(Transport(peer), KnownCertificates())
    assert facts.remote == remote
    assert facts.peer_certificate is None
    assert facts_of(None, KnownCertificates()).remote == ""


class Secured(Transport):
    """A transport whose TLS handshake is done."""

    def __init__(self, secured: ssl.SSLObject) -> None:
        super().__init__(("1.2.3.4", 5))
        self._secured = secured

    def get_extra_info(self, name: str) -> object:
        """The peer's name and the TLS side."""
        return self._secured if name == "ssl_object" else super().get_extra_info(name)


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """A handshake in memory; returns the server's side of it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for side in (theirs, ours, theirs, ours):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ours


def test_certificates(tmp_path: Path) -> None:
    """T054: leaf and intermediates are there; without a certificate there is none."""
    root = Authority("root")
    middle = root.authority("middle")
    root.write_leaf(tmp_path / "server", "localhost")
    alice = middle.write_leaf(tmp_path / "alice", "alice", chain=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server.load_verify_locations(cadata=root.pem.decode())
    server.verify_mode = ssl.CERT_OPTIONAL
    client = ssl.create_default_context(cadata=root.pem.decode())
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    client.check_hostname = False
    known = KnownCertificates()
    assert facts_of(Secured(shake_hands(server, client)), known).peer_certificate is None
    client.load_cert_chain(tmp_path / "alice.crt", tmp_path / "alice.key")
    peer = facts_of(Secured(shake_hands(server, client)), known).peer_certificate
    assert peer is not None
    assert (peer.der, peer.intermediates) == (alice, (middle.der,))
    assert peer.common_name == "alice"
    again = facts_of(Secured(shake_hands(server, client)), known)
    assert again.peer_certificate is peer
    assert again.memory is not facts_of(Secured(shake_hands(server, client)), known).memory


def test_known_certificates() -> None:
    """The same bytes give the same object, and what they say; any other byte, another one."""
    authority = Authority("root")
    known = KnownCertificates()
    first = known.read(authority.der, ())
    assert known.read(bytes(bytearray(authority.der)), ()) is first
    assert first == PeerCertificate.from_der(authority.der)
    other = known.read(authority.der, (b"other",))
    assert other is not first
    assert other.intermediates == (b"other",)
    assert known.read(authority.der + b"x", ()).fault


def test_known_certificates_are_bounded() -> None:
    """R24: neither many nor long ones fill the memory."""
    known = KnownCertificates()
    first = known.read(b"0", ())
    for number in range(MAXIMUM_CERTIFICATES - 1):
        known.read(b"%d" % (number + 1), ())
    assert known.read(b"0", ()) is first
    known.read(b"one more", ())
    assert known.read(b"0", ()) is not first
    long = (b"x" * MAXIMUM_CHAIN,)
    assert known.read(b"0", long) is not known.read(b"0", long)
