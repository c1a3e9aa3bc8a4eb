"""TLS contexts of our own requests."""

import ssl

import pytest

from auditproxy.tls.client import client_context
from tests.fakes.authority import Authority


def hello(context: ssl.SSLContext) -> bytes:
    """The first bytes a client with this context sends."""
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="api.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_client_hello() -> None:
    """The name is asked for and only HTTP/1.1 is offered."""
    sent = hello(client_context())
    assert b"api.example.com" in sent
    assert b"\x08http/1.1" in sent
    assert b"\x02h2" not in sent


def test_verifies() -> None:
    """Names and certificates are verified by the bundle alone, unless that is turned off."""
    authority = Authority("root")
    context = client_context(authority.pem)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.get_ca_certs(binary_form=True) == [authority.der]
    blind = client_context(verify=False)
    assert (blind.verify_mode, blind.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize("bundle", [b"none", b"\xff", Authority("cut").pem[:-30]])
def test_no_bundle(bundle: bytes) -> None:
    """What has no certificate is refused, and never means the system's authorities."""
    with pytest.raises((ssl.SSLError, ValueError)):
        client_context(bundle)
