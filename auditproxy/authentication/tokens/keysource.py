"""Sources of the keys that token signatures are checked with.

Keys from a file are static. An issuer's keys are fetched (lookups/issuerkeys.py) and
change over time. Authenticators need not know the difference.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.jws import Jws, signed_by
from auditproxy.authentication.tokens.publickeys import PublicKey

Check = Callable[[Jws, tuple[PublicKey, ...]], Awaitable[bool]]
"""Return whether one of the keys signed; injected, because large keys need a thread."""


class KeySource(Protocol):
    """The current keys of one issuer."""

    async def check_signature(self, jws: Jws) -> None:
        """Return if one of the keys signed the token; raises AuthenticationError otherwise."""
        ...


class StaticKeys:
    """Keys that never change."""

    def __init__(self, keys: tuple[PublicKey, ...], check: Check | None = None) -> None:
        self._keys = keys
        self._check = check or check_here

    async def check_signature(self, jws: Jws) -> None:
        """Return if one of the keys signed the token; raises AuthenticationError otherwise."""
        keys = candidates(jws, self._keys)
        if not keys:
            raise AuthenticationError("invalid signature, no keys found")
        if not await self._check(jws, keys):
            raise AuthenticationError("the signature of the token is not valid")


def candidates(jws: Jws, keys: tuple[PublicKey, ...]) -> tuple[PublicKey, ...]:
    """Return the keys with the token's key id; all keys if it has none."""
    if not jws.key_id:
        return keys
    return tuple(key for key in keys if key.key_id == jws.key_id)


def signed_by_any(jws: Jws, keys: tuple[PublicKey, ...]) -> bool:
    """Return whether one of the keys signed the token."""
    return any(signed_by(jws, key) for key in keys)


async def check_here(jws: Jws, keys: tuple[PublicKey, ...]) -> bool:
    """Check signatures inline, for keys small enough not to need a thread."""
    return signed_by_any(jws, keys)
