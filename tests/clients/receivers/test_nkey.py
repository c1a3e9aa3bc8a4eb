"""Nkeys: those that NATS makes, and texts that only look like one."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.clients.receivers.nkey import UserKey
from tests.fakes.publishing import ACCOUNT, PUBLIC, SEED


def test_a_pair() -> None:
    """The public key is that of NATS, and verifies what the seed signs."""
    key = UserKey(SEED)
    assert key.public == PUBLIC
    raw = base64.b32decode(PUBLIC)[1:-2]
    signature = base64.b64decode(key.sign("nonce"))
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, b"nonce")


@pytest.mark.parametrize("position", [2, 20, 55, 57])
def test_a_misspelt_seed(position: int) -> None:
    """Its checksum is wrong."""
    other = "A" if SEED[position] != "A" else "B"
    with pytest.raises(ValueError, match="nkey"):
        UserKey(SEED[:position] + other + SEED[position + 1 :])


def test_a_seed_of_an_account() -> None:
    """It signs for a whole account, and is never given away."""
    with pytest.raises(ValueError, match="not the seed of a user"):
        UserKey(ACCOUNT)


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=80))
def test_other_texts(text: str) -> None:
    """Nothing but ValueError."""
    with pytest.raises(ValueError, match="."):
        UserKey(text)
