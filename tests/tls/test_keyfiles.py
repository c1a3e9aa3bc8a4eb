"""Keys and certificates that we make: names, PEM and files."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from auditproxy.tls.keyfiles import general_name, key_pem, write_new


def test_names() -> None:
    """Addresses are addresses, everything else is a DNS name in ASCII."""
    assert isinstance(general_name("10.0.0.1"), x509.IPAddress)
    assert str(general_name("0:0:0:0:0:0:0:1").value) == "::1"
    assert general_name("proxy.example.com") == x509.DNSName("proxy.example.com")
    with pytest.raises(ValueError):
        general_name("pröxy")


def test_key() -> None:
    """The PEM is the key, and needs no passphrase."""
    private = ec.generate_private_key(ec.SECP256R1())
    read = serialization.load_pem_private_key(key_pem(private), password=None)
    assert read.public_key() == private.public_key()


def test_new_files_only(tmp_path: Path) -> None:
    """A file has its mode at once, and none is written over."""
    path = tmp_path / "key"
    write_new(path, b"secret", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_new(path, b"other", 0o600)
    assert path.read_bytes() == b"secret"
