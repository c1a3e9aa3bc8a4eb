"""The key under which it is remembered whom a token stands for: it tells nothing of the token."""

import hmac


def cache_key(key: bytes, authenticator: str, audiences: tuple[str, ...], token: str) -> bytes:
    """A digest of the question that was asked about a token.

    ``authenticator`` and the ordered ``audiences`` tell one question from another.
    Parts are length-prefixed and counted, so no two questions give the same bytes.
    ``key`` is random and new with each cache, so digests of one process, or of one
    configuration, mean nothing in another.
    """
    digest = hmac.new(key, digestmod="sha256")
    digest.update(len(audiences).to_bytes(8, "big"))
    for part in (authenticator, *audiences, token):
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()
