"""The program of a process that runs one statement of a user: ``python -m`` this module.

A Question comes on standard input. Answers are lines of JSON: the columns or an error, each row,
and at the end whether rows were left out.
"""

import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.asking import Question
from auditproxy.reading.sql.store import open_store

ADDRESS_SPACE = 4 << 30
"""Bytes; the database maps more than it uses."""
_BATCH = 1000


def main() -> int:
    """SqlAnswer; the exit code."""
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    limit_memory()
    try:
        for line in answer(question):
            sys.stdout.write(line + "\n")
    except Unusable as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
    return 0


def limit_memory() -> None:
    """Bound what this process may map, and let it leave no core dump."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = ADDRESS_SPACE if most < 0 else min(ADDRESS_SPACE, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(question: Question) -> Iterator[str]:
    """The lines of the answer; raises Unusable for what the database refuses."""
    connection = open_store(question.files, question.folder, question.threads)
    import duckdb

    try:
        result = connection.execute(question.statement, list(question.parameters))
        columns = [column[0] for column in result.description]
        batch = result.fetchmany(_BATCH)
    except duckdb.Error as error:
        raise Unusable(" ".join(str(error).splitlines()[:3])) from None
    yield json.dumps({"columns": columns})
    count = 0
    while batch:
        for row in batch:
            if count == question.most_rows:
                yield json.dumps({"cut": True})
                return
            count += 1
            yield json.dumps([plain(value) for value in row])
        batch = result.fetchmany(_BATCH)
    yield json.dumps({"cut": False})


def plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, int | float | str | bool | None) else str(value)


if __name__ == "__main__":
    sys.exit(main())
