"""Nkeys: the Ed25519 keys with which users of NATS prove who they are.

    SU...   base32 of: prefix with the kind of key (2 bytes), seed (32), CRC-16 (2, little endian)
    U...    base32 of: prefix (1 byte), public key (32), CRC-16

Form: github.com/nats-io/nkeys. Its Python package is not used: it takes seeds whose checksum is
wrong, and brings a second library of cryptography.
"""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_USER = 20 << 3
_SEED = 18 << 3
_SEED_BYTES = 36
_CHECKSUM = 2


class UserKey:
    """The key of a user; raises ValueError for an invalid seed."""

    def __init__(self, seed: str) -> None:
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
        checked, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
        if len(raw) != _SEED_BYTES or _checksum(checked) != checksum:
            raise ValueError("not an nkey")
        # The kind is in the last 3 bits of the first byte and the first 5 of the second.
        if raw[0] & 0xF8 != _SEED or (raw[0] & 7) << 5 | raw[1] >> 3 != _USER:
            raise ValueError("not the seed of a user")
        self._key = Ed25519PrivateKey.from_private_bytes(checked[2:])

    @property
    def public(self) -> str:
        """The public key as NATS writes it, ``U...``."""
        raw = bytes([_USER]) + self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b32encode(raw + _checksum(raw)).rstrip(b"=").decode()

    def sign(self, nonce: str) -> bytes:
        """The signature of a server's nonce, in base64."""
        return base64.b64encode(self._key.sign(nonce.encode()))


def _checksum(raw: bytes) -> bytes:
    return binascii.crc_hqx(raw, 0).to_bytes(_CHECKSUM, "little")
