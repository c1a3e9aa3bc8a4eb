"""Columns: what the groups of each report depend on, as SQL over the columns of a saved trail.

Pure: text. An event of these columns alone has the groups of the whole one: a test compares both.
A value on which no group depends is left out, so that there are few different ones.
"""

from collections.abc import Mapping
from typing import NamedTuple

from auditproxy.reading.meaning.facts import DECISION
from auditproxy.reading.rbac import rights
from auditproxy.reading.reports import access, activity, deprecated, noise
from auditproxy.reading.trail.savedsets import (
    HAS_REFERENCE,
    MEANT_URI,
    OWN_GROUPS,
    PATH,
    SELECTED,
)


class GroupedColumns(NamedTuple):
    """Values by the names of columns; ``where`` is what an event must have to be in any group."""

    values: Mapping[str, str]
    where: str = "true"


_USERS = {name: name for name in ("username", "impersonated_username")}
_REFERENCE = {
    **{name: f'"{name}"' for name in ("api_group", "resource", "subresource")},
    "has_reference": HAS_REFERENCE,
}
_REFUSED = "code IN (401, 403)"
_NO_URI = "coalesce(request_uri, '') = ''"

_RIGHTS = GroupedColumns(
    {
        **_USERS,
        **{
            name: name
            for name in (
                "groups", "impersonated_uid", "impersonated_groups", "impersonated_extra",
                "verb", "code",
            )
        },
        **{
            name: f"CASE WHEN {_NO_URI} THEN {value} END"
            for name, value in {
                **_REFERENCE, "namespace": '"namespace"', "name": "name",
            }.items()
        },
        "request_uri": f"CASE WHEN contains(request_uri, '{rights.INITIAL}') "
        f"THEN {PATH} || '?{rights.INITIAL}' || CASE WHEN {SELECTED} THEN '&' || "
        f"split_part({MEANT_URI}, '?', 2) ELSE '' END ELSE {MEANT_URI} END",
        DECISION: f"annotations['{DECISION}']",
    }
)  # fmt: skip

COLUMNS = {
    access.NAME: GroupedColumns(
        {
            **_USERS,
            **_REFERENCE,
            "verb": "verb",
            "namespace": '"namespace"',
            "code": f"CASE WHEN {_REFUSED} THEN code END",
            "request_uri": f"CASE WHEN NOT {HAS_REFERENCE} AND ({_REFUSED} OR "
            f"impersonated_username IS NOT NULL) THEN {PATH} END",
        }
    ),
    activity.NAME: GroupedColumns(
        {
            **_USERS,
            "verb": "verb",
            "day": "CAST(coalesce(received, staged) AS DATE)",
            "peer": "peer",
            "request_uri": "CASE WHEN dry_run THEN 'dryRun=' END",
        }
    ),
    deprecated.NAME: GroupedColumns(
        {
            **_USERS,
            **_REFERENCE,
            "api_version": "api_version",
            "user_agent": "user_agent",
            "request_uri": f"CASE WHEN NOT {HAS_REFERENCE} THEN {PATH} END",
            deprecated.DEPRECATED: "'true'",
            deprecated.REMOVED: f"annotations['{deprecated.REMOVED}']",
        },
        f"annotations['{deprecated.DEPRECATED}'] = 'true'",
    ),
    noise.NAME: GroupedColumns(
        {
            **_REFERENCE,
            "username": "username",
            "is_node": "CASE WHEN starts_with(username, 'system:node:') THEN "
            f"list_contains({OWN_GROUPS}, 'system:nodes') ELSE false END",
            "verb": "verb",
            "request_uri": f"CASE WHEN NOT {HAS_REFERENCE} THEN "
            f"regexp_extract({PATH}, '(?s)^.[^/]*/?') END",
        }
    ),
    rights.NAME: _RIGHTS,
    rights.DERIVED: _RIGHTS,
}  # fmt: skip
"""By the name of a subject."""
