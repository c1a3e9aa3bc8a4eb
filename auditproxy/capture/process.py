"""DecodeProcess: decodes large bodies outside of this process, which serves requests meanwhile.

    none --(first task)--> waits --(task)--> works --(reply)--> waits
                                               |
             ends, takes too long, is killed at a stop, or its reply is not valid
                                               v
                                              none: the task failed; the next one starts another
    none --(it cannot be started)--> none for AGAIN seconds, in which tasks are the caller's to do

One thread at a time gives it a task and waits, without the interpreter's lock. The process is
started as any program is (``subprocess``: vfork and exec), never as a fork of this Python: it has
no copy of this memory, and no lock that another thread holds. It inherits one socket, its
arguments and environment hold no secret, and it ends when this process ends.
"""

import contextlib
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from auditproxy.apis.attributes import RequestInfo
from auditproxy.audit.captured import Captured
from auditproxy.audit.context import AuditContext, Changes
from auditproxy.capture import messages
from auditproxy.capture.copies import Copy
from auditproxy.capture.messages import HEAD, NONE, Part, Reply, Task
from auditproxy.capture.recording import RecordingConfiguration, seconds_for
from auditproxy.capture.worker import NICE, read

WAIT, WAIT_A_SECOND = 30, 4
"""Seconds that a task may take, and more for each second of CPU that its bodies may: a machine
that is busy elsewhere leaves no gaps in the trail, a process that hangs is not waited for."""
KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX")
"""What Python may need to start; all else could be a secret."""
BEGIN = f"""\
import os, sys
os.nice({NICE})
class Turns:
    @staticmethod
    def find_spec(name, path=None, target=None):
        os.sched_yield()
sys.meta_path.insert(0, Turns)
from auditproxy.capture.worker import main
main(*map(int, sys.argv[1:]))
"""
"""How it begins: as nice as it will be, and giving its core away at each import (worker.Turns)."""
LAST = 2.0
"""Seconds until a killed process is gone."""
AGAIN = 60.0
"""Seconds until the next attempt, where none could be started."""


class NoProcessError(Exception):
    """There is no process, and none was given the task."""


class ProcessEndedError(Exception):
    """The process did not do a task; the text says how it ended, for operators."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A copy of a body, and its cost (audit/costs.py)."""

    copy: Copy
    cost: int

    def part(self) -> Part:
        """What announces it; waits for a disk where some of it is in a file."""
        if self.copy.is_whole():
            return Part(self.copy.size, "", self.cost)
        return Part(NONE, self.copy.missing(), self.cost)


