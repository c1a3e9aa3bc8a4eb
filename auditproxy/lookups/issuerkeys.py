"""IssuerKeys: the published keys of one issuer, fetched again and again.

    without keys --load--> current --after `period`, or for an unknown key--> load
        |                     |
        +--fault: again in 10 s, keys stay for an hour-+

Every few minutes, sooner where the issuer's Cache-Control says so: a key that was
taken back counts no longer than that. A token that no key has signed may be the first
of a new key; it waits for one more load, at most one in ten seconds however many such
tokens come, and all who wait share it. Who leaves meanwhile does not end it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from auditproxy.authentication.authenticator import AuthenticationError
from auditproxy.authentication.tokens.jws import Jws
from auditproxy.authentication.tokens.keysource import Check, candidates
from auditproxy.clients.fetcher import FetchError
from auditproxy.lookups.keydocuments import KeyDocument, LoadedKeys
from auditproxy.metrics.issuers import IssuerMetrics

LONGEST_PERIOD = 240.0
SHORTEST_PERIOD = 60.0
"""Seconds between two loads while all goes well; a Cache-Control in between is obeyed."""

RETRY = 10.0
"""Seconds between two attempts after a fault, and between two loads for unknown keys."""

KEPT = 3600.0
"""Seconds for which keys count that could not be loaded again."""

REMINDED = 60.0
"""Seconds after which a fault that goes on is told again."""


class IssuerKeys:
    """A KeySource that loads its keys; ``name`` is told to operators, ``flag`` named to them.

    ``clock`` gives monotonic seconds, ``wall_clock`` seconds since the epoch. ``start`` is
    called within the loop, ``close`` ends all of it.
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
        self._first_load = asyncio.Event()

    def start(self) -> None:
        """Begin to load, and go on until ``close``; a second call changes nothing."""
        if self._refreshing is None and not self._closed:
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())

    async def until_loaded(self) -> None:
        """Wait until keys were loaded once."""
        await self._first_load.wait()

    @property
    def fault(self) -> str:
        """Why the last load failed, "" when it did not."""
        return self._fault

    def describe(self) -> str:
        """A line for operators: whose keys, how many, how old, and what is wrong."""
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
        """Return when one of the keys signed the token; raises AuthenticationError."""
        if await self._is_signed(jws):
            return
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
        """Join the load under way, or begin one if the last is long enough ago."""
        if self._flight is None and self._clock() - self._began_at < RETRY:
            return False
        return await self._load()

    async def _load(self) -> bool:
        """Load once, together with everybody who waits for it; whether there was a load at all."""
        if self._closed:
            return False
        if self._flight is None:
            self._began_at = self._clock()
            self._flight = asyncio.get_running_loop().create_task(self._load_once())
            self._flight.add_done_callback(self._landed)
        flight = self._flight
        try:
            await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled():
                return False
            raise
        return True

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flight = None
        if not flight.cancelled():
            # Everybody who waited may have left.
            flight.exception()

    async def _load_once(self) -> None:
        try:
            loaded = await self._document.load()
        except FetchError as error:
            self._failed(str(error))
        except Exception as error:
            # Whatever a library makes of an answer, the next attempt comes.
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
            self._inform(f"{self._flag}: {self.name}: {len(key_set.keys)} keys were loaded")
        if not key_set.keys and (before is None or before.key_set.keys):
            self._report(
                f"{self._flag}: {self.name}: none of its published keys can be used "
                f"({key_set.ignored} ignored); its tokens are refused"
            )
        self._fault, self._told = "", ("", 0.0)
        self._first_load.set()

    def _failed(self, fault: str) -> None:
        self._fault = fault
        self._metrics.failed(self.name, self._wall_clock())
        told, at = self._told
        if fault == told and self._clock() - at < REMINDED:
            return
        self._told = (fault, self._clock())
        usable = self._usable()
        consequence = "its tokens are refused until it works"
        if usable is not None:
            left = int(KEPT - (self._clock() - self._loaded_at))
            consequence = f"the keys in use remain valid for {left} more seconds"
        self._report(
            f"{self._flag}: {self.name}: {fault}; {consequence}; tried again every {RETRY:g} s"
        )

    async def _refresh(self) -> None:
        while True:
            await self._load()
            # A load that ``close`` ended does not end this by itself.
            if self._closed:
                return
            await self._sleep(RETRY if self._fault else self._period())

    def _period(self) -> float:
        said = self._loaded.max_age if self._loaded is not None else None
        if said is None:
            return LONGEST_PERIOD
        return min(max(said, SHORTEST_PERIOD), LONGEST_PERIOD)

    async def close(self) -> None:
        """Load nothing more; who waits is refused by the keys there are."""
        self._closed = True
        tasks = [task for task in (self._refreshing, self._flight) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._metrics.forget(self.name)
