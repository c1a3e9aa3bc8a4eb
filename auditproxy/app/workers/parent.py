"""Workers: several processes on one port: started, watched, replaced and stopped together.

    starting --all serve--> running --stop--> stopped
                 a worker ends: another takes its place, after a pause that grows
                 restart: one after the other leaves, and another takes its place

They accept from one queue, which belongs to the socket that all of them inherit: no connection is
refused or reset when a worker ends, or is killed.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from auditproxy.apis.faults import Unusable
from auditproxy.app import operatorlog
from auditproxy.app.announcing import UNDELIVERED
from auditproxy.app.proxy import check
from auditproxy.app.workers.ends import WorkerEnd, after_kill
from auditproxy.app.workers.workerprocess import WorkerProcess
from auditproxy.health.workerpages import one_page
from auditproxy.metrics.workers import WorkerMetrics
from auditproxy.options import Options
from auditproxy.sockets.tasks import spawn

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds until a worker is started again that ended soon; each is twice the one before."""

SERVED_WELL = 10.0
"""Seconds after which a worker that ends is replaced at once."""

SILENT = 5.0
"""Seconds without a report after which a worker is not ready."""

LONGEST_SILENCE = 30.0
"""Seconds without a report after which the process is not alive: it should be started again.

A worker that starts, leaves or stops is killed after as many: nothing else would come of it.
"""

LOOK_INTERVAL = 1.0
"""Seconds between two looks for workers that are stuck."""


