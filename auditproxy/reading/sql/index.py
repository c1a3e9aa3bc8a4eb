"""The index: the requests of a trail as rows of Parquet files, which are read many times.

The lines are read once, as the view events has them (views.py), without bodies. Ends of requests
are rows as they are; of requests without an end the last event is found among the others by their
keys, which are few bytes each. Of twins, the accounts that several servers wrote of one request,
the one that says most has the others counted, and the others are marked.

A body is kept only where a sentence about the request needs it: of a write, short, and never of
what holds secrets.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditproxy.reading.sql import views
from auditproxy.reading.sql.store import StoredFile, locked_connection, open_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAME = "requests"
"""The folder of the files, within that of the caller."""
LONGEST_ASKED = 2000
"""Characters of a body that is kept."""
GROUP_ROWS = 60_000
"""Rows that are read or skipped together."""

_EVENTS = f"""SELECT
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
  coalesce(stage, '') IN ('ResponseComplete', 'Panic') AS is_end
FROM events"""  # noqa: S608

_ENDED = "SELECT * EXCLUDE (is_end) FROM written WHERE is_end"
_OPEN = """SELECT * EXCLUDE (is_end) FROM written SEMI JOIN (
    SELECT key FROM (
      SELECT hash(origin, audit_id, received) AS key FROM written WHERE NOT is_end
    ) ANTI JOIN (
      SELECT hash(origin, audit_id, received) AS key FROM ended
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

_MARKED = """SELECT rows.*,
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
    connection = open_store(files, folder, threads, folders=(folder,))
    return IndexBuild(connection, Path(folder), len({one.origin for one in files}))


class IndexBuild:
    """One making of the index: ``run`` in one thread, ``progress`` in another."""

    def __init__(self, connection: "DuckDBPyConnection", folder: Path, origins: int) -> None:
        self._connection = connection
        self._work = folder / "events.parquet"
        self._made = folder / NAME
        self._origins = origins

    def run(self) -> None:
        """Write the files; raises duckdb.Error and OSError."""
        # Partitioned by is_end it would take twice the time, and three times the memory.
        self._copy(_EVENTS, self._work, "snappy")
        self._view("written", [self._work])
        self._made.mkdir()
        ended = self._made / "ended.parquet"
        self._copy(_ENDED, ended)
        self._view("ended", [ended])
        self._copy(_OPEN, self._made / "open.parquet")
        self._work.unlink()
        if self._origins > 1:
            self._mark_twins()
        self._connection.close()

    def progress(self) -> float:
        """Of the statement that runs, 0 to 100; below 0 where it is not known."""
        return float(self._connection.query_progress())

    def _mark_twins(self) -> None:
        """Write the files again with the number of witnesses."""
        paths = sorted(self._made.iterdir())
        self._view("rows", paths)
        self._connection.execute(_ACCOUNTS)
        self._connection.execute(_TWINS)
        self._copy(_MARKED, self._made / "marked.parquet")
        for path in paths:
            path.unlink()

    def _view(self, name: str, paths: Sequence[Path]) -> None:
        self._connection.execute(f"CREATE VIEW {name} AS FROM {_read(paths)}")

    def _copy(self, statement: str, path: Path, compression: str = "zstd") -> None:
        # Paths are ours; a statement of a user never comes here.
        self._connection.execute(
            f"COPY ({statement}) TO {views.text(str(path))} "
            f"(FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE {GROUP_ROWS})"
        )


def open_index(folder: str, threads: int) -> "DuckDBPyConnection":
    """A connection with the view requests of the index alone, which nothing can widen."""
    paths = sorted(Path(folder, NAME).iterdir())
    more = "" if paths[0].name == "marked.parquet" else ", 1 AS witnesses, false AS is_twin"
    rows = f"CREATE VIEW rows AS SELECT *{more} FROM {_read(paths)}"  # noqa: S608

    def define(connection: "DuckDBPyConnection") -> None:
        for statement in (*views.FUNCTIONS, rows, _REQUESTS):
            connection.execute(statement)

    return locked_connection([str(path) for path in paths], folder, threads, define)


def _read(paths: Sequence[Path]) -> str:
    listed = ", ".join(views.text(str(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"
