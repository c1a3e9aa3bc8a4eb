"""The index: the requests of a trail as rows of Parquet files, which are read many times.

The lines are read once, as the view events has them (views.py), without bodies, and their events
are written as they are: a request with an end is its end. Of requests without an end the last event
is found among the others by their keys, which are few bytes each. Saved trails are Parquet already,
and are read where they are. Of twins, the accounts that several servers wrote of one request, the
one that says most has the others counted, and the others are marked.

A body is kept only where a sentence about the request needs it: of a write, short, and never of
what holds secrets.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditproxy.reading.sql import views
from auditproxy.reading.sql.store import StoredFile, locked_connection
from auditproxy.reading.trail.saved import check_saved

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAME = "requests"
"""The folder of the files, within that of the caller."""
_EVENTS, _UNENDED, _TOLD = "events.parquet", "open.parquet", "marked.parquet"
"""The events of lines, the last ones of requests without an end, and all rows with witnesses."""
LONGEST_ASKED = 2000
"""Characters of a body that is kept."""
GROUP_ROWS = 60_000
"""Rows that are read or skipped together."""

_SELECTED = f"""SELECT
  origin,
  coalesce(audit_id, '') AS audit_id,
  level, stage, verb, request_uri, username, "groups", uid, impersonated_username, actor, kind,
  api_group, api_version, resource, subresource, "namespace", "name", code, reason, message,
  source_ips, peer, user_agent, client,
  coalesce(received, staged, TIMESTAMPTZ 'epoch') AS received,
  coalesce(staged, received, TIMESTAMPTZ 'epoch') AS staged,
  received IS NOT NULL AND staged IS NOT NULL AS is_timed,
  dry_run, decision, granted_by, annotations,
  CASE WHEN verb IN ('create', 'update', 'patch')
    AND coalesce(resource, '') NOT IN ('secrets', 'tokenreviews')
    AND coalesce(subresource, '') <> 'token'
    AND length(request_object::VARCHAR) <= {LONGEST_ASKED}
    THEN request_object::VARCHAR END AS asked,
  coalesce(stage, '') IN ('ResponseComplete', 'Panic') AS is_end"""

_ENDED = "SELECT * EXCLUDE (is_end) FROM written WHERE is_end"
_OPEN = """SELECT * EXCLUDE (is_end) FROM written SEMI JOIN (
    SELECT key FROM (
      SELECT hash(origin, audit_id, received) AS key FROM written WHERE NOT is_end
    ) ANTI JOIN (
      SELECT hash(origin, audit_id, received) AS key FROM written WHERE is_end
    ) USING (key)
  ) AS keys ON hash(written.origin, written.audit_id, written.received) = keys.key
  WHERE NOT is_end
  QUALIFY row_number() OVER (
    PARTITION BY origin, audit_id, received ORDER BY stage_rank(stage) DESC) = 1"""

_WORTH = """struct_pack(
    is_open := {0}.stage NOT IN ('ResponseComplete', 'Panic'),
    "level" := CASE {0}."level" WHEN 'RequestResponse' THEN 0 WHEN 'Request' THEN 1 ELSE 2 END,
    received := {0}.received, origin := {0}.origin)"""

_ACCOUNTS = """CREATE TABLE accounts AS
  SELECT origin, audit_id, stage, "level", verb, split_part(request_uri, '?', 1) AS path, received
  FROM rows WHERE audit_id <> ''"""

_TWINS = f"""CREATE TABLE twins AS SELECT
    mine.origin AS origin, mine.audit_id AS audit_id, mine.received AS received,
    count(*) + 1 AS witnesses,
    bool_or({_WORTH.format("other")} < {_WORTH.format("mine")}) AS is_twin
  FROM accounts AS mine JOIN accounts AS other
    ON mine.audit_id = other.audit_id AND mine.origin <> other.origin AND mine.verb = other.verb
      AND mine.path = other.path
      AND abs(epoch_us(mine.received) - epoch_us(other.received)) <= 60000000
  GROUP BY ALL"""  # noqa: S608

_MARKED = """SELECT rows.* EXCLUDE (witnesses, is_twin),
    coalesce(twins.witnesses, 1) AS witnesses, coalesce(twins.is_twin, false) AS is_twin
  FROM rows LEFT JOIN twins USING (origin, audit_id, received)"""

_REQUESTS = """CREATE VIEW requests AS SELECT *,
  CASE WHEN stage = 'Panic' THEN 'failed'
    WHEN stage <> 'ResponseComplete' AND coalesce(code, 0) < 400 THEN 'open'
    WHEN code = 401 THEN 'unauthenticated' WHEN code = 403 THEN 'forbidden'
    WHEN code >= 400 THEN 'failed' ELSE 'allowed' END AS outcome,
  CASE WHEN is_timed AND (stage IN ('ResponseComplete', 'Panic') OR code >= 400)
    THEN (epoch_us(staged) - epoch_us(received)) / 1e6 END AS seconds
