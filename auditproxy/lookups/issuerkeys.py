"""IssuerKeys: the published keys of one issuer, fetched periodically.

    without keys --load--> current --after `period`, or for an unknown key--> load
        |                     |
        +--fault: again in 10 s, keys stay for an hour-+

Keys are fetched every few minutes, or sooner if the issuer's Cache-Control says so, which
bounds how long a revoked key is accepted. A token that no known key has signed may use a new
key, so it waits for one additional load. There is at most one such load in ten seconds,
regardless of the number of such tokens. All waiting requests share a load, and a request
that is cancelled does not cancel it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from auditproxy.apis.operatorline import OperatorLine
from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.jws import Jws
from auditproxy.authentication.tokens.keysource import Check, candidates
from auditproxy.clients.fetcher import FetchError
from auditproxy.lookups.keydocuments import KeyDocument, LoadedKeys
from auditproxy.metrics.issuers import IssuerMetrics
from auditproxy.sockets.tasks import spawn

LONGEST_PERIOD = 240.0
SHORTEST_PERIOD = 60.0
"""Bounds in seconds of the time between successful loads; Cache-Control applies within them."""

RETRY = 10.0
"""Seconds between attempts after a failure, and between two loads for unknown keys."""

KEPT = 3600.0
"""Seconds for which keys remain in use if they cannot be loaded again."""

REMINDED = 60.0
"""Seconds after which a persisting fault is reported again."""


class IssuerKeys:
    """A KeySource that loads its keys; log messages contain ``name`` and ``flag``.

    ``clock`` returns monotonic seconds, ``wall_clock`` seconds since the epoch. Call
    ``start`` inside the event loop; ``close`` stops all loading.
    """

    def __init__(
        self,
        name: str,
        flag: str,
        document: KeyDocument,
        *,
        check: Check,
        metrics: IssuerMetrics,
        report: Callable[[str], None],
        inform: Callable[[str], None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self._flag = flag
        self._document = document
        self._check = check
        self._metrics = metrics
        self._report = report
        self._inform = inform
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._loaded: LoadedKeys | None = None
        self._loaded_at = 0.0
        self._began_at = -RETRY
        self._fault = ""
        self._told: tuple[str, float] = ("", 0.0)
        self._flight: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._closed = False
        metrics.known(name)

    def start(self) -> None:
        """Start periodic loading until ``close``; a second call has no effect."""
        if self._refreshing is None and not self._closed:
            self._refreshing = spawn(self._refresh(), "refresh keys of an issuer")

    @property
    def fault(self) -> str:
        """Why the last load failed, "" if it succeeded."""
        return self._fault

    def describe(self) -> str:
        """Return a line for operators: issuer, number and age of the keys, and the last fault."""
        fault = f"; the last attempt failed: {self._fault}" if self._fault else ""
        if self._loaded is None:
            return f"{self._flag}: {self.name}: no keys yet, its tokens are refused{fault}"
        age = int(self._clock() - self._loaded_at)
        key_set = self._loaded.key_set
        ignored = f", {key_set.ignored} ignored" if key_set.ignored else ""
        state = "" if age <= KEPT else "; too old, its tokens are refused"
        return (
            f"{self._flag}: {self.name}: {len(key_set.keys)} keys{ignored}, "
            f"loaded {age} seconds ago{state}{fault}"
        )

    async def check_signature(self, jws: Jws) -> None:
        """Return if one of the keys signed the token; raises AuthenticationError otherwise."""
        if await self._is_signed(jws):
            return
        # The token may be signed with a key published since: check again after one newer load.
        if await self._load_newer() and await self._is_signed(jws):
            return
        if self._usable() is None:
            raise AuthenticationError("authenticator not initialized: there are no keys")
        raise AuthenticationError("no published key of the issuer signed the token")

    async def _is_signed(self, jws: Jws) -> bool:
        loaded = self._usable()
        if loaded is None:
            return False
        keys = candidates(jws, loaded.key_set.keys)
        return bool(keys) and await self._check(jws, keys)

    def _usable(self) -> LoadedKeys | None:
        if self._loaded is None or self._clock() - self._loaded_at > KEPT:
            return None
        return self._loaded

    async def _load_newer(self) -> bool:
        """Join the load in progress, or start one unless the last one started too recently."""
        # Limited, because any client can send a token with an unknown key.
        if self._flight is None and self._clock() - self._began_at < RETRY:
            return False
        return await self._load()

    async def _load(self) -> bool:
        """Load once, shared by all waiting callers; return False if closed meanwhile."""
        if self._closed:
            return False
        if self._flight is None:
            self._began_at = self._clock()
            self._flight = spawn(self._load_once(), "load keys of an issuer")
            self._flight.add_done_callback(self._landed)
        flight = self._flight
        try:
            # Shielded: a caller that is cancelled must not cancel the load for all others.
            await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled():
                # ``close`` cancelled the load; otherwise this caller was cancelled.
                return False
            raise
        return True

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            # Mark an exception as retrieved, as all waiting callers may have been cancelled.
            flight.exception()

    async def _load_once(self) -> None:
        try:
            loaded = await self._document.load()
        except FetchError as error:
            self._failed(str(error))
        except Exception as error:
            # Any error of a library is a failed attempt, so that periodic loading continues.
            self._failed(type(error).__name__)
        else:
            self._succeeded(loaded)

    def _succeeded(self, loaded: LoadedKeys) -> None:
        before = self._loaded
        self._loaded, self._loaded_at = loaded, self._clock()
        key_set = loaded.key_set
        self._metrics.loaded(
            self.name, self._wall_clock(), keys=len(key_set.keys), ignored=key_set.ignored
        )
        if self._fault or before is None:
            text = f"{self._flag}: {self.name}: {len(key_set.keys)} keys were loaded"
            self._inform(OperatorLine(text, flag=self._flag, issuer=self.name))
        if not key_set.keys and (before is None or before.key_set.keys):
            text = (
                f"{self._flag}: {self.name}: none of its published keys can be used "
                f"({key_set.ignored} ignored); its tokens are refused"
            )
            self._report(OperatorLine(text, flag=self._flag, issuer=self.name))
        self._fault, self._told = "", ("", 0.0)

    def _failed(self, fault: str) -> None:
        self._fault = fault
        self._metrics.failed(self.name, self._wall_clock())
        told, at = self._told
        if fault == told and self._clock() - at < REMINDED:
            return
        self._told = (fault, self._clock())
        usable = self._usable()
        consequence = "its tokens are refused until a load succeeds"
        if usable is not None:
            left = int(KEPT - (self._clock() - self._loaded_at))
            consequence = f"the current keys remain in use for {left} more seconds"
        text = f"{self._flag}: {self.name}: {fault}; {consequence}; retrying every {RETRY:g} s"
        self._report(OperatorLine(text, flag=self._flag, issuer=self.name))

    async def _refresh(self) -> None:
        while True:
            await self._load()
            # If ``close`` cancels the load, ``_load`` returns False instead of raising.
            if self._closed:
                return
            await self._sleep(RETRY if self._fault else self._period())

    def _period(self) -> float:
        said = self._loaded.max_age if self._loaded is not None else None
        if said is None:
            return LONGEST_PERIOD
        return min(max(said, SHORTEST_PERIOD), LONGEST_PERIOD)

    async def close(self) -> None:
        """Stop loading; waiting requests are decided with the current keys."""
        if self._closed:
            return
        self._closed = True
        tasks = [task for task in (self._refreshing, self._flight) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._metrics.forget(self.name)
