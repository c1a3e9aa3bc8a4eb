"""Asking: SQL that a user wrote, run in a process of its own that is ended when it takes too long.

The process gets the files and the statement on its standard input, and writes rows as lines of
JSON. It has no more than some memory, time and disk, and its connection (store.py) neither files of
others nor a network.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, TypeVar

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.reading.meaning.moments import in_seconds
from auditproxy.reading.sql.placing import in_one_line
from auditproxy.reading.sql.store import SqlError, StoredFile, is_one_select

TIMEOUT = 300.0
"""Seconds of one statement."""
MOST_ROWS = 1_000_000
"""Rows of one answer."""
SAVED = "saved.parquet"
"""The file of rows that are not printed."""
Row = TypeVar("Row")


@prepared
class Question(msgspec.Struct, frozen=True):
    """What the process is asked; ``save`` is a folder that gets the rows in a file SAVED, or ""."""

    files: tuple[StoredFile, ...]
    folder: str
    statement: str
    parameters: tuple[Any, ...]
    threads: int
    most_rows: int
    save: str = ""
    timeout: float = TIMEOUT


class SqlAnswer(msgspec.Struct):
    """Columns and rows; ``cut`` where there are more rows."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    cut: bool = False


class SqlRows:
    """The rows of an answer as they come, once.

    ``types`` are the database's names of the columns' types. ``cut`` and ``saved``, the number of
    rows in the file that was asked for, are known behind the last row.
    """

    def __init__(self, lines: Iterator[bytes], head: dict[str, Any]) -> None:
        self._lines = lines
        self.columns: tuple[str, ...] = tuple(head["columns"])
        self.types: tuple[str, ...] = tuple(head["types"])
        self.cut = False
        self.saved = 0

    def __iter__(self) -> Iterator[list[Any]]:
        return self._each(_decoded)

    def decoded(self, kind: type[Row]) -> Iterator[Row]:
        """The same, each row as a struct that is like an array of its columns."""
        return self._each(msgspec.json.Decoder(kind).decode)

    def _each(self, decode: Callable[[bytes], Row]) -> Iterator[Row]:
        for line in self._lines:
            if line.startswith(b"[") and line.endswith(b"\n"):
                yield decode(line)
                continue
            value = _decoded(line)
            if "error" in value:
                raise SqlError(value["error"])
            self.cut = value["cut"]
            self.saved = value["saved"]
            return
        raise _EndedEarly


def ask(
    files: Sequence[StoredFile],
    folder: str,
    statement: str,
    parameters: Sequence[Any] = (),
    *,
    threads: int = 2,
    most_rows: int = MOST_ROWS,
    timeout: float = TIMEOUT,
) -> SqlAnswer:
    """The answer to one SELECT; raises Unusable with what is wrong with it."""
    if not is_one_select(statement):
        raise Unusable("it must be one SELECT, and nothing else")
    question = Question(
        tuple(files),
        folder,
        statement,
        tuple(parameters),
        threads,
        most_rows,
        timeout=timeout,
    )
    with asked(question) as answer:
        rows = list(answer)
        return SqlAnswer(answer.columns, rows, answer.cut)


class _EndedEarly(Exception):  # noqa: N818 - what the process did
    """The process has ended, and not where an answer does."""


@contextlib.contextmanager
def asked(question: Question) -> Iterator[SqlRows]:
    """The answer to one SELECT of a user, whose rows are read as they come.

    Raises Unusable with what is wrong with the statement, here or while rows are read. The process
    has ended when the context is left, whatever the reason.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "auditproxy.reading.sql.answering"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A Ctrl-C is for this process, which then ends that one.
        start_new_session=True,
    )
    late = threading.Event()
    timer = threading.Timer(question.timeout, _end, (process, late))
    timer.daemon = True
    timer.start()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        _put(process.stdin, msgspec.json.encode(question))
        head = _decoded(process.stdout.readline())
        if "error" in head:
            raise SqlError(head["error"])
        yield SqlRows(iter(process.stdout), head)
    except _EndedEarly:
        if late.is_set():
            raise Unusable(
                f"it has no answer within {in_seconds(question.timeout)}; ask for less"
            ) from None
        code = process.wait()
        raise Unusable(f"its process ended early (exit code {code}); ask for less") from None
    finally:
        timer.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


def check(statement: str) -> None:
    """Raise Unusable, with the place, for a text that is not one SELECT."""
    try:
        if not is_one_select(statement):
            raise Unusable("it must be one SELECT, and nothing else")
    except SqlError as error:
        raise placed(error, statement) from None


def placed(error: SqlError, statement: str) -> Unusable:
    """The error in one line that says where in the statement it is."""
    return Unusable(in_one_line(error.message, statement))


def _end(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _put(pipe: IO[bytes], data: bytes) -> None:
    # A process that has ended is known by its answer.
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(data)


def _decoded(line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise _EndedEarly
    return json.loads(line)
