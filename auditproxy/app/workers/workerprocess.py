"""WorkerProcess: one worker as its parent sees it.

started --built--> built --serve--> serving --its end--> ended
        --failed, or its end--> ended, with the reason
"""

import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path

import msgspec

from auditproxy.apis.faults import FAILED, Unusable
from auditproxy.app.workers.control import ControlChannel
from auditproxy.health.server import Readiness
from auditproxy.options import Options
from auditproxy.sockets.tasks import spawn

ROOT = Path(__file__).parent.parent.parent.parent
"""The folder that the package is in, for a worker to import the same one."""

ANSWER_TIME = 5.0
"""Seconds in which a worker must send its metrics, or the page goes without them."""


class WorkerProcess:
    """A process that serves clients; made by ``start``.

    ``readiness`` is what it reported last, ``reported`` when, on the monotonic clock.
    """

    def __init__(
        self, number: int, process: asyncio.subprocess.Process, channel: ControlChannel
    ) -> None:
        self.number = number
        self.serving = self.has_served = self._is_killed = False
        self.readiness = Readiness(("has not reported yet",))
        self.reported = self.began = time.monotonic()
        self._process = process
        self._channel = channel
        self._built: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._metrics: asyncio.Future[bytes] | None = None
        self._failure: Unusable | None = None
        self._hearing = spawn(self._hear(), f"hear worker {number}")

    @classmethod
    async def start(cls, number: int, options: Options, listener: socket.socket) -> "WorkerProcess":
        """Start a worker on a bound socket; raises OSError."""
        ours, its = socket.socketpair()
        with its:
            descriptors = (its.fileno(), listener.fileno())
            path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    # Not what happens to be in the current folder.
                    "-P",
                    "-m",
                    "auditproxy.app.workers.worker",
                    *map(str, (number, *descriptors)),
                    pass_fds=descriptors,
                    env={**os.environ, "PYTHONPATH": path},
                    # A terminal's Ctrl-C is for the parent, which stops its workers in order.
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        worker = cls(number, process, await ControlChannel.of(ours))
        worker.tell("options", msgspec.json.encode(options))
        return worker

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def tell(self, kind: str, content: bytes = b"") -> None:
        """Send a message of Control; nothing happens where the worker has ended."""
        self._channel.tell(kind, content)

    async def built(self) -> None:
        """Wait until it could serve; raises Unusable with what it has found."""
        await asyncio.shield(self._built)

    async def serve(self) -> None:
        """Have it serve, and wait until it does; raises Unusable."""
        self.tell("serve")
        await asyncio.shield(self._started)
        self.serving = self.has_served = True

    async def metrics(self) -> bytes:
        """The text of its metrics; b"" when it does not answer in time."""
        if self._metrics is None or self._metrics.done():
            self._metrics = asyncio.get_running_loop().create_future()
            self.tell("metrics")
        try:
            async with asyncio.timeout(ANSWER_TIME):
                return await asyncio.shield(self._metrics)
        except TimeoutError:
            return b""

    async def wait(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        code = await self._process.wait()
        await self._hearing
        self.serving = False
        return code

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or was killed."""
        return self._is_killed or self._process.returncode is not None

    def kill(self) -> None:
        """End it at once, wherever it is."""
        self._is_killed = True
        if self._process.returncode is None:
            self._process.kill()

    async def _hear(self) -> None:
        try:
            while (message := await self._channel.receive()) is not None:
                self._heard(*message)
        except ValueError:
            # Not one of ours wrote this; what has such a process is of no use.
            self.kill()
        finally:
            self._ended()

    def _heard(self, kind: str, content: bytes) -> None:
        self.reported = time.monotonic()
        if kind == "built":
            _settle(self._built)
        elif kind == "serving":
            _settle(self._started)
        elif kind == "state":
            told = json.loads(content)
            self.readiness = Readiness(tuple(told["faults"]), tuple(told["information"]))
        elif kind == "metrics" and self._metrics is not None and not self._metrics.done():
            self._metrics.set_result(content)
        elif kind == "failed":
            told = json.loads(content)
            self._failure = Unusable(*told["faults"], code=told["code"])

    def _ended(self) -> None:
        failure = self._failure or Unusable(
            f"worker {self.number} ended before it served", code=FAILED
        )
        for future in (self._built, self._started):
            if not future.done():
                future.set_exception(failure)
                # Read, so that asyncio does not report it where it is not awaited.
                future.exception()
        if self._metrics is not None and not self._metrics.done():
            self._metrics.set_result(b"")
        self.serving = False
        self._channel.close()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
