"""An indexed trail: questions in SQL, answered by a process of its own from the index.

The process makes the index when it starts first. It has no more than some memory, and neither files
of others nor a network (store.py). One that takes too long for an answer is ended, and the next
question starts another on the same index.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.moments import in_seconds
from auditproxy.reading.sql.store import StoredFile
from auditproxy.reading.trail.sources import TrailFile

ANSWER_TIMEOUT = 30.0
"""Seconds that one answer may take."""


class TrailClosed(Unusable):
    """A question to a trail that was closed, or is while the question waits for its answer."""

    def __init__(self) -> None:
        super().__init__("the trail is closed")


@prepared
class IndexTask(msgspec.Struct, frozen=True):
    """What the process is for; ``folder`` has the index, and what does not fit into memory.

    ``stored`` are the files that an index was built of.
    """

    files: tuple[TrailFile, ...]
    folder: str
    threads: int
    is_built: bool = False
    stored: tuple[StoredFile, ...] = ()


@prepared
class IndexQuestion(msgspec.Struct, frozen=True):
    """One SELECT over the view requests; ``expression`` is what a user wrote in it, or ""."""

    statement: str
    parameters: tuple[Any, ...]
    most_rows: int
    expression: str = ""


class IndexProgress(NamedTuple):
    """How far an index is: events that were written anew for it, and of the index 0 to 100.

    ``percent`` is None before it is begun.
    """

    events: int
    percent: float | None


class IndexedTrail:
    """Answers questions, one after the other, from any thread; ``close`` it."""

    def __init__(
        self,
        files: Sequence[TrailFile],
        folder: str,
        *,
        threads: int = 2,
        timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._task = IndexTask(tuple(files), folder, threads)
        self.counts = Counts()
        """What the lines were of files that were written anew."""
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def build(self, report: Callable[[IndexProgress], None] = lambda done: None) -> None:
        """Make the index; ``report`` gets how far it is, again and again. Raises Unusable."""
        with self._lock:
            if self._closed:
                raise TrailClosed
            self._start(report)
            self._task = msgspec.structs.replace(self._task, is_built=True)

    @property
    def stored(self) -> tuple[StoredFile, ...]:
        """The files that the index was made of."""
        return self._task.stored

    def ask(
        self,
        statement: str,
        parameters: Sequence[Any] = (),
        most_rows: int = 1000,
        expression: str = "",
    ) -> list[list[Any]]:
        """The rows of the answer, at most so many; raises Unusable with what is wrong.

        ``expression`` is the part that a user wrote, enclosed by expressions.py.
        """
        question = IndexQuestion(statement, tuple(parameters), most_rows, expression)
        with self._lock:
            if self._closed:
                raise TrailClosed
            if self._process is None:
                self._start(lambda done: None)
            return list(self._answer(question)["rows"])

    def close(self) -> None:
        """End the process."""
        self._closed = True
        # A question that waits for its answer has none then.
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _start(self, report: Callable[[IndexProgress], None]) -> None:
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "auditproxy.reading.sql.indexing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Of Ctrl-C it learns by the end of its input.
            start_new_session=True,
        )
        if self._closed:
            # close() may have looked for a process before there was one.
            process.kill()
        self._send(process, self._task)
        while "ready" not in (said := self._said(process)):
            if "progress" in said:
                report(IndexProgress(**said["progress"]))
            if "stored" in said:
                stored = msgspec.convert(said["stored"], tuple[StoredFile, ...])
                self._task = msgspec.structs.replace(self._task, stored=stored)
                self.counts = Counts(said["counts"])

    def _answer(self, question: IndexQuestion) -> dict[str, Any]:
        process = self._process
        assert process is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._timeout, give_up)
        timer.daemon = True
        timer.start()
        try:
            self._send(process, question)
            return self._said(process)
        except Unusable:
            if late.is_set():
                raise Unusable(
                    f"there is no answer within {in_seconds(self._timeout)}; ask for less, "
                    "such as a shorter time"
                ) from None
            raise
        finally:
            timer.cancel()

    def _send(self, process: "subprocess.Popen[bytes]", value: IndexTask | IndexQuestion) -> None:
        assert process.stdin is not None
        # One that has ended is noticed when its answer is read.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(value) + b"\n")
            process.stdin.flush()

    def _said(self, process: "subprocess.Popen[bytes]") -> dict[str, Any]:
        """The next line; raises Unusable for an error, and where the process has ended."""
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            code = self._end()
            if self._closed:
                raise TrailClosed
            raise Unusable(f"the process of the index ended early (exit code {code})")
        said = json.loads(line)
        if "error" in said:
            raise Unusable(str(said["error"]))
        return dict(said)

    def _end(self) -> int:
        """The exit code of the process; 0 where there is none."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        return code
