"""Views: the columns of a trail in SQL, made of the JSON of its lines.

Pure: text. docs/events-schema.md describes the columns.
"""

import re
from collections.abc import Sequence

from auditproxy.reading.meaning.macros import FUNCTIONS as FUNCTIONS
from auditproxy.reading.trail.saved import COLUMNS, SIZES

_USER = 'STRUCT(username VARCHAR, uid VARCHAR, "groups" VARCHAR[], extra MAP(VARCHAR, VARCHAR[]))'
_MEMBERS = {
    "kind": "VARCHAR",
    "apiVersion": "VARCHAR",
    "level": "VARCHAR",
    "auditID": "VARCHAR",
    "stage": "VARCHAR",
    "requestURI": "VARCHAR",
    "verb": "VARCHAR",
    "user": _USER,
    "impersonatedUser": _USER,
    "sourceIPs": "VARCHAR[]",
    "userAgent": "VARCHAR",
    "objectRef": 'STRUCT(resource VARCHAR, "namespace" VARCHAR, "name" VARCHAR, apiGroup VARCHAR, '
    "apiVersion VARCHAR, subresource VARCHAR)",
    "responseStatus": "STRUCT(code INTEGER, reason VARCHAR, message VARCHAR)",
    "requestObject": "JSON",
    "responseObject": "JSON",
    "requestReceivedTimestamp": "TIMESTAMPTZ",
    "stageTimestamp": "TIMESTAMPTZ",
    "annotations": "MAP(VARCHAR, VARCHAR)",
}
"""Members of an event as they are read; those that are not asked for are passed over."""

_EVENTS = """SELECT
  origin,
  auditID AS audit_id,
  level,
  stage,
  verb,
  requestURI AS request_uri,
  "user".username AS username,
  coalesce("user"."groups", []) || coalesce(impersonatedUser."groups", []) AS "groups",
  "user".uid AS uid,
  "user".extra AS extra,
  impersonatedUser.username AS impersonated_username,
  impersonatedUser.uid AS impersonated_uid,
  impersonatedUser."groups" AS impersonated_groups,
  impersonatedUser.extra AS impersonated_extra,
  coalesce(nullif(impersonatedUser.username, ''), "user".username) AS actor,
  kind_of(coalesce(nullif(impersonatedUser.username, ''), "user".username)) AS kind,
  objectRef.apiGroup AS api_group,
  objectRef.apiVersion AS api_version,
  objectRef.resource AS resource,
  objectRef.subresource AS subresource,
  objectRef."namespace" AS "namespace",
  coalesce(objectRef."name",
    CASE WHEN verb = 'create' THEN coalesce(responseObject->>'$.metadata.name',
      requestObject->>'$.metadata.name') END) AS "name",
  nullif(responseStatus.code, 0) AS code,
  responseStatus.reason AS reason,
  responseStatus.message AS message,
  sourceIPs AS source_ips,
  sourceIPs[-1] AS peer,
  userAgent AS user_agent,
  regexp_extract(userAgent, '^[^ (]*') AS client,
  requestReceivedTimestamp AS received,
  stageTimestamp AS staged,
  contains(requestURI, 'dryRun=') OR (verb IN ('delete', 'deletecollection')
    AND coalesce(json_array_length(requestObject, '$.dryRun'), 0) > 0) AS dry_run,
  annotations['authorization.k8s.io/decision'] AS decision,
  nullif(concat_ws('/',
    nullif(regexp_extract(annotations['authorization.k8s.io/reason'],
      '^RBAC: allowed by (\\w+) "', 1), ''),
    nullif(regexp_extract(annotations['authorization.k8s.io/reason'],
      '^RBAC: allowed by \\w+ "([^"]*)"', 1), '')), '') AS granted_by,
  annotations,
  requestObject AS request_object,
  responseObject AS response_object
FROM lines WHERE lines.kind = 'Event' AND starts_with(apiVersion, 'audit.k8s.io/')"""

REQUESTS = """CREATE VIEW requests AS SELECT
  *,
  CASE WHEN stage = 'Panic' THEN 'failed'
    WHEN stage <> 'ResponseComplete' AND coalesce(code, 0) < 400 THEN 'open'
    WHEN code = 401 THEN 'unauthenticated' WHEN code = 403 THEN 'forbidden'
    WHEN code >= 400 THEN 'failed' ELSE 'allowed' END AS outcome,
  CASE WHEN stage IN ('ResponseComplete', 'Panic') OR code >= 400
    THEN (epoch_us(staged) - epoch_us(received)) / 1e6 END AS seconds
FROM (
  SELECT * FROM events WHERE stage IN ('ResponseComplete', 'Panic')
  UNION ALL
  SELECT begun.* FROM (
    SELECT * FROM events WHERE stage NOT IN ('ResponseComplete', 'Panic')
    QUALIFY row_number() OVER (
      PARTITION BY origin, audit_id, received ORDER BY stage_rank(stage) DESC) = 1
  ) AS begun ANTI JOIN (
    SELECT hash(origin, audit_id, received) AS key FROM events
    WHERE stage IN ('ResponseComplete', 'Panic')
  ) AS ended ON hash(begun.origin, begun.audit_id, begun.received) = ended.key)"""
"""One row for each request and witness: its end, or of one without an end its last event.

Ends are rows as they are. Sorting all events by request would hold the whole trail in memory.
"""


