"""JSON Web Signatures in compact form: the first checks on every signed token (RFC 7515).

A token that is too long is refused unparsed. The algorithm must be asymmetric and must
match the kind and curve of the key, so that a public key is never used as an HMAC
secret. Keys come only from our configuration: ``jku``, ``x5u``, ``jwk`` and ``x5c`` are
ignored. ``crit`` lists extensions that must be understood; none is supported, so a
token with ``crit`` is refused.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auditproxy.authentication.tokens.publickeys import PublicKey
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as

if TYPE_CHECKING:
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

LONGEST_TOKEN = 64 * 1024
"""Characters."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Mapping[str, type[ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}

ALGORITHMS = frozenset((*_RSA, *_CURVES))
"""Accepted signature algorithms; HMAC and ``none`` are not among them."""


@dataclass(frozen=True, slots=True)
class Jws:
    """A parsed token; do not trust its content before ``signed_by`` returns True."""

    algorithm: str
    key_id: str
    claims: dict[str, Any] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_jws(token: str) -> Jws | None:
    """Return the parts of a compact token; None if it is not a valid one."""
    if len(token) > LONGEST_TOKEN:
        return None
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        return None
    header, claims, signature = (_decoded(part) for part in parts.groups())
    header_members, claim_members = _members(header), _members(claims)
    if header_members is None or claim_members is None or signature is None:
        return None
    algorithm, key_id = header_members.get("alg"), header_members.get("kid", "")
    if algorithm not in ALGORITHMS or not isinstance(key_id, str) or "crit" in header_members:
        return None
    signing_input = token[: parts.start(3) - 1].encode("ascii")
    return Jws(algorithm, key_id, claim_members, signing_input, signature)


def signed_by(jws: Jws, key: PublicKey) -> bool:
    """Return whether this key made the signature; False if the algorithm does not match it."""
    if isinstance(key.key, rsa.RSAPublicKey):
        return jws.algorithm in _RSA and _rsa(jws.algorithm).verify(
            jws.signing_input, key.key, jws.signature
        )
    curve = _CURVES.get(jws.algorithm)
    if curve is None or not isinstance(key.key.curve, curve):
        return False
    return _ec(jws.algorithm).verify(jws.signing_input, key.key, jws.signature)


@cache
def _rsa(name: str) -> "RSAAlgorithm":
    """One of _RSA; the package is imported with the first key or signature."""
    from jwt.algorithms import RSAAlgorithm, RSAPSSAlgorithm

    kind = RSAPSSAlgorithm if name.startswith("PS") else RSAAlgorithm
    return kind(_hash(kind, name))


@cache
def _ec(name: str) -> "ECAlgorithm":
    """One of _CURVES."""
    from jwt.algorithms import ECAlgorithm

    return ECAlgorithm(_hash(ECAlgorithm, name))


def _hash(kind: Any, name: str) -> Any:
    return {"256": kind.SHA256, "384": kind.SHA384, "512": kind.SHA512}[name[2:]]


def _decoded(part: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return None


def _members(raw: bytes | None) -> dict[str, Any] | None:
    """Return the members of a JSON object; the last of duplicate names applies, as in Go."""
    if raw is None:
        return None
    try:
        return decode_as(raw, dict[str, Any])
    except JSONError:
        return None
