"""Where the keys come from that signatures of tokens are checked with.

The keys of a file are known at once; those of an issuer are fetched (lookups/issuerkeys.py)
and may be newer a moment later. Which of the two it is, no authenticator needs to know.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.jws import Jws, signed_by
from auditproxy.authentication.tokens.publickeys import PublicKey

Check = Callable[[Jws, tuple[PublicKey, ...]], Awaitable[bool]]
"""Whether one of the keys signed; given in, because large keys are checked on threads."""


class KeySource(Protocol):
    """The keys of one issuer, as they are now."""

    async def check_signature(self, jws: Jws) -> None:
        """Return when one of the keys signed the token; raises AuthenticationError."""
        ...


class StaticKeys:
    """Keys that stay as they are."""

    def __init__(self, keys: tuple[PublicKey, ...], check: Check | None = None) -> None:
        self._keys = keys
        self._check = check or check_here

    async def check_signature(self, jws: Jws) -> None:
        """Return when one of the keys signed the token; raises AuthenticationError."""
        keys = candidates(jws, self._keys)
        if not keys:
            raise AuthenticationError("invalid signature, no keys found")
        if not await self._check(jws, keys):
            raise AuthenticationError("the signature of the token is not valid")


def candidates(jws: Jws, keys: tuple[PublicKey, ...]) -> tuple[PublicKey, ...]:
    """The keys with the id that the token names; all when it names none."""
    if not jws.key_id:
        return keys
    return tuple(key for key in keys if key.key_id == jws.key_id)


def signed_by_any(jws: Jws, keys: tuple[PublicKey, ...]) -> bool:
    """Whether one of the keys signed the token."""
    return any(signed_by(jws, key) for key in keys)


async def check_here(jws: Jws, keys: tuple[PublicKey, ...]) -> bool:
    """``signed_by_any`` at once, for whom no thread is worth it."""
    return signed_by_any(jws, keys)
