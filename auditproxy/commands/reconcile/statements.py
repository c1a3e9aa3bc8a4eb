"""Statements: what is asked of both trails, in SQL.

Pure: text. The origin of an event is the side that it is of. Both trails are read once, for
GATHERED; all others are about what that has. Requests that both have by one audit ID, and that do
not differ, are counted here: they are nearly all.
"""

from auditproxy.commands.reconcile.pairing import CLOSED_EARLY
from auditproxy.reading.trail.saved import COLUMNS, SIZES

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

_WANTED = frozenset(
    (
        "origin", "audit_id", "stage", "verb", "request_uri", "username", "impersonated_username",
        "actor", "api_group", "resource", "subresource", "namespace", "name", "code", "message",
        "peer", "client", "received", "staged",
    )
)  # fmt: skip
_GATHERED = ", ".join(
    f'"{name}"' if name in _WANTED else f'CAST(NULL AS {kind}) AS "{name}"'
    for name, kind in (COLUMNS | SIZES).items()
)
GATHERED = f"SELECT {_GATHERED} FROM events"  # noqa: S608
"""The events as a saved trail, with what is compared of them."""

BOUNDS = f"""SELECT origin, epoch_us(min({_ENDED})), epoch_us(max({_ENDED})), count(*)
FROM events GROUP BY origin"""  # noqa: S608
"""When the events of each side were written. An event is written at its stage's end."""

_REQUEST = "origin, audit_id, received, username, verb, request_uri"
_REQUESTS = f"""(SELECT * FROM events WHERE stage IN ('ResponseComplete', 'Panic')
  UNION ALL SELECT begun.* FROM (
    SELECT * FROM events WHERE stage NOT IN ('ResponseComplete', 'Panic')
    QUALIFY row_number() OVER (PARTITION BY {_REQUEST} ORDER BY stage_rank(stage) DESC) = 1
  ) AS begun ANTI JOIN (
    SELECT hash({_REQUEST}) AS request FROM events WHERE stage IN ('ResponseComplete', 'Panic')
  ) AS ended ON hash({_REQUEST}) = ended.request)"""  # noqa: S608
"""As the view requests, and what another one did with the audit ID and at the time of a request
that has ended is a request of its own."""

APART = 60_000_000
"""Microseconds that the two records of one request may be apart."""
_BOTH = f"""FROM (SELECT *, {_PATH} AS path, epoch_us({_ARRIVED}) AS arrived
  FROM {_REQUESTS} AS requests WHERE origin = '{THEIRS}') AS theirs
JOIN (SELECT DISTINCT audit_id, verb, {_PATH} AS path, username, epoch_us({_ARRIVED}) AS arrived
  FROM {_REQUESTS} AS requests WHERE origin = '{OURS}') AS ours
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
FROM {_REQUESTS} AS requests WHERE origin = '{THEIRS}' LIMIT 100000"""  # noqa: S608


_WITH_SAME = f"""WITH compared AS (
  SELECT origin = '{OURS}' AS is_ours, audit_id AS key, epoch_us({_ARRIVED}) AS arrived, username,
    nullif(impersonated_username, '') AS impersonated, coalesce(verb, '') AS verb,
    coalesce(request_uri, '') AS uri, nullif(code, 0) AS code, message
  FROM {_REQUESTS} AS requests WHERE audit_id IS NOT NULL AND {_ARRIVED} IS NOT NULL
), single AS (
  SELECT key FROM compared GROUP BY key
  HAVING count(*) = 2 AND count(*) FILTER (WHERE is_ours) = 1
), same AS (
  SELECT ours.key, coalesce(ours.impersonated, ours.username, '') AS actor
  FROM (FROM compared WHERE is_ours) AS ours
  JOIN (FROM compared WHERE NOT is_ours) AS theirs ON ours.key = theirs.key
  SEMI JOIN single ON ours.key = single.key
  WHERE abs(theirs.arrived - ours.arrived) <= {APART}
    AND coalesce(ours.impersonated, ours.username, '')
      = coalesce(theirs.impersonated, theirs.username, '')
    AND ours.verb = theirs.verb AND ours.uri = theirs.uri
    AND coalesce(ours.code = theirs.code, true)
    AND ours.message IS DISTINCT FROM '{CLOSED_EARLY}'
    AND (theirs.impersonated IS NULL OR coalesce($1, '') = ''
      OR theirs.username IS NOT DISTINCT FROM ours.username OR theirs.username = $1)
)
"""  # noqa: S608
SAME = _WITH_SAME + "SELECT actor, count(*), min(key) FROM same GROUP BY actor ORDER BY min(key)"  # noqa: S608
"""How many requests of each user are in both trails by one audit ID and do not differ, and the
first of their keys. The parameter is the proxy's account. What is here is matched for judging.py,
and not all that is matched there is here."""


def _records(key: str, condition: str) -> str:
    return f"""SELECT origin = '{OURS}', {key} AS key, audit_id, epoch_us({_ARRIVED}) AS arrived,
  epoch_us({_ENDED}), username, impersonated_username, verb, request_uri, code, peer, client,
  api_group, resource, subresource, "namespace", "name", message
FROM {_REQUESTS} AS requests WHERE {key} IS NOT NULL AND {_ARRIVED} IS NOT NULL {condition}
ORDER BY key, arrived, origin, username, impersonated_username, verb, request_uri, code, message,
  peer, client, audit_id, "namespace", "name", {_ENDED}, api_group, resource, subresource"""  # noqa: S608


def records(key: str) -> str:
    """The requests of both sides, by key and time, as SideRecord has them."""
    return _records(key, "")


REST = _WITH_SAME + _records(BY_AUDIT_ID, "AND NOT EXISTS (FROM same WHERE same.key = audit_id)")
"""The same, without those of SAME."""
