"""Saved trails: Parquet files that ``auditproxy events query --save`` wrote of the view events.

They are read by the database, which needs the extra explore, in little memory and without a
network. Their columns are those of the view (docs/events-schema.md), and perhaps more.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from auditproxy.apis.audit import API_VERSION, ObjectReference
from auditproxy.apis.faults import Unusable, missing_extra
from auditproxy.apis.units import SECOND
from auditproxy.apis.user import UserInfo
from auditproxy.reading.meaning.conditions import ColumnFilter, as_sql
from auditproxy.reading.meaning.events import TrailEvent, TrailStatus
from auditproxy.reading.meaning.macros import FUNCTIONS
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.meaning.requests import SeenEvent, seen_event

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EXTRA = "explore"
FORM = "parquet"
_USER = "MAP(VARCHAR, VARCHAR[])"
COLUMNS = {
    "origin": "VARCHAR",
    "audit_id": "VARCHAR",
    "level": "VARCHAR",
    "stage": "VARCHAR",
    "verb": "VARCHAR",
    "request_uri": "VARCHAR",
    "username": "VARCHAR",
    "groups": "VARCHAR[]",
    "uid": "VARCHAR",
    "extra": _USER,
    "impersonated_username": "VARCHAR",
    "impersonated_uid": "VARCHAR",
    "impersonated_groups": "VARCHAR[]",
    "impersonated_extra": _USER,
    "actor": "VARCHAR",
    "kind": "VARCHAR",
    "api_group": "VARCHAR",
    "api_version": "VARCHAR",
    "resource": "VARCHAR",
    "subresource": "VARCHAR",
    "namespace": "VARCHAR",
    "name": "VARCHAR",
    "code": "INTEGER",
    "reason": "VARCHAR",
    "message": "VARCHAR",
    "source_ips": "VARCHAR[]",
    "peer": "VARCHAR",
    "user_agent": "VARCHAR",
    "client": "VARCHAR",
    "received": "TIMESTAMP WITH TIME ZONE",
    "staged": "TIMESTAMP WITH TIME ZONE",
    "dry_run": "BOOLEAN",
    "decision": "VARCHAR",
    "granted_by": "VARCHAR",
    "annotations": "MAP(VARCHAR, VARCHAR)",
    "request_object": "JSON",
    "response_object": "JSON",
}
"""The columns of the view events, in order, with their types."""
SIZES = {
    "line_bytes": "BIGINT",
    "request_object_bytes": "BIGINT",
    "response_object_bytes": "BIGINT",
    "arrival_bytes": "BIGINT",
}
"""Further columns of a saved trail: bytes of lines and their parts, which only lines have."""
MEMORY = "400MB"
_THREADS = 2
_BATCH = 1000
_READ = (
    "origin", "audit_id", "level", "stage", "verb", "request_uri", "username", "groups", "uid",
    "extra", "impersonated_username", "impersonated_uid", "impersonated_groups",
    "impersonated_extra", "api_group", "api_version", "resource", "subresource", "namespace",
    "name", "code", "reason", "message", "source_ips", "user_agent", "annotations",
    "request_object", "response_object",
)  # fmt: skip
_MOMENTS = ("received", "staged")
_MOMENT = "strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')"
_FILE = "read_parquet(?, file_row_number=true)"
_PLACE = "file_row_number"
_ARRIVED = "coalesce(received, staged)"
_FIX = "make one with auditproxy events query --save=FILE.parquet 'SELECT * FROM events' LOG..."


def lacking(columns: Sequence[str], types: Sequence[str]) -> tuple[str, ...]:
    """The columns of a saved trail that these columns are not, by name and type."""
    found = dict(zip(columns, types, strict=True))
    return tuple(name for name, kind in (COLUMNS | SIZES).items() if found.get(name) != kind)


def check_saved(connection: "DuckDBPyConnection", path: str) -> None:
    """Raise Unusable where a file is not a saved trail, and say what it has not."""
    import duckdb

    try:
        described = connection.execute(
            "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))", [path]
        ).fetchall()
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    missing = lacking([row[0] for row in described], [row[1] for row in described])
    if missing:
        raise Unusable(f"{path} is not a saved trail: it lacks the column {missing[0]}; {_FIX}")


def count_saved(path: str) -> int:
    """How many events a saved trail has. Raises Unusable."""
    connection = connected([path])
    import duckdb

    try:
        (count,) = connection.execute(
            "SELECT sum(num_rows) FROM parquet_file_metadata(?)", [path]
        ).fetchone() or (0,)
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    finally:
        connection.close()
    return int(count)


def saved_events(
    path: str,
    conditions: Sequence[ColumnFilter] = (),
    *,
    since: int | None = None,
    until: int | None = None,
    ids: frozenset[str] | None = None,
    newest: int | None = None,
) -> Iterator[SeenEvent]:
    """The events of a saved trail that are admitted; at most the ``newest``. Raises Unusable.

    Times are nanoseconds, ``until`` is not included; ``ids`` None means every audit ID.
    """
    connection = connected([path])
    import duckdb

    clause, bound = as_sql(conditions)
    clauses = [clause]
    parameters: list[Any] = [path, *bound]
    for operator, moment in ((">=", since), ("<", until)):
        if moment is not None:
            clauses.append(f"{_ARRIVED} {operator} CAST(? AS TIMESTAMPTZ)")
            parameters.append(iso_exact(moment))
    if ids is not None:
        clauses.append("list_contains(?, audit_id)")
        parameters.append(list(ids))
    columns = [f'"{name}"' for name in _READ] + [_MOMENT.format(name) for name in _MOMENTS]
    chosen = f"FROM {_FILE} WHERE {' AND '.join(clauses)}"
    if newest is not None:
        # The places first: to sort whole rows takes all columns, and memory for them.
        order = f"ORDER BY {_ARRIVED} DESC NULLS LAST LIMIT {newest}"
        chosen = f"FROM {_FILE} WHERE {_PLACE} IN (SELECT {_PLACE} {chosen} {order})"
        parameters.insert(0, path)
    statement = f"SELECT {', '.join(columns)} {chosen}"
    try:
        result = connection.execute(statement, parameters)
        while batch := result.fetchmany(_BATCH):
            for row in batch:
                yield _seen(row)
    except duckdb.Error as error:
        raise unreadable(path, error) from None
    finally:
        connection.close()


def import_duckdb(what: str = "SQL") -> Any:
    """The module; raises Unusable without the extra, which ``what`` needs."""
    try:
        import duckdb
    except ModuleNotFoundError:
        raise Unusable(f"{what} needs {missing_extra(EXTRA)}") from None
    return duckdb


def iso_exact(nanoseconds: int) -> str:
    """RFC 3339 in microseconds, as the database has times."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return iso(seconds * SECOND).removesuffix("Z") + f".{rest // 1000:06d}Z"


def connected(paths: Sequence[str], folder: str = "", memory: str = MEMORY) -> "DuckDBPyConnection":
    """A connection that reads these saved trails and no other files.

    ``folder`` gets what does not fit into ``memory``; "" is none. Raises Unusable.
    """
    duckdb = import_duckdb(f"{paths[0]} is a saved trail, which")
    connection: DuckDBPyConnection = duckdb.connect(
        ":memory:",
        config={
            "threads": _THREADS,
            "memory_limit": memory,
            "temp_directory": folder,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
        },
    )
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    connection.execute(f"SET allowed_paths = [{quoted}]")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    for statement in FUNCTIONS:
        connection.execute(statement)
    for path in paths:
        check_saved(connection, path)
    return connection


def unreadable(path: str, error: Exception) -> Unusable:
    """What is said where the database cannot read a file."""
    return Unusable(f"{path} cannot be read as Parquet: {' '.join(str(error).split())}")


def _seen(row: tuple[Any, ...]) -> SeenEvent:
    cell = dict(zip((*_READ, *_MOMENTS), row, strict=True))
    return seen_event(event_of_cells(cell), cell["origin"] or "", FORM)


def event_of_cells(found: Mapping[str, Any]) -> TrailEvent:
    """The event of columns by name; those that are not given are as if they were NULL.

    ``received`` and ``staged`` are texts. ``has_reference`` true is an objectRef without members.
    """
    cell = defaultdict(lambda: None, found)
    others = tuple(cell["impersonated_groups"] or ())
    groups = tuple(cell["groups"] or ())
    own = groups[: len(groups) - len(others)]
    reference = ObjectReference(
        **{
            name: cell[name] or ""
            for name in (
                "resource", "namespace", "name", "api_group", "api_version", "subresource",
            )
        }
    )  # fmt: skip
    return TrailEvent(
        kind="Event",
        api_version=API_VERSION,
        level=cell["level"] or "",
        audit_id=cell["audit_id"] or "",
        stage=cell["stage"] or "",
        request_uri=cell["request_uri"] or "",
        verb=cell["verb"] or "",
        user=_user(cell["username"], cell["uid"], own, cell["extra"]),
        impersonated_user=_user(
            cell["impersonated_username"],
            cell["impersonated_uid"],
            others,
            cell["impersonated_extra"],
        )
        if cell["impersonated_username"] is not None
        else None,
        source_ips=tuple(cell["source_ips"] or ()),
        user_agent=cell["user_agent"] or "",
        object_ref=reference if cell["has_reference"] or reference != ObjectReference() else None,
        response_status=TrailStatus(
            code=cell["code"] or 0, reason=cell["reason"] or "", message=cell["message"] or ""
        )
        if cell["code"] is not None
        else None,
        request_received_timestamp=cell["received"] or "",
        stage_timestamp=cell["staged"] or "",
        annotations=dict(cell["annotations"] or {}),
        **{
            name: msgspec.Raw(cell[name].encode())
            for name in ("request_object", "response_object")
            if cell[name]
        },
    )


def _user(name: str | None, uid: str | None, groups: tuple[str, ...], extra: Any) -> UserInfo:
    return UserInfo(
        username=name or "",
        uid=uid or "",
        groups=groups,
        extra={key: tuple(values or ()) for key, values in (extra or {}).items()},
    )
