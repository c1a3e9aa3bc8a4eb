"""TLS contexts for the upstream. What they are made of is tested with the kubeconfigs."""

import ssl

import pytest

from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.kubeconfig.tls import TlsMaterial, load_chain, new_ssl_context


def test_no_secret_shows() -> None:
    """T301: keys are in no repr and in no error."""
    material = TlsMaterial(ca=b"canary", certificate=b"canary", key=b"canary")
    assert "canary" not in repr(material)
    assert material.without_certificate() == TlsMaterial(ca=b"canary")
    for tls in (material, TlsMaterial(certificate=b"canary", key=b"canary")):
        with pytest.raises(CredentialError) as caught:
            new_ssl_context(tls, "the test")
        assert "canary" not in str(caught.value)


def test_key_with_password() -> None:
    """A key that needs a password is refused; nobody is asked for one at a terminal."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(CredentialError, match="without password"):
        load_chain(context, b"", key, "the test")
