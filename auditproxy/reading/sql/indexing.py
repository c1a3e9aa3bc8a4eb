"""The program of a process that makes an index and answers from it: ``python -m`` this module.

An IndexTask comes on standard input, then IndexQuestions, each a line of JSON. Standard output has
how far the index is and what it is of, then a line for each question. It ends with its input.
"""

import contextlib
import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.meaning.events import EVENTS, Counts
from auditproxy.reading.sql.answering import limit_memory, plain
from auditproxy.reading.sql.expressions import check_expression, placed_fault
from auditproxy.reading.sql.index import IndexBuild, build_index, open_index
from auditproxy.reading.sql.indexed import IndexProgress, IndexQuestion, IndexTask
from auditproxy.reading.sql.store import StoredFile, first_line, is_one_select, prepare
from auditproxy.reading.trail.saved import import_duckdb

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
    stored = task.stored
    try:
        if not task.is_built:
            stored = _build(task)
        connection = open_index(task.folder, task.threads, stored)
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


def _build(task: IndexTask) -> tuple[StoredFile, ...]:
    """Make the index, and say how much of it is done; what it is of. Raises Unusable."""
    made = _Making(task)
    thread = threading.Thread(target=made.run, name="index", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK)
        _say({"progress": made.progress()._asdict()})
    if made.fault:
        raise Unusable(made.fault)
    stored = [msgspec.to_builtins(file) for file in made.stored]
    _say({"stored": stored, "counts": made.counts})
    return made.stored


class _Making:
    """From files to an index: ``run`` in one thread, ``progress`` in another."""

    def __init__(self, task: IndexTask) -> None:
        self._task = task
        self._build: IndexBuild | None = None
        self.counts = Counts()
        self.stored: tuple[StoredFile, ...] = ()
        self.fault = ""

    def run(self) -> None:
        """Make it; ``fault`` says why it cannot be made."""
        import duckdb

        task = self._task
        try:
            self.stored = tuple(prepare(task.files, task.folder, self.counts))
            self._build = build_index(self.stored, task.folder, task.threads)
            self._build.run()
        except Unusable as error:
            self.fault = "; ".join(error.faults)
        except duckdb.Error as error:
            self.fault = f"the index cannot be made: {first_line(error)}"
        except OSError as error:
            self.fault = f"{error.filename or 'the index'}: {error.strerror}"

    def progress(self) -> IndexProgress:
        """How far it is."""
        percent = None
        if self._build is not None:
            # It is closed once it is done.
            with contextlib.suppress(import_duckdb().Error):
                percent = max(0.0, self._build.progress())
        return IndexProgress(self.counts[EVENTS], percent)


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The command has ended; a usual exit would write again.
        os._exit(1)
