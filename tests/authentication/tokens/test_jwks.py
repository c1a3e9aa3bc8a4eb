"""Key sets: what is used of them, and what is passed over."""

import base64
import contextlib
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.authentication.tokens.jwks import (
    LARGEST_DOCUMENT,
    MOST_KEYS,
    JwksError,
    KeySet,
    read_jwks,
)
from auditproxy.authentication.tokens.jws import parse_jws
from auditproxy.authentication.tokens.keysource import candidates, signed_by_any
from tests.fakes.tokens import ec_key, jwk, public, rsa_key, signed


def document(*keys: Any, **members: Any) -> bytes:
    """A key set as JSON."""
    return json.dumps({"keys": keys, **members}).encode()


def number(value: int) -> str:
    """A number as keys have it."""
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_usable_keys() -> None:
    """RSA and the three curves, under their names, in order; unknown members do not matter."""
    keys = (rsa_key(), ec_key(), ec_key(ec.SECP384R1), ec_key(ec.SECP521R1))
    written = [{**jwk(key, kid=f"k{i}"), "x5t": "?", "use": "sig"} for i, key in enumerate(keys)]
    found = read_jwks(document(*written, other=1))
    assert found.ignored == 0
    assert [key.key_id for key in found.keys] == ["k0", "k1", "k2", "k3"]
    assert [key.key for key in found.keys] == [public(key).key for key in keys]


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "bad"},
        jwk(rsa_key(1), kid="bad", use="enc"),
        jwk(rsa_key(1), kid="bad", alg="RSA-OAEP"),
        jwk(rsa_key(1), kid="bad", d="AQAB"),
        jwk(rsa_key(1), kid="bad", d=None),
        jwk(rsa_key(1), kid="bad", n=number(2**511 + 1)),
        jwk(rsa_key(1), kid="bad", n=number(2**16383 + 1)),
        jwk(rsa_key(1), kid="bad", n=number(2**8200 + 1)),
        jwk(rsa_key(1), kid="bad", e=number(2**32 + 1)),
        jwk(rsa_key(1), kid="bad", e=number(2)),
        jwk(rsa_key(1), kid="bad", n=""),
        jwk(rsa_key(1), kid="bad", n=5),
        jwk(rsa_key(1), kid="bad", n="A+/="),
        jwk(rsa_key(1), kid=5),
        {"kty": "RSA", "kid": "bad"},
        jwk(ec_key(), kid="bad", crv="P-384"),
        jwk(ec_key(), kid="bad", crv="secp256k1"),
        jwk(ec_key(), kid="bad", crv="P-192"),
        jwk(ec_key(), kid="bad", x=jwk(ec_key())["y"]),
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "bad"},
        {"kid": "bad"},
        {},
        None,
        [],
        "key",
        5,
    ],
)
def test_ignored_keys(key: Any) -> None:
    """T067: what is not for checking signatures is passed over and counted; the others stay."""
    found = read_jwks(document(key, jwk(rsa_key(), kid="good")))
    assert [each.key_id for each in found.keys] == ["good"]
    assert found.ignored == 1


def test_duplicate_ids() -> None:
    """T067: of keys with one name any may have signed, as with go-oidc."""
    keys = read_jwks(document(jwk(rsa_key(1), kid="a"), jwk(rsa_key(), kid="a"))).keys
    token = parse_jws(signed({}, kid="a"))
    assert token is not None
    assert candidates(token, keys) == keys
    assert signed_by_any(token, keys)


def test_a_key_without_a_name() -> None:
    """It is tried with tokens that name none."""
    (key,) = read_jwks(document(jwk(rsa_key()), {})).keys
    assert key.key_id == ""


def test_too_many() -> None:
    """After the first hundred keys the rest is passed over."""
    found = read_jwks(document(*[jwk(rsa_key(), kid=str(i)) for i in range(MOST_KEYS + 5)]))
    assert (len(found.keys), found.ignored) == (MOST_KEYS, 5)


def test_taken_back() -> None:
    """A set without usable keys is a set: the issuer has none any more."""
    assert read_jwks(document()) == KeySet((), 0)
    assert read_jwks(document({})) == KeySet((), 1)


@pytest.mark.parametrize(
    "text",
    [b"", b"<html>", b"{}", b"[]", b'{"keys":{}}', b'{"keys":null}', b"\xff", b'{"keys":' * 9_000],
)
def test_no_key_set(text: bytes) -> None:
    """T069: anything else is none, and the error does not quote it."""
    with pytest.raises(JwksError, match="^the answer is not a JSON Web Key Set$"):
        read_jwks(text)


def test_too_large() -> None:
    """T069: a document over the limit is not parsed."""
    padding = b" " * (LARGEST_DOCUMENT - 11)
    assert read_jwks(b'{"keys":[]}' + padding) == KeySet((), 0)
    with pytest.raises(JwksError, match="larger than 1048576 bytes"):
        read_jwks(b'{"keys":[]} ' + padding)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
MEMBERS = st.sampled_from(["kty", "kid", "use", "alg", "crv", "n", "e", "x", "y", "d"])
VALUES = JSON | st.sampled_from([*jwk(rsa_key()).values(), *jwk(ec_key()).values()])


@given(st.lists(st.dictionaries(MEMBERS, VALUES) | JSON, max_size=4))
def test_any_keys(keys: list[Any]) -> None:
    """Every key of a set is used or counted; only RSA and EC keys of good size are used."""
    found = read_jwks(document(*keys))
    assert len(found.keys) + found.ignored == len(keys)
    for key in found.keys:
        if isinstance(key.key, rsa.RSAPublicKey):
            assert 1024 <= key.key.key_size <= 8192


@given(st.binary(max_size=64) | JSON.map(msgspec.json.encode))
def test_anything(text: bytes) -> None:
    """Whatever comes is a set or JwksError."""
    with contextlib.suppress(JwksError):
        assert read_jwks(text).keys == ()
