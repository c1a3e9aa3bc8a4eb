"""The cache key of a token lookup; it reveals nothing about the token."""

import hmac


def cache_key(key: bytes, authenticator: str, audiences: tuple[str, ...], token: str) -> bytes:
    """Return a digest that identifies a lookup of a token.

    ``authenticator`` and the ordered ``audiences`` distinguish lookups of the same token.
    Parts are length-prefixed and counted, so that different lookups never encode alike.
    ``key`` is random and new for each cache, so that digests of one process or
    configuration are meaningless in another.
    """
    digest = hmac.new(key, digestmod="sha256")
    digest.update(len(audiences).to_bytes(8, "big"))
    for part in (authenticator, *audiences, token):
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()
