"""The program of a process that runs one statement of a user: ``python -m`` this module.

A Question comes on standard input. Answers are lines of JSON: the columns or an error, each row,
and at the end whether rows were left out.
"""

import json
import math
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.asking import SAVED, Question
from auditproxy.reading.sql.placing import one_line_up
from auditproxy.reading.sql.store import SqlError, open_store
from auditproxy.reading.trail.saved import import_duckdb

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ADDRESS_SPACE = 4 << 30
"""Bytes; the database maps more than it uses."""
_BATCH = 1000
_ROW_GROUP = 100_000
_TO_START = 10
"""Seconds of CPU time."""


def main() -> int:
    """SqlAnswer; the exit code."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    limit_memory()
    # Who asks ends it in time; this is for when that one is gone.
    seconds = math.ceil(question.timeout) * question.threads + _TO_START
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.umask(0o077)
    try:
        for line in answer(question):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except SqlError as error:
        sys.stdout.write(json.dumps({"error": error.message}) + "\n")
    except Unusable as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def limit_memory() -> None:
    """Bound what this process may map, and let it leave no core dump."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = ADDRESS_SPACE if most < 0 else min(ADDRESS_SPACE, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(question: Question) -> Iterator[str]:
    """The lines of the answer; raises Unusable for what the database refuses."""
    duckdb = import_duckdb()
    if question.save:
        # The database takes paths for patterns, but not this one.
        os.chdir(question.save)
    written = (SAVED,) if question.save else ()
    connection = open_store(question.files, question.folder, question.threads, written)
    try:
        yield from _saved(connection, question) if written else _rows(connection, question)
    except duckdb.Error as error:
        message = str(error)
        raise SqlError(one_line_up(message) if written else message) from None


def _rows(connection: "DuckDBPyConnection", question: Question) -> Iterator[str]:
    result = connection.execute(question.statement, list(question.parameters))
    described = result.description
    batch = result.fetchmany(_BATCH)
    yield _head([column[0] for column in described], [column[1] for column in described])
    count = 0
    while batch:
        for row in batch:
            if count == question.most_rows:
                yield json.dumps({"cut": True, "saved": 0})
                return
            count += 1
            yield json.dumps([plain(value) for value in row])
        batch = result.fetchmany(_BATCH)
    yield json.dumps({"cut": False, "saved": 0})


def _saved(connection: "DuckDBPyConnection", question: Question) -> Iterator[str]:
    # One SELECT alone, as who asks has checked; its lines are its own, so that places are right.
    (count,) = connection.execute(
        f"COPY (\n{question.statement}\n) TO '{SAVED}' (FORMAT parquet, COMPRESSION zstd, "
        f"ROW_GROUP_SIZE {_ROW_GROUP}, USE_TMP_FILE false)"
    ).fetchone() or (0,)
    described = connection.execute(
        "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))", [SAVED]
    ).fetchall()
    yield _head([row[0] for row in described], [row[1] for row in described])
    yield json.dumps({"cut": False, "saved": int(count)})


def _head(columns: Sequence[str], types: Sequence[Any]) -> str:
    return json.dumps({"columns": list(columns), "types": [str(kind) for kind in types]})


def plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such numbers.
        return str(value)
    return value if isinstance(value, int | float | str | bool | None) else str(value)


if __name__ == "__main__":
    sys.exit(main())
