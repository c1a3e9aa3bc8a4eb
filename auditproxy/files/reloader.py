"""Reloading: files that are read again when their content changes, without a restart.

    poll:  fingerprint differs from what is in use
        -> the same a moment later         a file that is still being written waits
        -> load, on a thread               validates the whole of it; a fault keeps the old one
        -> fingerprint unchanged           else it was another file that was read
        -> apply, all loaded ones at once  one plain call: no request sees half of it

It runs once a minute, as client-go checks its files, and at once on ``wake`` (SIGHUP).
Contents are compared by digest, so no secret is kept for it.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.apis.operatorline import OperatorLine
from auditproxy.metrics.reloads import ReloadMetrics

PERIOD = 60.0
"""Seconds between two checks of the files."""

SETTLE = 1.0
"""Seconds for which a changed file must stay the same before it is read."""

Fingerprint = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that is read from files, named by its flag without the dashes.

    ``load`` reads and validates it, on a thread, and raises Unusable.
    """

    name: str
    paths: Callable[[], tuple[str, ...]]
    load: Callable[[], Any]


@dataclass(slots=True)
class _State:
    """What is known of one source; ``in_use`` is the fingerprint of the version in use."""

    in_use: Fingerprint
    generation: int = 1
    since: float = 0.0
    failed: bool = False


class Reloader:
    """Polls the sources and gives what changed to ``apply``, by name.

    ``apply`` raises Unusable before it changes anything, or changes
    everything. It is called on the event loop.
    """

    def __init__(
        self,
        sources: tuple[Source, ...],
        apply: Callable[[Mapping[str, Any]], None],
        *,
        metrics: ReloadMetrics,
        report: Callable[[str], None],
        inform: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sources = sources
        self._apply = apply
        self._metrics = metrics
        self._report = report
        self._inform = inform
        self._clock = clock
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._states: dict[str, _State] = {}
        for source in sources:
            self._states[source.name] = _State(fingerprint(source.paths()), since=clock())
            metrics.in_use(source.name, 1, clock())

    def describe(self) -> tuple[str, ...]:
        """A line for each source: its version, since when, and whether a newer one is refused."""
        return tuple(
            f"--{name}: version {state.generation}, in use since "
            f"{datetime.fromtimestamp(int(state.since), UTC):%Y-%m-%dT%H:%M:%SZ}"
            + ("; the file has changed and cannot be used" if state.failed else "")
            for name, state in self._states.items()
        )

    def wake(self) -> None:
        """Have the files polled now; repeated calls do not overlap."""
        self._wake.set()

    async def run(self) -> None:
        """Poll the files until cancelled."""
        while True:
            try:
                async with asyncio.timeout(PERIOD):
                    await self._wake.wait()
            except TimeoutError:
                pass
            # An operator who wakes the reloader has written the files: no wait for them to settle.
            woken = self._wake.is_set()
            self._wake.clear()
            try:
                await self.poll(settle=not woken)
            except Exception as error:
                # No thread to read on, or a fault of the proxy: keep the files in use and poll
                # again.
                self._report(f"files could not be checked: {type(error).__name__}")

    async def poll(self, *, settle: bool = True) -> None:
        """Check every file once and activate those that changed and are valid."""
        seen = await self._changed()
        if seen and settle:
            await self._sleep(SETTLE)
            again = await self._changed()
            # A file that still changes waits for the next poll.
            seen = {name: print_ for name, print_ in seen.items() if again.get(name) == print_}
        loaded: dict[str, Any] = {}
        for source in self._sources:
            if source.name not in seen:
                continue
            try:
                value = await asyncio.to_thread(source.load)
                after = await asyncio.to_thread(fingerprint, source.paths())
                if after != seen[source.name]:
                    raise Unusable(f"--{source.name} changed while it was read")
            except Unusable as error:
                self._refuse(source.name, str(error))
            except Exception as error:
                # A file that causes an unexpected error must not stop the check of the others.
                self._refuse(source.name, f"--{source.name}: {type(error).__name__}")
            else:
                loaded[source.name] = value
        if loaded:
            self._put_in_use(loaded, seen)

    async def _changed(self) -> dict[str, Fingerprint]:
        """The sources whose files are not those in use."""
        found = {}
        for source in self._sources:
            state = self._states[source.name]
            now = await asyncio.to_thread(fingerprint, source.paths())
            if now != state.in_use:
                found[source.name] = now
            elif state.failed:
                # The old file is back.
                state.failed = False
                self._inform(f"--{source.name}: the file is again the version in use")
        return found

    def _put_in_use(self, loaded: dict[str, Any], seen: dict[str, Fingerprint]) -> None:
        paths = {source.name: source.paths() for source in self._sources}
        try:
            self._apply(loaded)
        except Unusable as error:
            for name in loaded:
                self._refuse(name, str(error))
            return
        for source in self._sources:
            if source.name not in loaded:
                continue
            state = self._states[source.name]
            state.generation += 1
            state.since = self._clock()
            state.failed = False
            state.in_use = seen[source.name]
            if source.paths() != paths[source.name]:
                # A kubeconfig names other files now.
                state.in_use = fingerprint(source.paths())
            self._metrics.in_use(source.name, state.generation, state.since)
            text = f"--{source.name} was reloaded: version {state.generation} is in use"
            self._inform(OperatorLine(text, flag=f"--{source.name}"))

    def _refuse(self, name: str, why: str) -> None:
        self._states[name].failed = True
        self._metrics.failed(name)
        text = f"reload failed, keeping the current version: {why}"
        self._report(OperatorLine(text, flag=f"--{name}"))


def fingerprint(paths: tuple[str, ...]) -> Fingerprint:
    """A digest of each file's path and content; a file that cannot be read has another one."""
    return tuple(_digest(path) for path in paths)


def _digest(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        return f"{path}: errno {error.errno}"
    return f"{path}: {hashlib.sha256(content).hexdigest()}"
