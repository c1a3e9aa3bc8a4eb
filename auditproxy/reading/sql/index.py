"""The index: the requests of a trail as rows of one file, which is read many times.

Made once of the views of store.py, without bodies: a database then skips what is not asked for. It
is a Parquet file in a folder of the caller's. Of twins, the accounts that several servers wrote of
one request, the one that says most has the others counted, and the others say whose they are.

A body is kept only where a sentence about the request needs it: of a write, short, and never of
what holds secrets.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditproxy.reading.sql import views
from auditproxy.reading.sql.store import StoredFile, locked_connection, open_store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NAME = "requests.parquet"
LONGEST_ASKED = 2000
"""Characters of a body that is kept."""
GROUP_ROWS = 60_000
"""Rows that are read or skipped together."""

_COLUMNS = f"""
  origin,
  coalesce(audit_id, '') AS audit_id,
  level, stage, verb, request_uri, username, "groups", uid, impersonated_username, actor, kind,
  api_group, api_version, resource, subresource, "namespace", "name", code, reason, message,
  source_ips, peer, user_agent, client,
  coalesce(received, staged, TIMESTAMPTZ 'epoch') AS received,
  coalesce(staged, received, TIMESTAMPTZ 'epoch') AS staged,
  received IS NOT NULL AND staged IS NOT NULL AS is_timed,
  dry_run, decision, granted_by, annotations, outcome, seconds,
  CASE WHEN verb IN ('create', 'update', 'patch')
    AND coalesce(resource, '') NOT IN ('secrets', 'tokenreviews')
    AND coalesce(subresource, '') <> 'token'
    AND length(request_object::VARCHAR) <= {LONGEST_ASKED}
    THEN request_object::VARCHAR END AS asked"""

_WORTH = """struct_pack(
    ended := {0}.stage NOT IN ('ResponseComplete', 'Panic'),
    "level" := CASE {0}."level" WHEN 'RequestResponse' THEN 0 WHEN 'Request' THEN 1 ELSE 2 END,
    received := {0}.received, origin := {0}.origin)"""

_TWINS = f"""CREATE TABLE twins AS SELECT
    mine.origin AS origin, mine.audit_id AS audit_id, mine.received AS received,
    count(*) + 1 AS witnesses,
    bool_or({_WORTH.format("other")} < {_WORTH.format("mine")}) AS is_twin
  FROM accounts AS mine JOIN accounts AS other
    ON mine.audit_id = other.audit_id AND mine.origin <> other.origin AND mine.verb = other.verb
      AND mine.path = other.path
      AND abs(epoch_us(mine.received) - epoch_us(other.received)) <= 60000000
  WHERE mine.audit_id <> ''
  GROUP BY ALL"""  # noqa: S608


def build_index(files: Sequence[StoredFile], folder: str, threads: int) -> "IndexBuild":
    """What makes the index of these files in a folder; raises Unusable without the extra."""
    connection = open_store(files, folder, threads, writable=(os.path.join(folder, NAME),))
    return IndexBuild(connection, os.path.join(folder, NAME), len({one.origin for one in files}))


class IndexBuild:
    """One making of the index: ``run`` in one thread, ``progress`` in another."""

    def __init__(self, connection: "DuckDBPyConnection", path: str, origins: int) -> None:
        self._connection = connection
        self._path = path
        self._origins = origins

    def run(self) -> None:
        """Write the file; raises duckdb.Error."""
        more = "1 AS witnesses, false AS is_twin FROM requests"
        if self._origins > 1:
            self._connection.execute(
                "CREATE TABLE accounts AS SELECT origin, audit_id, stage, "
                "\"level\", verb, split_part(request_uri, '?', 1) AS path, "
                "coalesce(received, staged, TIMESTAMPTZ 'epoch') AS received FROM requests "
                "WHERE audit_id <> ''"
            )
            self._connection.execute(_TWINS)
            self._connection.execute("DROP TABLE accounts")
            more = (
                "coalesce(twins.witnesses, 1) AS witnesses, coalesce(is_twin, false) AS is_twin "
                "FROM (FROM requests) AS requests "
                "LEFT JOIN twins USING (origin, audit_id, received)"
            )
        # The path is ours; a statement of a user never comes here.
        self._connection.execute(
            f"COPY (SELECT {_COLUMNS}, {more}) TO {views.text(self._path)} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP_ROWS}, USE_TMP_FILE false)"
        )
        self._connection.close()

    def progress(self) -> float:
        """Of the statement that runs, 0 to 100; below 0 where it is not known."""
        return float(self._connection.query_progress())


def open_index(folder: str, threads: int) -> "DuckDBPyConnection":
    """A connection with the view requests of the index alone, which nothing can widen."""
    path = os.path.join(folder, NAME)

    def define(connection: "DuckDBPyConnection") -> None:
        view = f"CREATE VIEW requests AS FROM read_parquet({views.text(path)})"
        for statement in (*views.FUNCTIONS, view):
            connection.execute(statement)

    return locked_connection([path], folder, threads, define)
