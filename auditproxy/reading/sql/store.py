"""The store: a trail as a database that only reads its files, for SQL that others wrote.

DuckDB reads plain files of events as they are; what is packed or in another form is written anew
into a folder of the caller's, line by line. Its connection reads these files and no others, has no
network, loads no extension, keeps what does not fit into memory in that folder, and cannot be
changed afterwards.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.reading.meaning.events import NATIVE_START, Counts
from auditproxy.reading.sql import views
from auditproxy.reading.trail.blocks import blocks_of
from auditproxy.reading.trail.scanning import Search, events_of
from auditproxy.reading.trail.sources import TrailFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EXTRA = "explore"
LONGEST_OBJECT = 16 * 1024 * 1024
"""Bytes of a line that the database reads; its buffers are as large."""
_PATTERN = frozenset("*?[]")
"""Characters of a path that the database takes for a pattern."""
MEMORY = "600MB"
_SPILLED = "20GB"


class StoredFile(msgspec.Struct, frozen=True):
    """A file of whole lines of events, and the origin of the trail that it is of."""

    path: str
    origin: str


def prepare(files: Sequence[TrailFile], folder: str, counts: Counts) -> list[StoredFile]:
    """The files that a database can read; raises OSError."""
    found: list[StoredFile] = []
    for number, file in enumerate(files):
        if not _PATTERN & set(os.path.abspath(file.path)) and _is_readable(file.path):
            found.append(StoredFile(os.path.abspath(file.path), file.origin))
            continue
        path = os.path.join(folder, f"events-{number}.json")
        _write(file, path, counts)
        found.append(StoredFile(path, file.origin))
    return found


def open_store(
    files: Sequence[StoredFile], folder: str, threads: int, writable: Sequence[str] = ()
) -> "DuckDBPyConnection":
    """A connection with the views events and requests, which nothing can widen.

    ``folder`` has what does not fit into memory. ``writable`` are folders that it may write as
    well, for statements of ours. Raises Unusable without the extra.
    """
    lines = views.lines_view([(file.path, file.origin) for file in files])
    statements = (*views.FUNCTIONS, lines, views.EVENTS, views.REQUESTS)
    return locked_connection([file.path for file in files], folder, threads, statements, writable)


def locked_connection(
    paths: Sequence[str],
    folder: str,
    threads: int,
    statements: Sequence[str],
    writable: Sequence[str] = (),
) -> "DuckDBPyConnection":
    """A connection that has these files, and folders to write, after some statements of ours.

    ``folder`` has what does not fit into memory. Raises Unusable without the extra.
    """
    duckdb = _duckdb()
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
    if writable:
        folders = ", ".join(views.text(path) for path in writable)
        connection.execute(f"SET allowed_directories = [{folders}]")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    for statement in statements:
        connection.execute(statement)
    connection.execute("SET lock_configuration = true")
    return connection


def is_one_select(statement: str) -> bool:
    """Whether a text is one SELECT and nothing else; raises Unusable for what is not SQL."""
    duckdb = _duckdb()
    try:
        found = duckdb.extract_statements(statement)
    except duckdb.Error as error:
        raise Unusable(f"it is not SQL: {first_line(error)}") from None
    return len(found) == 1 and found[0].type in (
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
    )


def _duckdb() -> Any:
    """The module; raises Unusable without the extra."""
    try:
        import duckdb
    except ModuleNotFoundError:
        raise Unusable(f"SQL needs {missing_extra(EXTRA)}") from None
    return duckdb


def first_line(error: Exception) -> str:
    """What the database says, in one line."""
    return str(error).partition("\n")[0]


def _is_readable(path: str) -> bool:
    """Whether a file is plain lines of events; its lines must not be too long."""
    with open(path, "rb") as file:
        if file.read(len(NATIVE_START)) != NATIVE_START:
            return False
        file.seek(0)
        return not _has_long_line(file.fileno())


def _has_long_line(descriptor: int) -> bool:
    """Whether a line may be too long: sampled at each LONGEST_OBJECT / 2, a line that spans two."""
    size = os.fstat(descriptor).st_size
    step = LONGEST_OBJECT // 2
    return any(
        b"\n" not in _window(descriptor, start, step) for start in range(0, size - step, step)
    )


def _window(descriptor: int, start: int, length: int) -> bytes:
    """The bytes there, up to the first line end if there is one near."""
    near = os.pread(descriptor, 1 << 16, start)
    return near if b"\n" in near else os.pread(descriptor, length, start)


def _write(file: TrailFile, path: str, counts: Counts) -> None:
    with Path(path).open("wb") as out:
        for block in reversed(blocks_of([file])):
            for seen in events_of(block, Search(), counts, Counts()):
                line = seen.line if seen.line.startswith(NATIVE_START) else b""
                line = line if line.endswith(b"}") else msgspec.json.encode(seen.event)
                if len(line) < LONGEST_OBJECT:
                    out.write(line + b"\n")