@dataclass(frozen=True, slots=True)
class Given:
    """What a process is given of one request."""

    context: AuditContext
    info: RequestInfo
    captured: Captured
    long_running: bool
    request: Sent | None
    response: Sent | None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it; ``faults`` are ours, without content."""

    changes: Changes
    request_object: msgspec.Raw | None
    response_object: msgspec.Raw | None
    reasons: tuple[str, ...]
    faults: tuple[str, ...]


class DecodeProcess:
    """One process, started when it is needed; ``memory`` is what it may hold in bytes.

    ``report`` logs one fact for operators, from any thread; ``clock`` is monotonic, in seconds.
    """

    def __init__(
        self,
        memory: int,
        *,
        report: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory = memory
        self._report = report
        self._clock = clock
        self._not_before = -math.inf
        self._until = math.inf
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._configurations: dict[int, RecordingConfiguration] = {}
        self._number = 0
        self._is_closed = False

    @property
    def pid(self) -> int:
        """Its process id, 0 without one."""
        return 0 if self._process is None else self._process.pid

    def record(self, given: Given, configuration: RecordingConfiguration) -> Done:
        """Have the bodies of a request recorded; raises ProcessEndedError, or NoProcessError.

        Called by one thread at a time.
        """
        connection = self._started()
        try:
            task, bodies = _task(given)
            number = self._send(connection, task, bodies, configuration)
            return self._receive(connection, number)
        except Exception as error:
            # Whatever it was, what the process does now is not known.
            how = self._end(is_gone=isinstance(error, EOFError | ConnectionError))
            cause = "" if isinstance(error, EOFError | OSError) else f": {type(error).__name__}"
            raise ProcessEndedError(f"{how}{cause}") from None

    # --- a task ---------------------------------------------------------------------

    def _send(
        self,
        connection: socket.socket,
        task: Task,
        bodies: list[Copy],
        configuration: RecordingConfiguration,
    ) -> int:
        """Send a task and its bodies; returns its number."""
        sizes = [copy.size for copy in bodies]
        self._allow(connection, WAIT + WAIT_A_SECOND * sum(map(seconds_for, sizes)))
        known = self._know(connection, configuration)
        self._number += 1
        raw = messages.pack_task(task, configuration)
        head = HEAD.pack(messages.TASK, self._number, known, len(raw))
        connection.sendall(head + raw)
        for copy, size in zip(bodies, sizes, strict=True):
            sent = 0
            for block in copy.blocks():
                if time.monotonic() >= self._until:
                    raise TimeoutError
                connection.sendall(block)
                sent += len(block)
            if sent != size:
                raise EOFError
        return self._number

    def _know(self, connection: socket.socket, configuration: RecordingConfiguration) -> int:
        """The number of a configuration, which is sent if the process has it not."""
        for number, known in self._configurations.items():
            if known == configuration:
                return number
        self._number += 1
        raw = messages.pack_configuration(configuration)
        connection.sendall(HEAD.pack(messages.CONFIGURATION, self._number, len(raw), 0) + raw)
        self._configurations[self._number] = configuration
        while len(self._configurations) > messages.KEPT:
            del self._configurations[min(self._configurations)]
        return self._number

    def _receive(self, connection: socket.socket, number: int) -> Done:
        """The reply to a task; raises ValueError for what is none."""
        told, length, *sizes = HEAD.unpack(read(connection, HEAD.size, self._until))
        if told != number or not 0 <= length <= messages.LONGEST_REPLY:
            raise ValueError("not the reply to this task")
        if not all(NONE <= size <= self._memory for size in sizes):
            raise ValueError("more than it may hold")
        reply: Reply = messages.unpack_reply(read(connection, length, self._until))
        request, response = (
            None if size == NONE else msgspec.Raw(read(connection, size, self._until))
            for size in sizes
        )
        return Done(reply.changes, request, response, reply.reasons, reply.faults)

    # --- the process ----------------------------------------------------------------

    def _started(self) -> socket.socket:
        """The socket of a process that runs."""
        process = self._process
        if process is not None and process.poll() is not None:
            self._end()
        if self._socket is None and not self._is_closed:
            self._try_to_start()
        connection = self._socket
        if self._is_closed or connection is None:
            raise ProcessEndedError("it is not wanted any more")
        return connection

    def _try_to_start(self) -> None:
        """Start a process that can take tasks; raises NoProcessError."""
        if self._clock() < self._not_before:
            raise NoProcessError
        try:
            self._start()
        except Exception as error:
            is_made = self._process is not None
            how = self._end(is_gone=isinstance(error, EOFError | ConnectionError))
            if self._is_closed:
                return
            self._not_before = self._clock() + AGAIN
            why = getattr(error, "strerror", None) or type(error).__name__
            self._report(
                f"no process can be started to decode bodies: {how if is_made else why}; a thread "
                f"decodes, and the next attempt is {AGAIN:g}s from now or later"
            )
            raise NoProcessError from None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as unused, theirs:
            unused.enter_context(ours)
            paths = [path for path in sys.path if path]
            environment = {"PYTHONPATH": os.pathsep.join(paths)}
            for name in KEPT_ENVIRONMENT:
                if value := os.environ.get(name):
                    environment[name] = value
            words = [sys.executable, "-sP", "-c", BEGIN]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*words, str(theirs.fileno()), str(self._memory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment,
                # Ctrl-C in a terminal is for the proxy, which ends it when it has finished. Not in
                # a session of its own: Linux may share cores among sessions, and its niceness
                # (worker.py) would then say nothing (sched(7), autogroup).
                process_group=0,
            )
            unused.pop_all()
        self._socket = ours
        self._configurations.clear()
        self._allow(ours, WAIT)
        if read(ours, len(messages.READY), self._until) != messages.READY:
            raise ValueError("not what it says when it has started")

    def _allow(self, connection: socket.socket, seconds: float) -> None:
        """How long each call, and all together, may wait for the other side."""
        self._until = time.monotonic() + seconds
        wait = struct.pack("ll", int(seconds), 0)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, wait)

    def kill(self) -> None:
        """End it at once, in whatever state it is, and start no other; any thread may call this."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()

    def _end(self, *, is_gone: bool = False) -> str:
        """End it; returns how it ended, if it had already or is about to, ``is_gone``."""
        process, self._process = self._process, None
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if process is None:
            return "it could not be started"
        if is_gone:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST)
        had_ended = process.poll()
        process.kill()
        try:
            process.wait(LAST)
        except subprocess.TimeoutExpired:
            return "it cannot be killed"
        if had_ended is None:
            return "it did not reply as it should and was killed"
        return f"it ended with {_ending(had_ended)}"

    def close(self) -> None:
        """End it, for good; no thread may be at work with it."""
        self._is_closed = True
        self._end()


def _task(given: Given) -> tuple[Task, list[Copy]]:
    """The task, and the bodies that follow it."""
    request = None if given.request is None else given.request.part()
    response = None if given.response is None else given.response.part()
    task = Task(given.context, given.info, given.captured, given.long_running, request, response)
    pairs = ((request, given.request), (response, given.response))
    return task, [sent.copy for part, sent in pairs if sent and part and part.size > 0]


def _ending(code: int) -> str:
    """A return code in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
