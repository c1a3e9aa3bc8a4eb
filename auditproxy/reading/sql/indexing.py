"""The program of a process that makes an index and answers from it: ``python -m`` this module.

An IndexTask comes on standard input, then IndexQuestions, each a line of JSON. Standard output has
how far the index is, then a line for each question. It ends with its input.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.answering import limit_memory, plain
from auditproxy.reading.sql.expressions import check_expression, placed_fault
from auditproxy.reading.sql.index import build_index, open_index
from auditproxy.reading.sql.indexed import IndexQuestion, IndexTask
from auditproxy.reading.sql.store import first_line, is_one_select

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOOK = 0.25
"""Seconds between two reports of how far the index is."""


def main() -> int:
    """Answer until the input ends; the exit code."""
    limit_memory()
    first = sys.stdin.buffer.readline()
    if not first:
        # The command was ended before it said what to do.
        return 0
    task = msgspec.json.decode(first, type=IndexTask)
    try:
        if not task.is_built:
            for done in _build(task):
                _say({"progress": done})
        connection = open_index(task.folder, task.threads)
    except Unusable as error:
        _say({"error": str(error)})
        return 0
    _say({"ready": True})
    for line in sys.stdin.buffer:
        _say(answer(connection, msgspec.json.decode(line, type=IndexQuestion)))
    return 0


def answer(connection: "DuckDBPyConnection", question: IndexQuestion) -> dict[str, Any]:
    """The rows of one question, or what is wrong with it."""
    import duckdb

    try:
        if question.expression:
            check_expression(question.expression)
        if not is_one_select(question.statement):
            raise Unusable("it must be one expression, and nothing else")
        result = connection.execute(question.statement, list(question.parameters))
        rows = result.fetchmany(question.most_rows + 1)
    except Unusable as error:
        return {"error": str(error)}
    except duckdb.Error as error:
        if question.expression:
            return {"error": str(placed_fault(error, question.statement, question.expression))}
        return {"error": " ".join(str(error).splitlines()[:3])}
    shown = [[plain(value) for value in row] for row in rows[: question.most_rows]]
    return {"rows": shown, "cut": len(rows) > question.most_rows}


def _build(task: IndexTask) -> Iterator[float]:
    """Make the index; how much of it is done, again and again. Raises Unusable."""
    import duckdb

    faults: list[Exception] = []
    try:
        build = build_index(task.files, task.folder, task.threads)
    except duckdb.Error as error:
        raise Unusable(f"the index cannot be made: {first_line(error)}") from None

    def run() -> None:
        try:
            build.run()
        except duckdb.Error as error:
            faults.append(error)

    thread = threading.Thread(target=run, name="index", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK)
        # It is closed once it is done.
        with contextlib.suppress(duckdb.Error):
            yield max(0.0, build.progress())
    if faults:
        raise Unusable(f"the index cannot be made: {first_line(faults[0])}")


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The command has ended; a usual exit would write again.
        os._exit(1)
