"""Saved trails asked set by set: their events counted in groups, and not read one by one."""

import tempfile
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from auditproxy.reading.trail.saved import connected, unreadable

MEMORY = "600MB"
PLACE = "place"
"""The column of an event's place: by file and row."""
ARRIVED = "coalesce(received, staged)"
IS_END = "coalesce(stage, '') IN ('ResponseComplete', 'Panic')"
KEY = (
    "CASE WHEN coalesce(audit_id, '') <> '' THEN hash(coalesce(origin, ''), audit_id, received) END"
)
"""What the events of one request have in common; NULL without an audit ID."""
_BATCH = 5000
_ROWS = 40
"""Bits of the number of a row."""


class SavedTrails:
    """Saved trails as one: the view ``saved`` has the events of all, with their places.

    Raises Unusable for what is not a saved trail; close it.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        # Open until the connection is closed: it has what does not fit into memory.
        self._folder = tempfile.TemporaryDirectory(prefix="auditproxy-")
        try:
            self._connection = connected(paths, self._folder.name, MEMORY)
            listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
            place = "file_row_number"
            if len(paths) > 1:
                place += f" + (CAST(list_position([{listed}], filename) AS BIGINT) << {_ROWS})"
            self._connection.execute(
                f"CREATE VIEW saved AS SELECT *, {place} AS {PLACE} FROM read_parquet([{listed}], "  # noqa: S608
                "filename=true, file_row_number=true, hive_partitioning=false)"
            )
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> "SavedTrails":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._folder.cleanup()

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
        """The rows of a statement of ours, by column, as they come. Raises Unusable.

        A second statement ends the first one.
        """
        import duckdb

        try:
            result = self._connection.execute(statement, list(parameters))
            names = [column[0] for column in result.description]
            while batch := result.fetchmany(_BATCH):
                for row in batch:
                    yield dict(zip(names, row, strict=True))
        except duckdb.Error as error:
            raise unreadable(", ".join(self.paths), error) from None

    def row(self, statement: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The one row of a statement. Raises Unusable."""
        (found,) = list(self.rows(statement, parameters))
        return found


HAS_REFERENCE = '(coalesce(resource, subresource, "namespace", api_group, api_version) IS NOT NULL)'
"""Whether an event has an objectRef; a name may also come from a body."""
OWN_GROUPS = (
    'CASE WHEN impersonated_groups IS NULL THEN "groups" '
    'ELSE "groups"[: len("groups") - coalesce(len(impersonated_groups), 0)] END'
)
"""The groups of the user without those of the one who is impersonated; a slice costs each row."""
PATH = "split_part(request_uri, '?', 1)"
SELECTED = (
    "(contains(request_uri, 'metadata.name') OR (contains(request_uri, '%') AND "
    "regexp_matches(request_uri, '[?].*%(2[DdEe]|[4-7])')))"
)
"""Whether a query may select one object by its name."""
MEANT_URI = (
    f"CASE WHEN contains(request_uri, '?') AND {SELECTED} THEN regexp_replace(request_uri, "
    "'((?:resourceVersion|timeoutSeconds|limit)=)[0-9]{1,18}', '\\11', 'g') "
    f"ELSE {PATH} END"
)
"""The part of requestURI that says what was asked for: the query only where it may have a name.

Of a query with one, numbers are replaced by 1: which they are does not matter.
"""
