"""Statements: what is asked of both trails, in SQL.

Pure: text. The origin of an event is the side that it is of.
"""

OURS = "proxy"
THEIRS = "cloud"

_ARRIVED = "coalesce(received, staged)"
_ENDED = "coalesce(staged, received)"
_PATH = "split_part(request_uri, '?', 1)"
BY_AUDIT_ID = "audit_id"
_MEMBERS = ", ".join(
    f"coalesce({name}, '')"
    for name in (
        "verb",
        "api_group",
        f"coalesce(resource, {_PATH})",
        "subresource",
        '"namespace"',
        # The URL of a create has no name, and exports may have one.
        """CASE WHEN verb <> 'create' THEN "name" END""",
        "actor",
    )
)
BY_CONTENT = f"concat_ws(chr(31), {_MEMBERS})"
"""Where their trail has no audit IDs that are the API server's."""

BOUNDS = f"""SELECT origin, epoch_us(min({_ENDED})), epoch_us(max({_ENDED})), count(*)
FROM events GROUP BY origin"""  # noqa: S608
"""When the events of each side were written. An event is written at its stage's end."""

APART = 60_000_000
"""Microseconds that the two records of one request may be apart."""
_BOTH = f"""FROM (SELECT *, {_PATH} AS path, epoch_us({_ARRIVED}) AS arrived
  FROM requests WHERE origin = '{THEIRS}') AS theirs
JOIN (SELECT DISTINCT audit_id, verb, {_PATH} AS path, username, epoch_us({_ARRIVED}) AS arrived
  FROM requests WHERE origin = '{OURS}') AS ours
ON theirs.audit_id = ours.audit_id AND theirs.verb = ours.verb AND theirs.path = ours.path
  AND abs(theirs.arrived - ours.arrived) <= {APART}"""  # noqa: S608
PEERS = f"SELECT DISTINCT theirs.peer {_BOTH} WHERE theirs.peer IS NOT NULL LIMIT 1000"
"""Where the proxy's requests came from, at the API server."""
ACCOUNT = f"""SELECT theirs.username {_BOTH}
WHERE theirs.impersonated_username IS NOT NULL AND theirs.username IS DISTINCT FROM ours.username
GROUP BY theirs.username ORDER BY count(*) DESC LIMIT 1"""  # noqa: S608
"""Who impersonates users, most of the time."""
KINDS = f"""SELECT DISTINCT coalesce(verb, ''), coalesce(api_group, ''),
  coalesce(resource, {_PATH}, ''), coalesce(subresource, '')
FROM requests WHERE origin = '{THEIRS}' LIMIT 100000"""  # noqa: S608


def records(key: str) -> str:
    """The requests of both sides, by key and time, as SideRecord has them."""
    return f"""SELECT origin = '{OURS}', {key} AS key, audit_id, epoch_us({_ARRIVED}) AS arrived,
  epoch_us({_ENDED}), username, impersonated_username, verb, request_uri, code, peer, client,
  api_group, resource, subresource, "namespace", "name", message
FROM requests WHERE {key} IS NOT NULL AND {_ARRIVED} IS NOT NULL
ORDER BY key, arrived, origin"""  # noqa: S608
