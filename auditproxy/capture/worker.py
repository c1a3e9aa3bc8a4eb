"""The process that decodes bodies (process.py starts it), at the other end of a socket.

    waits --task--> records --> replies --> waits
    the proxy is gone: ends, in whatever state it is

It reads clients' bodies, so it has one socket, no other file, and no environment of the proxy's;
the kernel enforces the bounds of its memory and, for each task, of its CPU. It imports only the
pure core.
"""

import contextlib
import math
import os
import resource
import select
import signal
import socket
import threading
import time
from collections.abc import Callable

import msgspec

from auditproxy.apis.crash import describe
from auditproxy.audit.deprecation import Deprecations
from auditproxy.audit.objects import REQUEST_OBJECT_OMITTED, RESPONSE_OBJECT_OMITTED
from auditproxy.capture import messages
from auditproxy.capture.messages import NONE, Part, Reply, Task
from auditproxy.capture.recording import (
    BodyRecording,
    RecordingConfiguration,
    Taken,
    budget_of,
    seconds_for,
)

NICE = 10
"""Its niceness: where both need one core, the proxy has it first. With the lowest
priority, a client that keeps that core busy would keep bodies from being decoded in time."""
MORE, SPARE_SECONDS = 1.25, 2
"""Times the CPU seconds of its bodies that a task may take, and what it may besides: bodies that
are dear to read are passed over once more, for a quarter of the time."""
TURN = 0.0003
"""Seconds that it works on before it gives its core away."""


class Turns:
    """Gives the core away to what waits for it, again and again while a body is read.

    The kernel takes a core away from what never waits only when its clock ticks, every 4 ms on
    most machines, however nice it is; a proxy on the same core would keep clients waiting so long.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        give: Callable[[], None] = os.sched_yield,
    ) -> None:
        self._clock = clock
        self._give = give
        self._until = 0.0

    def pause(self) -> bool:
        """Give it away if a turn is over; return false: the body is still wanted."""
        if self._clock() >= self._until:
            self._give()
            self._until = self._clock() + TURN
        return False


class TaskRecording(BodyRecording):
    """The recording of a task; ``faults`` are ours, without content."""

    def __init__(
        self, task: Task, configuration: RecordingConfiguration, request: bytes, response: bytes
    ) -> None:
        super().__init__(task.context, task.captured, configuration, configuration.response_copy)
        self.deprecations = Deprecations()
        self.faults: list[str] = []
        self._task = task
        self._turns = Turns()
        self._request = request
        self._response = response

    def request(self) -> Taken | None:
        """The request's body."""
        return self._taken(self._task.request, self._request, REQUEST_OBJECT_OMITTED)

    def response(self, *, early: bool) -> Taken | None:
        """The answer's body."""
        return self._taken(self._task.response, self._response, RESPONSE_OBJECT_OMITTED)

    def report(self, crash: Exception) -> None:
        """Keep where it was."""
        self.faults.append(describe(crash))

    def reply(self) -> Reply:
        """Do it; returns what the proxy has to know besides the two objects."""
        self.record(self._task.info, long_running=self._task.long_running)
        budgets = self.captured.request_budget, self.captured.response_budget
        reasons = tuple(each.reason for each in budgets if each is not None and each.reason)
        return Reply(self._context.changes(), reasons, tuple(self.faults))

    def _taken(self, part: Part | None, body: bytes, omitted: str) -> Taken | None:
        if part is None:
            return None
        budget = budget_of(omitted, part.cost, max(part.size, 0), self._turns.pause)
        return None if part.size == NONE else body, part.missing, budget


class DecodeWorker:
    """Does one task after the other."""

    def __init__(self, proxy: socket.socket) -> None:
        self._proxy = proxy
        self._configurations: dict[int, RecordingConfiguration] = {}

    def run(self) -> None:
        """Work until the proxy is gone; raises EOFError."""
        while True:
            kind, number, first, second = messages.HEAD.unpack(self._read(messages.HEAD.size))
            if kind == messages.CONFIGURATION:
                self._configure(number, self._read(first))
            else:
                self._work(number, first, second)

    def _configure(self, number: int, raw: bytes) -> None:
        self._configurations[number] = messages.unpack_configuration(raw)
        while len(self._configurations) > messages.KEPT:
            del self._configurations[min(self._configurations)]

    def _work(self, number: int, configuration_number: int, length: int) -> None:
        configuration = self._configurations[configuration_number]
        task = messages.unpack_task(self._read(length), configuration)
        sizes = [max(part.size, 0) if part else 0 for part in (task.request, task.response)]
        _bound_cpu(sum(map(seconds_for, sizes)))
        reply = TaskRecording(task, configuration, *map(self._read, sizes)).reply()
        objects = task.context.request_object, task.context.response_object
        self._send(number, messages.pack_reply(reply), objects)

    def _send(
        self, number: int, reply: bytes, objects: tuple[msgspec.Raw | None, msgspec.Raw | None]
    ) -> None:
        views = [NONE if each is None else memoryview(each).nbytes for each in objects]
        self._proxy.sendall(messages.HEAD.pack(number, len(reply), *views) + reply)
        for each in objects:
            if each is not None:
                self._proxy.sendall(memoryview(each))

    def _read(self, size: int) -> bytes:
        return read(self._proxy, size)


def read(connection: socket.socket, size: int, until: float = math.inf) -> bytes:
    """Read exactly so many bytes; raises EOFError when the other side is gone.

    If they come bit by bit it raises TimeoutError at ``until`` of the monotonic clock. As a rule it
    is one call, which gives the interpreter to others while it waits.
    """
    whole = connection.recv(size, socket.MSG_WAITALL) if size else b""
    if len(whole) == size:
        return whole
    parts = [whole]
    left = size - len(whole)
    while left:
        if time.monotonic() >= until:
            raise TimeoutError
        parts.append(connection.recv(left, socket.MSG_WAITALL))
        if not parts[-1]:
            raise EOFError
        left -= len(parts[-1])
    return b"".join(parts)


def _bound_cpu(seconds: float) -> None:
    """Have the kernel end this process when a task takes much more than its bodies may."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + MORE * seconds) + 1 + SPARE_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_within(until, hard), hard))


def _within(wanted: int, hard: int) -> int:
    """A bound that the kernel accepts below one that was there before."""
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _end_with(proxy: socket.socket) -> None:
    """End when the proxy is gone, even in the middle of a task."""
    watched = select.poll()
    watched.register(proxy, select.POLLRDHUP)
    watched.poll()
    os._exit(0)


def main(descriptor: int, memory: int) -> None:
    """Serve the proxy at the other end of a socket; ``memory`` is in bytes."""
    # A stop of everything at once leaves the end to the proxy, which has tasks to finish.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = _within(memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
    # Where memory ends, its loss costs a body, and that of the proxy everything.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", 0) as file:
        file.write(b"1000")
    proxy = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with, args=(proxy,), name="proxy-gone", daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        proxy.sendall(messages.READY)
        DecodeWorker(proxy).run()
