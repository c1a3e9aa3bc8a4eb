"""Tokens as a cluster's issuer signs them, and as an attacker would."""

import base64
import functools
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from auditproxy.authentication.tokens.publickeys import PublicKey, public_key

ISSUER = "https://kubernetes.default.svc"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """A key of 2048 bits; the same for the same number."""
    return _rsa_key(number)


@functools.cache
def _rsa_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """A key on a curve; the same for the same curve."""
    return _ec_key(curve)


@functools.cache
def _ec_key(curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def public(key: Private) -> PublicKey:
    """The public half with its id."""
    found = public_key(key.public_key())
    assert found is not None
    return found


def public_pem(key: Private) -> bytes:
    """The public half as a PEM file."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: Private) -> bytes:
    """The whole key as a PEM file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def jwk(key: Private, **members: Any) -> dict[str, Any]:
    """The public half as a key set has it, with other or further members."""
    if isinstance(key, rsa.RSAPrivateKey):
        written = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        written = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**{name: written[name] for name in written if name != "key_ops"}, **members}


def signed(claims: dict[str, Any], key: Any = None, algorithm: str = "RS256", **header: Any) -> str:
    """A token; by default of ``rsa_key()``."""
    # Not jwt.encode: it refuses claims that an attacker may send.
    payload = json.dumps(claims).encode()
    return jwt.PyJWS().encode(payload, key or rsa_key(), algorithm, headers=header)


def part(value: Any) -> str:
    """A value as a part of a token: JSON, or bytes as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def account_claims(**changes: Any) -> dict[str, Any]:
    """The claims of a token bound to a pod; None leaves a claim out."""
    claims = {
        "iss": ISSUER,
        "sub": "system:serviceaccount:shop:cart",
        "aud": [ISSUER],
        "exp": 2_000,
        "nbf": 1_000,
        "iat": 1_000,
        "jti": "id-1",
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": {"name": "cart", "uid": "u1"},
            "pod": {"name": "cart-0", "uid": "p1"},
            "node": {"name": "n0", "uid": "n1"},
            "warnafter": 1_500,
        },
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}
