"""The front door of signed tokens."""

import hashlib
import hmac

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from auditproxy.authentication.tokens.jws import LONGEST_TOKEN, parse_jws, signed_by
from auditproxy.serializer.json import DEPTH_LIMIT
from tests.fakes.tokens import Private, ec_key, part, public, public_pem, rsa_key, signed


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((f"{family}{size}", rsa_key()) for family in ("RS", "PS") for size in (256, 384, 512)),
        ("ES256", ec_key()),
        ("ES384", ec_key(ec.SECP384R1)),
        ("ES512", ec_key(ec.SECP521R1)),
    ],
)
def test_algorithms(algorithm: str, key: Private) -> None:
    """Each algorithm of kube-apiserver, with its key only."""
    jws = parse_jws(signed({"a": 1}, key, algorithm, kid="k"))
    assert jws is not None
    assert (jws.algorithm, jws.key_id, jws.claims) == (algorithm, "k", {"a": 1})
    assert signed_by(jws, public(key))
    others = (rsa_key(1), ec_key(), ec_key(ec.SECP384R1), ec_key(ec.SECP521R1))
    assert not any(signed_by(jws, public(other)) for other in others if other is not key)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "EdDSA", "", None, 5])
def test_algorithms_that_are_not_allowed(algorithm: object) -> None:
    """T055: no algorithm, a symmetric one or an unknown one is no token."""
    assert parse_jws(f"{part({'alg': algorithm})}.{part({})}.{part(b's')}") is None


def test_other_curve() -> None:
    """A good signature under the name of an algorithm of another curve is not signed."""
    key = ec_key(ec.SECP384R1)
    text = f"{part({'alg': 'ES256'})}.{part({})}"
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(text.encode(), key)
    jws = parse_jws(f"{text}.{part(signature)}")
    assert jws is not None
    assert not signed_by(jws, public(key))


def test_public_key_as_secret() -> None:
    """A token with an HMAC under the public key's text is no token."""
    text = f"{part({'alg': 'HS256'})}.{part({'iss': 'i'})}"
    digest = hmac.digest(public_pem(rsa_key()), text.encode(), hashlib.sha256)
    assert parse_jws(f"{text}.{part(digest)}") is None


def test_changed_claims() -> None:
    """Other claims under the signature are not signed."""
    header, _, signature = signed({"a": 1}).split(".")
    jws = parse_jws(f"{header}.{part({'a': 2})}.{signature}")
    assert jws is not None
    assert not signed_by(jws, public(rsa_key()))


@pytest.mark.parametrize("change", ["{}=", " {}", "{}\n", "{}.", "{}.a", "{{{}", "a{}+", "{}/"])
def test_spelling(change: str) -> None:
    """T066: padding, blanks, further parts and the other alphabet make it no token."""
    assert parse_jws(change.format(signed({"a": 1}))) is None


def test_critical_extensions() -> None:
    """A token that says what must be understood is refused."""
    header = {"alg": "RS256", "crit": ["exp"]}
    assert parse_jws(f"{part(header)}.{part({})}.{part(b's')}") is None


def test_keys_in_the_token() -> None:
    """Keys and addresses of keys that a token brings along are not looked at."""
    own = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(1).public_key(), as_dict=True)
    jws = parse_jws(signed({"a": 1}, rsa_key(1), jwk=own, jku="http://127.0.0.1:1/keys"))
    assert jws is not None
    assert not signed_by(jws, public(rsa_key()))


def test_too_long() -> None:
    """A token over the limit is not parsed."""
    header = part({"alg": "RS256"})
    room = LONGEST_TOKEN - len(header) - len(part({})) - 2
    assert parse_jws(f"{header}.{part({})}.{'A' * (room - room % 4)}") is not None
    assert parse_jws(f"{header}.{part({})}.{'A' * (room - room % 4 + 4)}") is None


@pytest.mark.parametrize("levels", [DEPTH_LIMIT + 1, 8_000])
def test_deep_nesting(levels: int) -> None:
    """T332 HD1: claims nested too deeply are no token, on every Python."""
    shallow = b'{"a":' * DEPTH_LIMIT + b"1" + b"}" * DEPTH_LIMIT
    assert parse_jws(f"{part({'alg': 'RS256'})}.{part(shallow)}.{part(b's')}") is not None
    deep = b'{"a":' * levels + b"1" + b"}" * levels
    assert parse_jws(f"{part({'alg': 'RS256'})}.{part(deep)}.{part(b's')}") is None


@given(st.text() | st.lists(st.binary().map(part), min_size=3, max_size=3).map(".".join))
def test_anything(token: str) -> None:
    """Whatever comes is parsed or not, and never an error; nothing of it is signed."""
    jws = parse_jws(token)
    assert jws is None or not signed_by(jws, public(rsa_key()))
