"""JSON Web Key Sets: the public keys that an issuer publishes (RFC 7517).

Every key is read on its own: an unusable key does not invalidate the others. Ignored,
but counted: symmetric and private keys, encryption keys, curves other than P-256, P-384
and P-521, RSA keys below 1024 or above 8192 bits or with an exponent that Go refuses,
and all keys after the first hundred.
Keys that share a ``kid`` are all kept and all tried, as in go-oidc.
"""

from typing import Annotated

import msgspec

from auditproxy.apis.prepared import prepared
from auditproxy.authentication.tokens.jws import ALGORITHMS
from auditproxy.authentication.tokens.publickeys import PublicKey, public_key
from auditproxy.serializer.errors import JSONError
from auditproxy.serializer.json import decode_as

LARGEST_DOCUMENT = 1024 * 1024
"""Bytes."""

MOST_KEYS = 100
"""Keys of one set that are used; a token without ``kid`` is checked against all of them."""

_CURVES = frozenset({"P-256", "P-384", "P-521"})
_LARGEST_EXPONENT = 2**31 - 1

# The longest value is the modulus of an 8192-bit RSA key.
_Number = Annotated[str, msgspec.Meta(max_length=1400, pattern="^[A-Za-z0-9_-]+$")]


class JwksError(ValueError):
    """A document is not a valid key set; the text quotes nothing of it."""


class KeySet(msgspec.Struct, frozen=True):
    """The usable keys in document order, and the number of ignored ones.

    A key's id is its ``kid``, "" if it has none. A set without usable keys is valid:
    it is how an issuer revokes its keys.
    """

    keys: tuple[PublicKey, ...]
    ignored: int


@prepared
class _Document(msgspec.Struct):
    keys: tuple[msgspec.Raw, ...]


@prepared
class _Key(msgspec.Struct):
    kty: str
    kid: str | None = None
    use: str | None = None
    alg: str | None = None
    crv: str | None = None
    n: _Number | None = None
    e: _Number | None = None
    x: _Number | None = None
    y: _Number | None = None
    # Only its presence matters: a published private key is not secret, so it is ignored.
    d: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def read_jwks(document: bytes) -> KeySet:
    """Return the keys of a document; raises JwksError."""
    if len(document) > LARGEST_DOCUMENT:
        raise JwksError(f"the key set is larger than {LARGEST_DOCUMENT} bytes")
    try:
        raw = decode_as(document, _Document).keys
    except JSONError:
        raise JwksError("the answer is not a valid JSON Web Key Set") from None
    keys: list[PublicKey] = []
    for each in raw:
        if len(keys) == MOST_KEYS:
            break
        key = _read_key(each)
        if key is not None:
            keys.append(key)
    return KeySet(tuple(keys), len(raw) - len(keys))


def _read_key(raw: msgspec.Raw) -> PublicKey | None:
    """Return the key, None if it cannot be used to check token signatures."""
    try:
        key = decode_as(raw, _Key)
    except JSONError:
        return None
    if key.d is not msgspec.UNSET or (key.use or "sig") != "sig":
        return None
    if key.alg and key.alg not in ALGORITHMS:
        return None
    found = _public_key(key)
    return None if found is None else PublicKey(key.kid or "", found.key)


def _public_key(key: _Key) -> PublicKey | None:
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm
    from jwt.exceptions import InvalidKeyError

    try:
        if key.kty == "RSA" and key.n and key.e:
            rsa_key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": key.n, "e": key.e})
            exponent = rsa_key.public_numbers().e  # type: ignore[union-attr]
            return public_key(rsa_key) if exponent <= _LARGEST_EXPONENT else None
        if key.kty == "EC" and key.crv in _CURVES and key.x and key.y:
            return public_key(
                ECAlgorithm.from_jwk({"kty": "EC", "crv": key.crv, "x": key.x, "y": key.y})
            )
    except (InvalidKeyError, ValueError):
        return None
    return None
