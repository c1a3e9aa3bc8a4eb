"""Public keys for checking token signatures, read from PEM files.

A file contains any number of RSA and EC keys: public keys, certificates, or private
keys, whose public half is used (client-go util/keyutil). The key id is the one that
kube-apiserver writes into ``kid``: the SHA-256 of the SubjectPublicKeyInfo.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from auditproxy.apis.faults import Unusable
from auditproxy.serializer.pem import CERTIFICATE, blocks

SMALLEST_RSA = 1024
LARGEST_RSA = 8192
"""Bits; checking a signature of a larger key would block all other requests."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key for checking signatures, with its id."""

    key_id: str
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class PublicKeyError(Unusable):
    """A file contains no usable key."""


def read_public_keys(pem: bytes) -> tuple[PublicKey, ...]:
    """Return every usable key of a PEM file in order, without repeats; skip other blocks.

    Raises PublicKeyError with kube-apiserver's text, and what to do, when there is none.
    """
    keys: dict[str, PublicKey] = {}
    for kind, block in blocks(pem):
        key = _read_block(kind, block)
        if key is not None:
            keys.setdefault(key.key_id, key)
    if not keys:
        raise PublicKeyError(
            "data does not contain any valid RSA or ECDSA public keys; name a PEM file that does"
        )
    return tuple(keys.values())


def public_key(key: object) -> PublicKey | None:
    """Return the key with its id; None for an unsupported kind or size."""
    if isinstance(key, rsa.RSAPublicKey):
        if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
            return None
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        return None
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(der).digest()
    return PublicKey(base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"), key)


def _read_block(kind: bytes, block: bytes) -> PublicKey | None:
    try:
        if kind == CERTIFICATE:
            return public_key(x509.load_pem_x509_certificate(block).public_key())
        if kind.endswith(b"PUBLIC KEY"):
            return public_key(load_pem_public_key(block))
        if kind.endswith(b"PRIVATE KEY"):
            private = load_pem_private_key(block, password=None)
            if isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
                return public_key(private.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return None
