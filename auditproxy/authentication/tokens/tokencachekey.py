"""The cache key of a token lookup; it reveals nothing about the token."""

import hmac


class CacheKeys:
    """Makes the digests that identify the lookups of tokens in one cache.

    ``authenticator`` and the ordered ``audiences`` distinguish lookups of the same token.
    Parts are length-prefixed and counted, so that different lookups never encode alike.
    ``key`` is random and new for each cache, so that digests of one process or
    configuration are meaningless in another.
    """

    __slots__ = ("_before", "_key")

    def __init__(self, key: bytes, authenticator: str, audiences: tuple[str, ...]) -> None:
        self._key = key
        parts = [_part(text.encode(*_BYTES)) for text in (authenticator, *audiences)]
        self._before = b"".join([len(audiences).to_bytes(8, "big"), *parts])

    def of(self, token: str) -> bytes:
        """Return the key of a token's lookup."""
        return hmac.digest(self._key, self._before + _part(token.encode(*_BYTES)), "sha256")


_BYTES = ("utf-8", "surrogateescape")


def _part(raw: bytes) -> bytes:
    return len(raw).to_bytes(8, "big") + raw