FROM rows"""
"""The last columns as the view requests of a whole trail has them; a test compares both."""


def build_index(files: Sequence[StoredFile], folder: str, threads: int) -> "IndexBuild":
    """What makes the index of these files in a folder; raises Unusable without the extra."""
    lines = [(file.path, file.origin) for file in files if not file.is_saved]

    def define(connection: "DuckDBPyConnection") -> None:
        for statement in views.FUNCTIONS:
            connection.execute(statement)
        if lines:
            connection.execute(views.lines_view(lines))
            connection.execute(views.events_view((), has_lines=True))

    paths = [file.path for file in files]
    connection = locked_connection(paths, folder, threads, define, folders=(folder,))
    return IndexBuild(connection, Path(folder), files)


class IndexBuild:
    """One making of the index: ``run`` in one thread, ``progress`` in another."""

    def __init__(
        self, connection: "DuckDBPyConnection", folder: Path, files: Sequence[StoredFile]
    ) -> None:
        self._connection = connection
        self._made = folder / NAME
        self._files = files

    def run(self) -> None:
        """Write the files; raises duckdb.Error, OSError and Unusable."""
        self._made.mkdir()
        if not all(file.is_saved for file in self._files):
            # Partitioned by is_end, or with the ends alone written anew, it would take far longer.
            self._copy(f"{_SELECTED} FROM events", self._made / _EVENTS, "snappy")
        _define_written(self._connection, self._files, self._made)
        self._copy(_OPEN, self._made / _UNENDED)
        if len({file.origin for file in self._files}) > 1:
            self._mark_twins()
        self._connection.close()

    def progress(self) -> float:
        """Of the statement that runs, 0 to 100; below 0 where it is not known."""
        return float(self._connection.query_progress())

    def _mark_twins(self) -> None:
        """Write the rows again with the number of witnesses."""
        self._connection.execute(_rows_view(self._made))
        self._connection.execute(_ACCOUNTS)
        self._connection.execute(_TWINS)
        paths = sorted(self._made.iterdir())
        self._copy(_MARKED, self._made / _TOLD)
        for path in paths:
            path.unlink()

    def _copy(self, statement: str, path: Path, compression: str = "zstd") -> None:
        # Paths are ours; a statement of a user never comes here.
        self._connection.execute(
            f"COPY ({statement}) TO {views.text(str(path))} "
            f"(FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE {GROUP_ROWS})"
        )


def open_index(folder: str, threads: int, files: Sequence[StoredFile] = ()) -> "DuckDBPyConnection":
    """A connection with the view requests of the index alone, which nothing can widen.

    ``files`` are those that it was made of; of them saved trails are read where they are.
    """
    made = Path(folder, NAME)
    is_marked = (made / _TOLD).exists()
    saved = [] if is_marked else [file for file in files if file.is_saved]

    def define(connection: "DuckDBPyConnection") -> None:
        for statement in views.FUNCTIONS:
            connection.execute(statement)
        if not is_marked:
            _define_written(connection, saved, made)
        connection.execute(_rows_view(made))
        connection.execute(_REQUESTS)

    paths = [*map(str, sorted(made.iterdir())), *(file.path for file in saved)]
    return locked_connection(paths, folder, threads, define)


def _define_written(
    connection: "DuckDBPyConnection", files: Sequence[StoredFile], made: Path
) -> None:
    """The view written: the events that were copied, and those of saved trails."""
    parts = [f"FROM {_read(made / _EVENTS)}"] if (made / _EVENTS).exists() else []
    saved = [(one.path, one.origin if one.is_renamed else None) for one in files if one.is_saved]
    if saved:
        for path, _ in saved:
            check_saved(connection, path)
        connection.execute(views.events_view(saved, has_lines=False, name="saved"))
        parts.append(f"{_SELECTED} FROM saved")
    connection.execute("CREATE VIEW written AS " + " UNION ALL BY NAME ".join(parts))


def _rows_view(made: Path) -> str:
    """The view rows: one for each request and witness."""
    if (made / _TOLD).exists():
        return f"CREATE VIEW rows AS FROM {_read(made / _TOLD)}"
    return (
        "CREATE VIEW rows AS SELECT *, 1 AS witnesses, false AS is_twin FROM "  # noqa: S608
        f"({_ENDED} UNION ALL BY NAME FROM {_read(made / _UNENDED)})"
    )


def _read(path: Path) -> str:
    return f"read_parquet({views.text(str(path))}, hive_partitioning = false)"
