"""``--where``: an expression in SQL over the columns of requests, asked in a process of its own."""

from collections.abc import Sequence
from typing import Any

import msgspec

from auditproxy.apis.faults import Unusable
from auditproxy.reading.meaning.conditions import as_sql
from auditproxy.reading.meaning.events import Counts
from auditproxy.reading.meaning.moments import iso
from auditproxy.reading.sql.asking import ask
from auditproxy.reading.sql.expressions import check_expression, enclosed, placed_fault
from auditproxy.reading.sql.store import SqlError, prepare
from auditproxy.reading.trail.scanning import Search
from auditproxy.reading.trail.sources import TrailFile


def narrowed(
    files: Sequence[TrailFile], search: Search, expression: str, limit: int, folder: str
) -> Search:
    """The search for the newest requests for which an expression is true, at most ``limit``.

    ``folder`` is for files of the database. Raises Unusable with what is wrong with the expression.
    """
    filters, parameters = as_sql(search.conditions)
    try:
        check_expression(expression)
    except Unusable as error:
        raise error.under("--where") from None
    clauses = [enclosed(expression), filters]
    bound: list[Any] = list(parameters)
    for operator, moment in ((">=", search.since), ("<", search.until)):
        if moment is not None:
            clauses.append(f"received {operator} CAST(? AS TIMESTAMPTZ)")
            bound.append(iso(moment))
    # The expression is the user's, and runs where it reaches nothing but the trail.
    statement = (
        f"SELECT audit_id FROM requests WHERE {' AND '.join(clauses)} "  # noqa: S608
        f"ORDER BY received DESC LIMIT {limit}"
    )
    try:
        answer = ask(prepare(files, folder, Counts()), folder, statement, bound)
    except SqlError as error:
        raise placed_fault(error, statement, expression).under("--where") from None
    except Unusable as error:
        raise error.under("--where") from None
    ids = frozenset(str(row[0]) for row in answer.rows)
    return msgspec.structs.replace(search, ids=ids)
