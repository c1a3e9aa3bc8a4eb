"""The store: a trail as a database that only reads its files, for SQL that others wrote.

DuckDB reads plain files of events as they are; what is packed or in another form is written anew
into a folder of the caller's, line by line. Its connection reads these files and no others, has no
network, loads no extension, keeps what does not fit into memory in that folder, and cannot be
changed afterwards.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.apis.prepared import prepared
from auditproxy.reading.meaning.events import (
    BODILESS,
    EVENTS,
    NATIVE_START,
    TOO_LONG,
    Counts,
    spelled,
    without_bodies,
)
from auditproxy.reading.sql import views
from auditproxy.reading.sql.readable import LONGEST_OBJECT, is_readable, plain
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.lines import is_saved
from auditproxy.reading.trail.saved import FORM, check_saved, count_saved, import_duckdb
from auditproxy.reading.trail.scanning import Search, events_of
from auditproxy.reading.trail.sources import TrailFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PATTERN = frozenset("*?[]")
"""Characters of a path that the database takes for a pattern."""
MEMORY = "600MB"
_SPILLED = "20GB"
_FIRST_LINES = 3


class SqlError(Unusable):
    """What the database says of a statement; ``message`` has all of its lines."""

    def __init__(self, message: str, before: str = "") -> None:
        super().__init__(before + " ".join(message.splitlines()[:_FIRST_LINES]))
        self.message = before + message


@prepared
class StoredFile(msgspec.Struct, frozen=True):
    """A file of whole lines of events, and the origin of the trail that it is of."""

    path: str
    origin: str
    is_saved: bool = False
    """Whether it is a saved trail, whose events have origins of their own."""
    is_renamed: bool = False
    """Whether the events of a saved trail have the origin of the file instead."""


def prepare(
    files: Sequence[TrailFile], folder: str, counts: Counts, forms: Counts | None = None
) -> list[StoredFile]:
    """The files that a database can read; raises OSError.

    ``counts`` and ``forms`` get what the lines are of those that are written anew. Those that are
    read as they are have their own path in the result: count_lines counts them.
    """
    forms = Counts() if forms is None else forms
    found: list[StoredFile] = []
    for number, file in enumerate(files):
        if is_saved(file.path):
            path = os.path.join(folder, f"saved-{number}.parquet")
            found.append(StoredFile(_without_pattern(file.path, path), file.origin, is_saved=True))
            counts[EVENTS] += (count := count_saved(found[-1].path))
            forms[FORM] += count
            continue
        if not _PATTERN & set(os.path.abspath(file.path)) and is_readable(file.path):
            found.append(StoredFile(os.path.abspath(file.path), file.origin))
            continue
        path = os.path.join(folder, f"events-{number}.json")
        _write(file, path, counts, forms)
        found.append(StoredFile(path, file.origin))
    return found


def open_store(
    files: Sequence[StoredFile],
    folder: str,
    threads: int,
    writable: Sequence[str] = (),
    folders: Sequence[str] = (),
) -> "DuckDBPyConnection":
    """A connection with the views events and requests, which nothing can widen.

    ``folder`` has what does not fit into memory. ``writable`` are files that the caller, and no
    statement of a user, may write, and ``folders`` are whole ones. Where something is written, or
    no lines are read, there are sizes too. Raises Unusable without the extra.
    """
    lines = [(file.path, file.origin) for file in files if not file.is_saved]
    saved = [
        (file.path, file.origin if file.is_renamed else None) for file in files if file.is_saved
    ]
    has_sizes = bool(writable) or not lines
    view_of_lines = views.sized_lines_view if has_sizes else views.lines_view

    def define(connection: "DuckDBPyConnection") -> None:
        for path, _ in saved:
            check_saved(connection, path)
        statements = (
            *views.FUNCTIONS,
            *([view_of_lines(lines)] if lines else ()),
            views.events_view(saved, has_lines=bool(lines), has_sizes=has_sizes),
            views.REQUESTS,
        )
        for statement in statements:
            connection.execute(statement)

    paths = [*(file.path for file in files), *writable]
    return locked_connection(paths, folder, threads, define, folders)


def locked_connection(
    paths: Sequence[str],
    folder: str,
    threads: int,
    define: Callable[["DuckDBPyConnection"], None],
    folders: Sequence[str] = (),
) -> "DuckDBPyConnection":
    """A connection that has these files and folders alone, and what ``define`` makes in it.

    ``folder`` has what does not fit into memory. Raises Unusable without the extra.
    """
    duckdb = import_duckdb()
    connection: DuckDBPyConnection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": MEMORY,
            "temp_directory": os.path.join(folder, "spilled"),
            "max_temp_directory_size": _SPILLED,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
        },
    )
    allowed = ", ".join(views.text(path) for path in paths)
    connection.execute(f"SET allowed_paths = [{allowed}]")
    if folders:
        whole = ", ".join(views.text(path) for path in folders)
        connection.execute(f"SET allowed_directories = [{whole}]")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    define(connection)
    connection.execute("SET lock_configuration = true")
    return connection


def is_one_select(statement: str) -> bool:
    """Whether a text is one SELECT and nothing else; raises Unusable for what is not SQL."""
    duckdb = import_duckdb()
    try:
        statement.encode()
        found = duckdb.extract_statements(statement)
    except duckdb.Error as error:
        raise SqlError(str(error), "it is not SQL: ") from None
    except UnicodeEncodeError:
        raise SqlError("it has bytes that are not UTF-8", "it is not SQL: ") from None
    # Not EXPLAIN: with ANALYZE it runs whatever is inside, and that may write what it can read.
    return len(found) == 1 and bool(found[0].type == duckdb.StatementType.SELECT)


def first_line(error: Exception) -> str:
    """What the database says, in one line."""
    return str(error).partition("\n")[0]


def _without_pattern(path: str, other: str) -> str:
    """The file by a path that the database does not take for a pattern; ``other`` may be it."""
    absolute = os.path.abspath(path)
    if not _PATTERN & set(absolute):
        return absolute
    shutil.copyfile(absolute, other)
    return other


def _write(file: TrailFile, path: str, counts: Counts, forms: Counts) -> None:
    with Path(path).open("wb") as out:
        for block in reversed(blocks_of([file])):
            for seen in events_of(block, Search(), counts, forms):
                line = seen.line if seen.line.startswith(NATIVE_START) else b""
                line = line if line.endswith(b"}") else spelled(seen.event)
                if len(line) >= LONGEST_OBJECT:
                    counts[BODILESS] += 1
                    line = spelled(without_bodies(seen.event))
                if len(line) >= LONGEST_OBJECT:
                    counts[TOO_LONG] += 1
                    continue
                out.write(plain(line) + b"\n")
