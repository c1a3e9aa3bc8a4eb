"""Key files: what of a PEM file is used."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.authentication.tokens.publickeys import PublicKeyError, public_key, read_public_keys
from tests.fakes.tokens import ec_key, private_pem, public, public_pem, rsa_key


def test_several_kinds_in_one_file() -> None:
    """Public and private keys of both kinds in order, each once, between other text."""
    pem = b"\n# comment\n".join(
        (public_pem(rsa_key()), private_pem(ec_key()), private_pem(rsa_key()))
    )
    assert [key.key_id for key in read_public_keys(pem)] == [
        public(rsa_key()).key_id,
        public(ec_key()).key_id,
    ]


def test_other_keys_are_not_used() -> None:
    """T061: only RSA and EC keys sign service account tokens."""
    assert public_key(ed25519.Ed25519PrivateKey.generate().public_key()) is None


@given(st.binary() | st.binary().map(lambda raw: public_pem(rsa_key())[:60] + raw))
def test_no_key(raw: bytes) -> None:
    """A file without a key is a fault in kube-apiserver's words."""
    with pytest.raises(PublicKeyError, match="does not contain any valid RSA or ECDSA"):
        read_public_keys(raw)
