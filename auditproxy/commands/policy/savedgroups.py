"""Saved trails as groups of events about which policies decide alike.

The database groups what no rule distinguishes: users, names and namespaces that no rule mentions
are one. What a request asked for is in its URI; where this is spelled as the resource of the event
is, the columns of that are grouped, which are few, and else the URIs.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from auditproxy.apis.audit import LEVEL_WORDS
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.simulation.grouped import LoggedGroup
from auditproxy.audit.policy.simulation.logged import LoggedEvent
from auditproxy.reading.meaning.events import STAGES
from auditproxy.reading.trail.savedsets import (
    MEANT_URI,
    OWN_GROUPS,
    PATH,
    PLACE,
    SELECTED,
    SavedTrails,
)

_PREFIX = (
    "concat(CASE WHEN coalesce(api_group, '') = '' THEN '/api/' ELSE concat('/apis/', api_group, "
    "'/') END, api_version, CASE WHEN coalesce(\"namespace\", '') <> '' THEN "
    "concat('/namespaces/', \"namespace\") ELSE '' END, '/', resource)"
)
_FORM = (
    "CASE WHEN coalesce(resource, '') = '' OR contains(asked_path, '%') "
    "OR contains(asked_path, '/.') OR contains(asked_path, '//') "
    f"OR (asked_path <> request_uri AND {SELECTED}) THEN 0 "
    "WHEN asked_path = concat(asked_prefix, '/', \"name\", CASE WHEN "
    "coalesce(subresource, '') <> '' THEN concat('/', subresource) ELSE '' END) THEN 2 "
    "WHEN asked_path = asked_prefix THEN 1 ELSE 0 END"
)
"""Whether the path is spelled as the columns are: 2 with a name, 1 without, 0 not.

The database reads one name again and again, and an expression it makes anew each time.
"""
_TIME = "strftime({}, '%Y-%m-%dT%H:%M:%S.%fZ')"


def saved_groups(
    trails: SavedTrails, words: frozenset[str], *, by_groups: bool
) -> Iterator[LoggedGroup]:
    """The events of saved trails, in the order of the first of each group. Raises Unusable.

    ``words`` are those that rules mention, and ``by_groups`` whether any asks for groups.
    """
    other = _other(words)
    for _ in trails.rows(f"CREATE OR REPLACE TEMP TABLE lone AS {_LONE}"):
        pass
    has_lone = bool(trails.row("SELECT count(*) AS count FROM lone")["count"])
    statement = _statement(words, other, by_groups=by_groups, has_lone=has_lone)
    for row in trails.rows(statement):
        groups = tuple(row["of_groups"] or ()) if by_groups else (other,) * row["of_groups"]
        event = _event(row, row["of_user"], groups, _uri(row, other))
        yield LoggedGroup(
            event=event,
            example=_event(row, row["example_name"], (), row["example_uri"]),
            count=row["count"],
            is_new=row["is_new"],
            first=row["first"],
            last=row["last"],
            size=int(row["size"]),
            request_objects=_sum(row["requests"]),
            response_objects=_sum(row["responses"]),
            arrivals=int(row["arrivals"]),
        )


def unreadable_rows(trails: SavedTrails) -> int:
    """How many events lack what a policy decides by."""
    return int(trails.row(f"SELECT count(*) AS count FROM saved WHERE NOT {_READABLE}")["count"])  # noqa: S608


def _texts(words: Sequence[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)


_READABLE = (
    f"(coalesce(stage, '') IN ({_texts([stage.value for stage in STAGES])}) AND "
    f"coalesce(level, '') IN ({_texts(list(LEVEL_WORDS.values()))}) AND "
    "request_uri IS NOT NULL AND verb IS NOT NULL AND staged IS NOT NULL)"
)


_SEEN = f"(SELECT hash(audit_id) AS key FROM saved WHERE {_READABLE} AND stage IN ({{}}))"  # noqa: S608
_RECEIVED, _LATER = (
    _texts(stages)
    for stages in (["RequestReceived"], ["ResponseStarted", "ResponseComplete", "Panic"])
)
_LONE = f"FROM {_SEEN.format(_LATER)} ANTI JOIN {_SEEN.format(_RECEIVED)} USING (key)"
"""Requests of which there are events, but no RequestReceived."""


def _statement(words: frozenset[str], other: str, *, by_groups: bool, has_lone: bool) -> str:
    listed = _texts([*sorted(words), ""])

    def word(column: str) -> str:
        """A word that rules mention, "" for none, or the other one."""
        value = f"coalesce({column}, '')"
        return f"CASE WHEN {value} IN ({listed}) THEN {value} ELSE {_texts([other])} END"

    is_lone = "hash(audit_id) IN (FROM lone)" if has_lone else "false"
    return (
        f"WITH asked AS (SELECT *, {PATH} AS asked_path, {_PREFIX} AS asked_prefix "  # noqa: S608
        f"FROM saved WHERE {_READABLE}), marked AS (SELECT *, {_FORM} AS form, "
        f"stage = 'RequestReceived' OR {is_lone} AS is_new FROM asked) "
        "SELECT stage, level, verb, is_new, form, "
        f"{word('username')} AS of_user, "
        f"{OWN_GROUPS if by_groups else f'CAST(len({OWN_GROUPS}) > 0 AS INTEGER)'} AS of_groups, "
        f"CASE WHEN form = 0 THEN {MEANT_URI} END AS of_uri, "
        "CASE WHEN form > 0 THEN coalesce(api_group, '') END AS of_group, "
        "CASE WHEN form > 0 THEN resource END AS of_resource, "
        "CASE WHEN form = 2 THEN coalesce(subresource, '') END AS of_subresource, "
        f"CASE WHEN form > 0 THEN {word('namespace')} END AS of_namespace, "
        f"CASE WHEN form = 2 THEN {word('name')} END AS of_name, "
        "request_object_bytes IS NOT NULL AS has_request, "
        "response_object_bytes IS NOT NULL AS has_response, "
        "count(*) AS count, sum(line_bytes) AS size, sum(request_object_bytes) AS requests, "
        "sum(response_object_bytes) AS responses, sum(arrival_bytes) AS arrivals, "
        f"{_TIME.format('min(staged)')} AS first, {_TIME.format('max(staged)')} AS last, "
        f"arg_min(coalesce(username, ''), {PLACE}) AS example_name, "
        f"arg_min(request_uri, {PLACE}) AS example_uri, min({PLACE}) AS first_place "
        "FROM marked GROUP BY ALL ORDER BY first_place"
    )


def _other(words: frozenset[str]) -> str:
    """A word that no rule mentions."""
    other = "x"
    while other in words:
        other += "x"
    return other


def _uri(row: dict[str, Any], other: str) -> str:
    if not row["form"]:
        return str(row["of_uri"])
    group, namespace = row["of_group"], row["of_namespace"]
    root = f"/apis/{group}/v1" if group else "/api/v1"
    uri = root + (f"/namespaces/{namespace}" if namespace else "") + f"/{row['of_resource']}"
    if row["form"] == 2:
        uri += f"/{row['of_name'] or other}"
        uri += f"/{row['of_subresource']}" if row["of_subresource"] else ""
    return uri


def _event(row: dict[str, Any], name: str, groups: tuple[str, ...], uri: str) -> LoggedEvent:
    return LoggedEvent(
        kind="Event",
        level=row["level"],
        stage=row["stage"],
        request_uri=uri,
        verb=row["verb"],
        user=UserInfo(username=name, groups=groups),
        stage_timestamp=row["first"],
    )


def _sum(size: Any) -> int | None:
    return None if size is None else int(size)
