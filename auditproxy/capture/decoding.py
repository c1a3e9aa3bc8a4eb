"""Decoding: bodies that take long to read wait here, each user's behind that user's own.

    submit -> waiting (a queue for each owner, the owners in turn) -> decoded -> finish("")
       \\-- no place, at a stop, or its process ended -------------------> finish(reason)

Without processes one thread decodes: bodies take the interpreter's lock from each other, so
more would decode no more. With processes there is a thread for each, which gives it what is
dear and waits, and decodes the rest itself. What waits is bounded in number and in bytes for
each owner; what has no place continues without its bodies. A running decoder cannot be ended
from outside, but the readers check ``stopping`` and the clock as they run
(serializer/budget.py); a process is killed.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from auditproxy.apis.units import MEBIBYTE
from auditproxy.capture.process import DecodeProcess, ProcessEndedError

Skipped = Literal["", "queue-full", "shutdown", "process"]
"""Why bodies were not decoded; "" when they were, as far as they could be."""

OWNERS = 1024
"""Users with a queue of their own; later users share the last one."""
JOBS = 512
"""Requests of one owner whose bodies may wait."""
LAST = 2.0
"""Seconds, at a stop, for what is being decoded to notice."""
SHARED = "others"
DEAR = 2 * MEBIBYTE
"""Cost (audit/costs.py) from which a process decodes: beside a thread each turn of the event loop
would wait for the interpreter, for some 12 ms in all."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """The bodies of one request. ``decode`` runs on a thread, with the process that is to do it
    or None, and raises ProcessEndedError alone; ``finish`` runs on the event loop, once, whatever
    happens. ``size`` is what the copies hold in bytes, ``cost`` as in audit/costs.py.
    """

    owner: str
    size: int
    cost: int
    decode: Callable[[DecodeProcess | None], None]
    finish: Callable[[Skipped], None]


@dataclass(slots=True)
class _Waiting:
    """What waits of one owner."""

    jobs: deque[Job] = field(default_factory=deque)
    size: int = 0


class DecodeQueue:
    """Lives as long as the proxy; all but ``Job.decode`` runs on the event loop.

    ``owner_bytes`` bounds what the copies of one owner's waiting bodies may hold. ``report`` logs
    one fact for operators.
    """

    def __init__(
        self,
        owner_bytes: int = 256 * 1024 * 1024,
        *,
        processes: Sequence[DecodeProcess] = (),
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.owner_bytes = owner_bytes
        self.stopping = False
        self._report = report
        self._queues: OrderedDict[str, _Waiting] = OrderedDict()
        self._processes = processes
        self._free: list[DecodeProcess | None] = list(processes) or [None]
        self._running: dict[Job, DecodeProcess | None] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._threads = ThreadPoolExecutor(len(self._free), "decode-bodies")

    def __len__(self) -> int:
        """Requests whose bodies wait or are being decoded."""
        return sum(len(queue.jobs) for queue in self._queues.values()) + len(self._running)

    def submit(self, job: Job) -> None:
        """Have bodies decoded when it is their owner's turn."""
        if self.stopping:
            job.finish("shutdown")
            return
        owner = job.owner
        if owner not in self._queues and len(self._queues) >= OWNERS:
            owner = SHARED
        queue = self._queues.setdefault(owner, _Waiting())
        if queue.jobs and (len(queue.jobs) >= JOBS or queue.size + job.size > self.owner_bytes):
            job.finish("queue-full")
            return
        queue.jobs.append(job)
        queue.size += job.size
        self._idle.clear()
        if self._free:
            self._next()

    def _next(self) -> None:
        """Decode for the owner whose turn it is."""
        if not self._queues:
            if not self._running:
                self._idle.set()
            return
        owner, queue = self._queues.popitem(last=False)
        job = queue.jobs.popleft()
        queue.size -= job.size
        if queue.jobs:
            self._queues[owner] = queue
        process = self._running[job] = self._free.pop()
        used = process if job.cost >= DEAR else None
        decoding = asyncio.get_running_loop().run_in_executor(self._threads, job.decode, used)
        decoding.add_done_callback(partial(self._decoded, job))

    def _decoded(self, job: Job, decoding: "asyncio.Future[None]") -> None:
        crash = decoding.exception()
        if job not in self._running:
            # Given up at a stop; its event is written.
            return
        self._free.append(self._running.pop(job))
        try:
            job.finish(self._outcome(crash))
        finally:
            self._next()

    def _outcome(self, ended: BaseException | None) -> Skipped:
        if not isinstance(ended, ProcessEndedError):
            return ""
        if self.stopping:
            return "shutdown"
        self._report(f"the process that decodes bodies failed; an event notes it: {ended}")
        return "process"

    async def settle(self) -> None:
        """Wait until nothing waits."""
        await self._idle.wait()

    async def stop(self, grace: float) -> int:
        """Wait at most ``grace`` seconds, finish the rest undecoded; returns how many were."""
        if await self._settled(grace):
            self.stopping = True
            return 0
        self.stopping = True
        rest = [job for queue in self._queues.values() for job in queue.jobs]
        self._queues.clear()
        given_up = len(self)
        for job in rest:
            _give_up(job)
        for process in self._processes:
            process.kill()
        if not await self._settled(LAST):
            running, self._running = list(self._running), {}
            for job in running:
                _give_up(job)
        return len(rest) + given_up

    async def _settled(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Let go of the threads and the processes."""
        for process in self._processes:
            process.close()
        self._threads.shutdown(wait=False)


def _give_up(job: Job) -> None:
    """Finish a job undecoded; whatever that raises, the others are still to be finished."""
    try:
        job.finish("shutdown")
    except Exception as crash:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "an event could not be finished", "exception": crash}
        )