@dataclass(eq=False)
class WorkerPlace:
    """The place of one worker; its logs are those of its number."""

    number: int
    worker: WorkerProcess | None = None
    leaves: bool = False
    """Whether its end is wanted."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    fault: str = ""
    """Why none could be started there; "" as a rule."""

    @property
    def serves(self) -> bool:
        """Whether a worker serves there that is not about to end."""
        return self.worker is not None and self.worker.serving and not self.leaves


class Workers:
    """All workers of one port; ``now`` is seconds on a monotonic clock.

    ``ends`` are those that their exit code follows from.
    """

    def __init__(
        self,
        options: Options,
        listener: socket.socket,
        metrics: WorkerMetrics,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._listener = listener
        self._metrics = metrics
        self._now = now
        self._places = tuple(WorkerPlace(number + 1) for number in range(options.serving.workers))
        self._keeping: list[asyncio.Task[None]] = []
        self._restarting: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._stops = False
        self.ends: set[WorkerEnd] = set()
        metrics.configured(len(self._places))

    # --- starting ------------------------------------------------------------------

    async def build(self) -> None:
        """Start all of them, as far as they go without a port.

        Raises Unusable of the first that cannot serve: the others have the same faults as a rule.
        """
        self._looking = spawn(self._look(), "look for workers that are stuck")
        for result in await asyncio.gather(
            *(self._build(place, self._options) for place in self._places), return_exceptions=True
        ):
            if isinstance(result, BaseException):
                raise result

    async def start(self) -> None:
        """Have all of them serve; raises Unusable when one cannot."""
        for worker in self._running():
            await worker.serve()
        self._count()
        self._keeping = [
            spawn(self._keep(place), f"keep worker {place.number}") for place in self._places
        ]

    async def _build(self, place: WorkerPlace, options: Options) -> None:
        """Start a worker in a place; raises Unusable or OSError."""
        place.worker = await WorkerProcess.start(place.number, options, self._listener)
        await place.worker.built()

    async def _begin(self, place: WorkerPlace, options: Options) -> None:
        """Start a worker in a place and wait until it serves; raises Unusable or OSError."""
        try:
            await self._build(place, options)
            if place.worker is not None:
                await place.worker.serve()
        except BaseException:
            if place.worker is not None:
                place.worker.kill()
            raise

    def _count(self) -> None:
        self._metrics.serving(sum(place.serves for place in self._places))

    # --- running -------------------------------------------------------------------

    async def _keep(self, place: WorkerPlace) -> None:
        """Put another worker in a place whenever one ends there."""
        pause = 0.0
        while True:
            worker = place.worker
            assert worker is not None
            code = await worker.wait()
            self._tell_end(place, worker, code)
            if self._now() - worker.began >= SERVED_WELL or place.leaves:
                pause = 0.0
            self._count()
            while True:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * pause))
                if await self._replace(place):
                    break

    async def _replace(self, place: WorkerPlace) -> bool:
        """Start another worker; whether it serves."""
        # It need not wait for the upstream: the others serve without it as well.
        upstream = replace(self._options.upstream, required=False)
        try:
            await self._begin(place, replace(self._options, upstream=upstream))
        except (Unusable, OSError) as error:
            faults = error.faults if isinstance(error, Unusable) else (str(error),)
            place.fault = "; ".join(faults)
            operatorlog.warn(f"worker {place.number} cannot be started: {place.fault}")
        else:
            place.fault = ""
        place.leaves = False
        place.changed.set()
        self._count()
        return not place.fault

    def _tell_end(self, place: WorkerPlace, worker: WorkerProcess, code: int) -> None:
        self.ends.add((place.number, code))
        if place.leaves and code >= 0:
            self._metrics.ended("restarted")
            return
        self._metrics.ended("killed" if code < 0 else "exited")
        how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with code {code}"
        missing = f": {after_kill(self._options)}" if code < 0 else ""
        last = "; ".join(worker.readiness.information[:2])
        reported = f"; it last reported: {last}" if last else ""
        operatorlog.warn(
            f"worker {place.number} (process {worker.pid}) {how} and is replaced{missing}{reported}"
        )

    def reopen(self) -> None:
        """Have all of them open their logs again and look for files that have changed."""
        self._tell("reopen")

    def restart(self) -> None:
        """Replace one after the other, unless that is under way already."""
        if self._restarting is None or self._restarting.done():
            self._restarting = spawn(self._restart(), "restart workers")

    async def _restart(self) -> None:
        try:
            # What its successor could not read leaves the worker where it is.
            await asyncio.to_thread(check, self._options)
        except Unusable as error:
            for fault in error.faults:
                operatorlog.warn(f"rolling restart: workers are not restarted: {fault}")
            return
        operatorlog.info(
            f"rolling restart: {len(self._places)} workers are replaced, one after the other"
        )
        for place in self._places:
            if place.worker is None or not place.serves:
                continue
            if missing := [other.number for other in self._places if not other.serves]:
                numbers = ", ".join(map(str, missing))
                operatorlog.warn(
                    f"rolling restart: it ends before worker {place.number}: "
                    f"worker {numbers} does not serve, and clients need one that does"
                )
                return
            place.changed.clear()
            place.leaves = True
            self._count()
            place.worker.tell("leave")
            await place.changed.wait()
            if place.fault:
                operatorlog.warn(f"rolling restart: it ends with worker {place.number}")
                return
        operatorlog.info(f"rolling restart: all {len(self._places)} workers are restarted")

    # --- the end -------------------------------------------------------------------

    async def stop(self) -> int:
        """Stop all of them in order; the exit code of the whole."""
        await self._replace_no_more()
        self._stops = True
        self._tell("stop")
        running = self._running()
        codes = await asyncio.gather(*(worker.wait() for worker in running))
        self._count()
        for worker, code in zip(running, codes, strict=True):
            # One that was killed before it served had no event to lose.
            if code >= 0 or worker.has_served:
                self.ends.add((worker.number, code))
        return exit_code(code for _, code in self.ends)

    async def _replace_no_more(self) -> None:
        """Let every place stay as it is."""
        tasks = [*self._keeping, *([self._restarting] if self._restarting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def kill(self) -> None:
        """End all of them at once, after what they have to say if that does not take long."""
        await self._replace_no_more()
        self._tell("end")
        running = [spawn(worker.wait(), "wait for a worker") for worker in self._running()]
        if running:
            await asyncio.wait(running, timeout=1.0)
        for worker in self._running():
            worker.kill()
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        """Kill workers that are stuck before they serve, or after it."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            for place in self._places:
                worker = place.worker
                if worker is None or worker.is_over or (place.serves and not self._stops):
                    continue
                doing = "stops" if self._stops else "leaves" if worker.serving else "starts"
                for silence in self._silence(worker, LONGEST_SILENCE):
                    operatorlog.warn(
                        f"worker {place.number} (process {worker.pid}) {silence} while it {doing}, "
                        "and is killed"
                    )
                    worker.kill()

    def _tell(self, kind: str) -> None:
        for worker in self._running():
            worker.tell(kind)

    def _running(self) -> list[WorkerProcess]:
        return [place.worker for place in self._places if place.worker is not None]

    # --- what is seen of them --------------------------------------------------------

    def is_ready(self) -> bool | str:
        """True when clients are served wherever they land, else why not; names no secret."""
        serving = [place.worker for place in self._places if place.serves and place.worker]
        if not serving:
            return "no worker serves"
        faults = [
            f"worker {worker.number}: {fault}"
            for worker in serving
            for fault in (*self._silence(worker, SILENT), *worker.readiness.faults)
        ]
        return "; ".join(faults) or True

    def is_alive(self) -> bool | str:
        """True unless a worker is stuck."""
        faults = [
            f"worker {worker.number} {fault}"
            for worker in self._running()
            if worker.serving
            for fault in self._silence(worker, LONGEST_SILENCE)
        ]
        return "; ".join(faults) or True

    def _silence(self, worker: WorkerProcess, most: float) -> tuple[str, ...]:
        seconds = self._now() - worker.reported
        return (f"has not answered for {seconds:.0f} s",) if seconds > most else ()

    def describe(self) -> tuple[str, ...]:
        """A line for each worker, and those that it has itself."""
        found = []
        for place in self._places:
            worker = place.worker
            if worker is None or not worker.serving:
                why = f": {place.fault}" if place.fault else ""
                found.append(f"worker {place.number} is not serving{why}")
                continue
            state = "is leaving" if place.leaves else "serves"
            found.append(f"worker {place.number} {state}, process {worker.pid}")
            found += (f"worker {place.number}: {line}" for line in worker.readiness.information)
        return tuple(found)

    async def metrics(self, own: bytes) -> bytes:
        """The page of this process and of every worker that answers."""
        serving = [worker for worker in self._running() if worker.serving]
        texts = await asyncio.gather(*(worker.metrics() for worker in serving))
        pages = zip(serving, texts, strict=True)
        return one_page(own, {worker.number: text for worker, text in pages})


def exit_code(codes: Iterable[int]) -> int:
    """What all of it ends with: UNDELIVERED if one lost events, or was killed and may have."""
    found = {UNDELIVERED if code < 0 else code for code in codes}
    return UNDELIVERED if UNDELIVERED in found else max(found, default=0)


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
