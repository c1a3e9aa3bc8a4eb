"""Public keys of checkpoints."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auditproxy.apis.faults import Unusable
from auditproxy.commands.verify.keys import public_keys
from tests.fakes.chains import key_of, signing


def write(path: Path, key: object) -> str:
    """A public key in PEM, as openssl pkey -pubout writes it."""
    path.write_bytes(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    )
    return str(path)


def test_keys(tmp_path: Path) -> None:
    """Each under the name that its checkpoints have, and it checks what its private half signs."""
    paths = [write(tmp_path / str(seed), key_of(seed).public_key()) for seed in (1, 2)]
    keys = public_keys(paths)
    assert set(keys) == {signing(1).name, signing(2).name}
    signature = signing(1).sign(b"m")
    assert keys[signing(1).name](b"m", signature)
    assert not keys[signing(1).name](b"n", signature)
    assert not keys[signing(2).name](b"m", signature)
    assert public_keys(()) == {}


def test_other_files(tmp_path: Path) -> None:
    """All faults at once, each with its file."""
    (tmp_path / "empty").touch()
    other = write(tmp_path / "other", ed448.Ed448PrivateKey.generate().public_key())
    with pytest.raises(Unusable) as caught:
        public_keys([str(tmp_path / "empty"), other])
    assert caught.value.faults == (
        f"--public-key {tmp_path}/empty: no public key in PEM; make it with openssl pkey -in KEY "
        "-pubout",
        f"--public-key {other}: the key is not of Ed25519",
    )
