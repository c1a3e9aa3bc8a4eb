"""Expressions: SQL of a user that is put into a statement of ours, and stays one part of it.

An expression is parsed alone first, as a whole and as the operand of a cast, so that nothing in it
ends what is around it. Places in errors are those of the user's text, and none of ours are shown.
"""

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.placing import in_one_line, one_line_up, without_place
from auditproxy.reading.sql.store import SqlError
from auditproxy.reading.trail.saved import import_duckdb

_ALONE = ("SELECT\n{}\n", "SELECT CAST(\n{}\nAS BOOLEAN)")
"""Both are a SELECT around one expression: the first has no end that a text could write before its
own, the second takes neither a list nor a clause."""


def enclosed(expression: str) -> str:
    """The expression as a condition in a statement; its lines are its own, for places."""
    return f"(\n{expression}\n)"


def check_expression(expression: str) -> None:
    """Raise Unusable, with the place in it, for a text that is not one expression."""
    duckdb = import_duckdb()
    try:
        expression.encode()
    except UnicodeEncodeError:
        raise Unusable("it is not one expression in SQL: it has bytes that are not UTF-8") from None
    for around in _ALONE:
        try:
            found = duckdb.extract_statements(around.format(expression))
        except duckdb.Error as error:
            fault = _placed(one_line_up(str(error)), expression)
            raise Unusable(f"it is not one expression in SQL: {fault}") from None
        if len(found) != 1 or found[0].named_parameters:
            raise Unusable("it must be one expression, without parameters, and nothing else")


def placed_fault(error: Exception, statement: str, expression: str) -> Unusable:
    """What the database says of a statement with an enclosed expression, placed in that."""
    message = error.message if isinstance(error, SqlError) else str(error)
    before, found, _ = statement.partition(enclosed(expression))
    for _ in range(before.count("\n") + 1 if found else 0):
        message = one_line_up(message)
    return Unusable(_placed(message, expression))


def _placed(message: str, expression: str) -> str:
    shown = in_one_line(message, expression)
    return shown if ", column " in shown else without_place(message)
