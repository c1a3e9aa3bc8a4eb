"""The key that checkpoints are signed with."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auditproxy.apis.faults import Unusable
from auditproxy.audit.chain.checkpoints import CheckpointKey
from auditproxy.files.checkpointkey import read_checkpoint_key
from auditproxy.files.trustedfile import Remarks
from tests.fakes.chains import key_of, signing
from tests.fakes.options import options


def read(content: bytes, folder: Path, *, hash_chain: bool = True) -> CheckpointKey | None:
    """What is made of a file."""
    path = folder / "checkpoint.key"
    path.write_bytes(content)
    flags = options(hash_chain=hash_chain, checkpoint_key_file=str(path))
    return read_checkpoint_key(flags, Remarks())


def pem(encryption: KeySerializationEncryption | None = None) -> bytes:
    """A private key as openssl genpkey writes it."""
    return key_of(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def test_the_key(tmp_path: Path) -> None:
    """It signs, and its name is the SHA-256 of its public half."""
    key = read(pem(), tmp_path)
    assert key is not None
    public = key_of(1).public_key()
    public.verify(key.sign(b"message"), b"message")
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.name == hashlib.sha256(der).hexdigest() == signing().name
    assert read(pem(), tmp_path, hash_chain=False) is None
    assert read_checkpoint_key(options(hash_chain=True), Remarks()) is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no private key in PEM; make one with openssl genpkey -algorithm ed25519"),
        (pem()[:60], "no private key in PEM"),
        (pem(BestAvailableEncryption(b"secret")), "the key has a password; give one without"),
        (
            ed448.Ed448PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "the key is not of Ed25519",
        ),
    ],
)
def test_other_files(content: bytes, fault: str, tmp_path: Path) -> None:
    """The fault names the flag and the file, and nothing that is in it."""
    with pytest.raises(Unusable) as caught:
        read(content, tmp_path)
    (text,) = caught.value.faults
    assert text.startswith(f"--audit-log-checkpoint-key-file {tmp_path}/checkpoint.key: {fault}")
    lines = [line for line in content.decode().splitlines() if line and "-" not in line]
    assert not any(line in text for line in lines)
