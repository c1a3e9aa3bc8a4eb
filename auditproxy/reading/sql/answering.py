"""The program of a process that runs one statement of a user: ``python -m`` this module.

A Question comes on standard input. Answers are lines of JSON: the columns or an error, each row,
and at the end whether rows were left out.
"""

import json
import math
import os
import resource
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.asking import Question
from auditproxy.reading.sql.store import SqlError, open_store

ADDRESS_SPACE = 4 << 30
"""Bytes; the database maps more than it uses."""
_BATCH = 1000
_TO_START = 10
"""Seconds of CPU time."""


def main() -> int:
    """SqlAnswer; the exit code."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = ADDRESS_SPACE if most < 0 else min(ADDRESS_SPACE, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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


def answer(question: Question) -> Iterator[str]:
    """The lines of the answer; raises Unusable for what the database refuses."""
    connection = open_store(question.files, question.folder, question.threads)
    import duckdb

    try:
        result = connection.execute(question.statement, list(question.parameters))
        described = result.description
        batch = result.fetchmany(_BATCH)
        yield json.dumps(
            {
                "columns": [column[0] for column in described],
                "types": [str(column[1]) for column in described],
            }
        )
        count = 0
        while batch:
            for row in batch:
                if count == question.most_rows:
                    yield json.dumps({"cut": True, "saved": 0})
                    return
                count += 1
                yield json.dumps([_plain(value) for value in row])
            batch = result.fetchmany(_BATCH)
    except duckdb.Error as error:
        raise SqlError(str(error)) from None
    yield json.dumps({"cut": False, "saved": 0})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such numbers.
        return str(value)
    return value if isinstance(value, int | float | str | bool | None) else str(value)


if __name__ == "__main__":
    sys.exit(main())
