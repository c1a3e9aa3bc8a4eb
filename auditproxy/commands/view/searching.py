"""Searching: the filters of the page's address as SQL over the index.

Pure. They are those of ``auditproxy events list`` by the same names, with ``text`` and ``outcome``,
so that a search of the page is a command line as well.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.reading.meaning.conditions import COLUMNS, as_sql, conditions_of
from auditproxy.reading.meaning.facts import OUTCOMES
from auditproxy.reading.meaning.moments import moment
from auditproxy.reading.sql.expressions import enclosed

FILTERS = (*COLUMNS, "outcome", "text", "since", "until", "where")
"""Parameters of the address that say which requests are meant."""
MOST_VALUES = 100
"""Values of one filter."""
_SEARCHED = (
    "username",
    "impersonated_username",
    "request_uri",
    '"name"',
    "message",
    "user_agent",
    "audit_id",
)
"""Columns in which a text is looked for; names, verbs and resources are parts of the URI."""


class PageFilter(msgspec.Struct, frozen=True):
    """A WHERE clause with its parameters; times are microseconds, None where not limited.

    ``expression`` is the part of the clause that the user wrote, or "".
    """

    clause: str
    parameters: tuple[Any, ...]
    since: int | None = None
    until: int | None = None
    expression: str = ""


def filter_of(given: Mapping[str, str], now: int) -> PageFilter:
    """The filter of an address's parameters; raises Unusable with every fault.

    ``now`` is in nanoseconds. Several values of a filter are separated by commas.
    """
    faults: list[str] = []
    clauses: list[str] = []
    parameters: list[Any] = []
    for column in COLUMNS:
        try:
            clause, bound = as_sql(conditions_of({column: _values(given.get(column, ""))}))
        except ValueError as error:
            faults.append(f"{column} {error}")
            continue
        if clause != "true":
            clauses.append(clause)
            parameters += bound
    outcomes = _values(given.get("outcome", ""))
    if set(outcomes) - set(OUTCOMES):
        faults.append(f"outcome must be one of {', '.join(OUTCOMES)}")
    elif outcomes:
        clauses.append(f"outcome IN ({', '.join('?' * len(outcomes))})")
        parameters += outcomes
    for word in given.get("text", "").lower().split()[:MOST_VALUES]:
        clauses.append("(" + " OR ".join(f"contains(lower({name}), ?)" for name in _SEARCHED) + ")")
        parameters += [word] * len(_SEARCHED)
    limits: dict[str, int | None] = {}
    for name, operator in (("since", ">="), ("until", "<")):
        limits[name] = None
        if not given.get(name):
            continue
        try:
            limit = moment(given[name], now, is_end=name == "until") // 1000
        except ValueError as error:
            faults.append(f"{name} {go_quote(given[name])} {error}")
            continue
        limits[name] = limit
        clauses.append(f"received {operator} make_timestamptz(?)")
        parameters.append(limit)
    since, until = limits["since"], limits["until"]
    if since is not None and until is not None and since >= until:
        faults.append("since is not before until, so no request can match")
    if faults:
        raise Unusable(*faults)
    where = given.get("where", "").strip()
    if where:
        # What it reaches is the index alone, and the process of that checks that it is one.
        clauses.append(enclosed(where))
    clause = " AND ".join(clauses) or "true"
    return PageFilter(clause, tuple(parameters), since, until, where)


def _values(text: str) -> list[str]:
    return [value for value in (part.strip() for part in text.split(",")) if value][:MOST_VALUES]
