"""Reads --audit-log-checkpoint-key-file: what signs checkpoints of the audit log's chain."""

import hashlib
from typing import TYPE_CHECKING

from auditproxy.apis.faults import Unusable
from auditproxy.files.trustedfile import Remarks, TrustedFile, parsed
from auditproxy.options import Options

if TYPE_CHECKING:
    from auditproxy.audit.chain.checkpoints import CheckpointKey

FIX = "make one with openssl genpkey -algorithm ed25519"


def read_checkpoint_key(options: Options, remarks: Remarks) -> "CheckpointKey | None":
    """The key; None where there is none to be. Raises Unusable."""
    path = options.audit_chain.checkpoint_key_file
    if not path or not options.audit_chain.hash_chain:
        return None
    (key,) = parsed((path,), "--audit-log-checkpoint-key-file", checkpoint_key)
    return key


def checkpoint_key(pem: bytes) -> "CheckpointKey":
    """The key of a PEM file, an Ed25519 private key in PKCS#8; raises Unusable."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    from auditproxy.audit.chain.checkpoints import CheckpointKey

    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise Unusable("the key has a password; give one without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable(f"no private key in PEM; {FIX}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unusable(f"the key is not of Ed25519; {FIX}")
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CheckpointKey(hashlib.sha256(public).hexdigest(), key.sign)


CHECKPOINT_KEY = TrustedFile(
    flag="audit-log-checkpoint-key-file",
    field="checkpoint_key",
    read=read_checkpoint_key,
    paths=None,
)
