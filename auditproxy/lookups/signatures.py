"""Signatures that are slow to check are checked on threads of their own.

One signature by P-256 or RSA up to 4096 bits costs less than handing it over, and is
checked at once. OpenSSL lets other threads run meanwhile, and more than a few
at once would only take CPU from requests: the others wait in turn.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auditproxy.authentication.tokens.jws import Jws
from auditproxy.authentication.tokens.keysource import signed_by_any
from auditproxy.authentication.tokens.publickeys import PublicKey

THREADS = 2
"""Signatures under way at once."""

_FAST_RSA = 4096


class SignatureThreads:
    """Checks signatures without holding up the event loop."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="signatures")

    async def check(self, jws: Jws, keys: tuple[PublicKey, ...]) -> bool:
        """Whether one of the keys signed the token."""
        if len(keys) <= 1 and all(map(is_fast, keys)):
            return signed_by_any(jws, keys)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, signed_by_any, jws, keys)

    def close(self) -> None:
        """Let the threads end; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def is_fast(key: PublicKey) -> bool:
    """Whether a signature by the key is checked in well under a tenth of a millisecond."""
    if isinstance(key.key, rsa.RSAPublicKey):
        return key.key.key_size <= _FAST_RSA
    return isinstance(key.key.curve, ec.SECP256R1)
