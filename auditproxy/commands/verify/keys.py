"""Public keys that checkpoints are checked with."""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from auditproxy.apis.faults import Unusable
from auditproxy.audit.chain.evidence import Check
from auditproxy.files.trustedfile import parsed

_FLAG = "--public-key"
_FIX = "make it with openssl pkey -in KEY -pubout"


def public_keys(paths: Sequence[str]) -> dict[str, Check]:
    """The keys of the files, by the name that checkpoints have for them; raises Unusable."""
    return dict(parsed(paths, _FLAG, _public_key))


def _public_key(pem: bytes) -> tuple[str, Check]:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable(f"no public key in PEM; {_FIX}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Unusable("the key is not of Ed25519")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def check(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return hashlib.sha256(der).hexdigest(), check
