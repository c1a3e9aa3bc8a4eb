"""Check slow signatures on dedicated threads.

Checking a P-256 signature, or an RSA one of up to 4096 bits, costs less than handing it to a
thread, so it is done inline. OpenSSL releases the GIL meanwhile, but more than a few threads
would only take CPU from requests: further signatures wait in a queue.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from auditproxy.authentication.tokens.jws import Jws
    from auditproxy.authentication.tokens.publickeys import PublicKey

THREADS = 2
"""Signatures checked at the same time."""

_FAST_RSA = 4096


class SignatureThreads:
    """Checks signatures without blocking the event loop."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="signatures")

    async def check(self, jws: "Jws", keys: "tuple[PublicKey, ...]") -> bool:
        """Return whether one of the keys signed the token."""
        # The module of whatever has such keys; a proxy without any does without it.
        from auditproxy.authentication.tokens.keysource import signed_by_any

        if len(keys) <= 1 and all(map(is_fast, keys)):
            return signed_by_any(jws, keys)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, signed_by_any, jws, keys)

    def close(self) -> None:
        """Stop the threads; queued checks are not started."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def is_fast(key: "PublicKey") -> bool:
    """Return whether checking a signature takes well under a tenth of a millisecond."""
    if isinstance(key.key, rsa.RSAPublicKey):
        return key.key.key_size <= _FAST_RSA
    return isinstance(key.key.curve, ec.SECP256R1)
