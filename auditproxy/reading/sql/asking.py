"""Asking: SQL that a user wrote, run in a process of its own that is ended when it takes too long.

The process gets the files and the statement on its standard input, and writes rows as lines of
JSON. It has no more than some memory, time and disk, and its connection (store.py) neither files of
others nor a network.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.store import StoredFile, is_one_select

TIMEOUT = 300.0
"""Seconds of one statement."""
MOST_ROWS = 1_000_000
"""Rows of one answer."""


class Question(msgspec.Struct, frozen=True):
    """What the process is asked."""

    files: tuple[StoredFile, ...]
    folder: str
    statement: str
    parameters: tuple[Any, ...]
    threads: int
    most_rows: int


class SqlAnswer(msgspec.Struct):
    """Columns and rows; ``cut`` where there are more rows."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    cut: bool = False


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
    question = Question(tuple(files), folder, statement, tuple(parameters), threads, most_rows)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "auditproxy.reading.sql.answering"],
            input=msgspec.json.encode(question),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unusable(f"it has no answer within {timeout:g} seconds; ask for less") from None
    lines = iter(done.stdout.splitlines())
    return _answer(lines, done.returncode)


def _answer(lines: Iterator[bytes], code: int) -> SqlAnswer:
    try:
        head = json.loads(next(lines))
        if "error" in head:
            raise Unusable(str(head["error"]))
        rows = [json.loads(line) for line in lines]
        if code:
            raise ValueError
    except (StopIteration, ValueError):
        raise Unusable(f"its process ended early (exit code {code}); ask for less") from None
    ended = rows.pop() if rows else {}
    return SqlAnswer(tuple(head["columns"]), rows, bool(ended.get("cut")))
