"""TokenCache: caches the users of tokens, like kube-apiserver's cached token authenticator.

    asked --remembered, not expired--> the user            hit
      |--being looked up--> wait for that look-up          miss
      |--else--> look up, on its own --user--> remember for the success time, never past its end
                                     |--no user--> remember for the failure time
                                     |--error--> remember nothing

A look-up does not depend on the requests that wait for it: if the first one is cancelled,
the others still get the answer. Each configuration has its own caches with their own keys, so
that a new configuration never uses answers of an old one (apiserver
authentication/token/cache).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from auditproxy.apis.units import SECOND
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    TokenAuthenticator,
    TokenUser,
)
from auditproxy.authentication.tokens.tokencachekey import CacheKeys
from auditproxy.clients.cache import Clock, ExpiringCache, Flights
from auditproxy.metrics.tokencache import TokenCacheMetrics

LOOKUP_TIMEOUT = 30.0
"""Maximum seconds of a look-up, regardless of its callers' deadlines."""

SIZE = 32 * 1024
"""Number of cached tokens, as in kube-apiserver."""


class _Remembered:
    """The proof of a user that a cache remembers ``until`` a time of its clock."""

    __slots__ = ("_clock", "_expires", "_metrics", "_until")

    def __init__(
        self, clock: Clock, until: float, expires: int | None, metrics: TokenCacheMetrics
    ) -> None:
        self._clock = clock
        self._until = until
        self._expires = expires
        self._metrics = metrics

    def holds(self, now: int) -> bool:
        """Return whether the cache would return the same user at ``now``; counts it as a hit."""
        if self._clock() >= self._until or (self._expires is not None and now >= self._expires):
            return False
        self._metrics.hit_at_once()
        return True


class TokenCache:
    """Caches the answers of ``inner``, and shares one look-up among concurrent callers.

    ``authenticator`` and ``audiences`` identify the look-up, ``key`` is random; see
    ``CacheKeys``. Times are in seconds, 0 disables caching. ``wall_clock`` returns
    nanoseconds since the epoch, to compare with a user's ``expires``.
    """

    def __init__(
        self,
        inner: TokenAuthenticator,
        *,
        authenticator: str,
        key: bytes,
        metrics: TokenCacheMetrics,
        report: Callable[[str], None],
        success_time_to_live: float = 0.0,
        failure_time_to_live: float = 0.0,
        audiences: tuple[str, ...] = (),
        size: int = SIZE,
        timeout: float = LOOKUP_TIMEOUT,
        clock: Clock = time.monotonic,
        wall_clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._inner = inner
        self._keys = CacheKeys(key, authenticator, audiences)
        self._metrics = metrics
        self._report = report
        self._success_time_to_live = success_time_to_live
        self._failure_time_to_live = failure_time_to_live
        self._timeout = timeout
        self._clock = clock
        self._wall_clock = wall_clock
        self._cache: ExpiringCache[TokenUser | None] = ExpiringCache(size, clock)
        self._flights: Flights[TokenUser | None] = Flights()

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the cached answer, or a new one; raises AuthenticationError."""
        started = self._clock()
        key = self._keys.of(token)
        cached = self._cache.get(key)
        if cached is not None and not self._is_over(cached[0]):
            self._metrics.requested(True, self._clock() - started)
            return cached[0]
        try:
            with self._metrics.blocked.track_inprogress():
                return await self._flights.run(key, lambda: self._look_up(key, token))
        finally:
            self._metrics.requested(False, self._clock() - started)

    async def _look_up(self, key: bytes, token: str) -> TokenUser | None:
        good = False
        try:
            with self._metrics.in_flight.track_inprogress():
                async with asyncio.timeout(self._timeout):
                    known = await self._inner.authenticate_token(token)
            good = True
        except AuthenticationError:
            raise
        except TimeoutError:
            raise AuthenticationError(
                f"the look-up of a token took more than {self._timeout:g} seconds"
            ) from None
        except Exception as error:
            # An internal fault: still a 401 with its event, as in kube-apiserver.
            self._report(f"authentication failed unexpectedly: {type(error).__name__}")
            raise AuthenticationError("authentication failed unexpectedly") from None
        finally:
            self._metrics.fetched(good)
        left = self._time_to_live(known)
        if known is not None:
            proof = None
            if left > 0:
                until = self._clock() + left
                proof = _Remembered(self._clock, until, known.expires, self._metrics)
            known = replace(known, proof=proof)
        self._cache.put(key, known, left)
        return known

    def _time_to_live(self, known: TokenUser | None) -> float:
        if known is None:
            return self._failure_time_to_live
        if known.expires is None:
            return self._success_time_to_live
        left = (known.expires - self._wall_clock()) / SECOND
        return min(self._success_time_to_live, left)

    def _is_over(self, known: TokenUser | None) -> bool:
        """Return whether the token has expired by the wall clock, which may have been adjusted."""
        return known is not None and (
            known.expires is not None and self._wall_clock() >= known.expires
        )

    async def finish(self) -> None:
        """Wait for all look-ups in progress."""
        await self._flights.finish()

    async def close(self) -> None:
        """Cancel look-ups in progress."""
        await self._flights.close()