def text(value: str) -> str:
    """A text as SQL spells it."""
    return "'" + value.replace("'", "''") + "'"


def lines_view(files: Sequence[tuple[str, str]], columns: Sequence[str] = ()) -> str:
    """The view of the lines of files, each with its origin; ``columns`` () are all members.

    The database takes a path with ``*?[`` for a pattern: there must be none.
    """
    wanted = {name: kind for name, kind in _MEMBERS.items() if not columns or name in columns}
    members = ", ".join(f"{text(name)}: {text(kind)}" for name, kind in wanted.items())
    parts = [
        f"SELECT *, {text(origin)} AS origin FROM read_json({text(path)}, "  # noqa: S608
        f"columns={{{members}}}, format='newline_delimited', ignore_errors=true, "
        "compression='uncompressed')"
        for path, origin in files
    ]
    return "CREATE VIEW lines AS " + " UNION ALL ".join(parts)


def sized_lines_view(files: Sequence[tuple[str, str]]) -> str:
    """The view of the lines of files with their sizes: those that SIZES names, and no others.

    The text of each line is read besides its members, which takes some third longer.
    """
    parts = [
        f"SELECT json, {text(origin)} AS origin "  # noqa: S608
        f"FROM read_ndjson_objects({text(path)}, ignore_errors=true, compression='uncompressed')"
        for path, origin in files
    ]
    members = ", ".join(f'e."{name}" AS "{name}"' for name in _MEMBERS if name not in _AS_TEXT)
    as_text = ", ".join(
        f'from_json(e."{name}", {text(_structure(_MEMBERS[name]))}) AS "{name}"'
        for name in _AS_TEXT
    )
    sizes = ", ".join(
        f"{_SPELLED_BYTES.format(f'e.{member}')} AS {name}"
        for name, member in (
            ("request_object_bytes", "requestObject"),
            ("response_object_bytes", "responseObject"),
            ("status_bytes", "responseStatus"),
            ("annotations_bytes", "annotations"),
        )
    )
    spec = _MEMBERS | dict.fromkeys(_AS_TEXT, "JSON")
    inner = ", ".join(f'"{name}": {_structure(kind)}' for name, kind in spec.items())
    return (
        f"CREATE VIEW lines AS SELECT {members}, {as_text}, {sizes}, origin, line_bytes FROM ("  # noqa: S608
        f"SELECT from_json(json, {text('{' + inner + '}')}) AS e, origin, "
        f"strlen(json) + 1 AS line_bytes FROM ({' UNION ALL '.join(parts)}))"
    )


_AS_TEXT = ("responseStatus", "annotations")
"""Members whose size is asked for, and that are read from their text."""
_SPELLED_BYTES = (
    "(strlen({0}) + CASE WHEN contains({0}, '<') OR contains({0}, '>') OR contains({0}, '&') "
    "OR contains({0}, chr(8232)) OR contains({0}, chr(8233)) "
    "THEN 5 * (strlen({0}) - strlen(translate({0}, '<>&', ''))) "
    "+ strlen({0}) - strlen(translate({0}, chr(8232) || chr(8233), '')) ELSE 0 END)"
)
"""Bytes of a value as Go spells it: the database's reader leaves out its escapes."""
_SIZES = """,
  line_bytes,
  request_object_bytes,
  response_object_bytes,
  line_bytes + length('Metadata') - length(level)
    - coalesce(length(',"requestObject":') + request_object_bytes, 0)
    - coalesce(length(',"responseObject":') + response_object_bytes, 0)
    - coalesce(length(',"responseStatus":') + status_bytes, 0)
    - coalesce(length(',"annotations":') + annotations_bytes, 0) AS arrival_bytes
FROM lines"""


def _structure(kind: str) -> str:
    """A type as from_json has it, of one that columns have."""
    found = re.fullmatch(r"STRUCT\((.*)\)", kind, re.DOTALL)
    if found is None:
        return f'"{kind}"'
    # Only types of users have commas, and these follow all other members.
    plain, extra, rest = found[1].partition("extra ")
    members = [part.split(" ", 1) for part in plain.strip(", ").split(", ")]
    members += [["extra", rest]] if extra else []
    return "{" + ", ".join(f'"{name.strip(chr(34))}": "{of}"' for name, of in members) + "}"


def events_view(
    saved: Sequence[tuple[str, str | None]],
    *,
    has_lines: bool,
    has_sizes: bool = False,
    name: str = "events",
) -> str:
    """The view of the events of the lines, if there are any, and of saved trails.

    A saved trail has the origin that is given, or those that it was saved with. ``has_sizes`` adds
    the columns SIZES, for which the view of the lines must have sizes.
    """
    wanted = COLUMNS | SIZES if has_sizes else COLUMNS
    names = ", ".join(f'"{column}"' for column in wanted if column != "origin")
    lines = _EVENTS.replace("\nFROM lines", _SIZES) if has_sizes else _EVENTS
    parts = [lines] if has_lines else []
    for path, origin in saved:
        of = "origin" if origin is None else f"{text(origin)} AS origin"
        parts.append(f"SELECT {of}, {names} FROM read_parquet({text(path)})")  # noqa: S608
    return f"CREATE VIEW {name} AS " + " UNION ALL ".join(parts)
