"""Keys and certificates that we make: their PEM, their names, their files."""

import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def key_pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM, PKCS #8, without a passphrase."""
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def general_name(name: str) -> x509.GeneralName:
    """A subject alternative name: an IP address where it is one, else a DNS name.

    Raises ValueError for a DNS name that is not ASCII.
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a new file with its mode from its first byte on; raises OSError, never overwrites."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
