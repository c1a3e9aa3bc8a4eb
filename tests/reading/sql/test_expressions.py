"""Expressions of users in statements of ours."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.faults import Unusable
from auditproxy.reading.sql.expressions import check_expression, enclosed, placed_fault

_ROW = "(VALUES (true)) AS v(a)"
_WORDS = (
    "( ) a = 1 ' \" -- /* */ OR AND , ; $x$ CAST AS BOOLEAN SELECT true FROM LIMIT NOT E'\\' [ ]"
)
_PIECES = st.lists(st.sampled_from([*_WORDS.split(), "\n"]), max_size=9).map(" ".join)


@given(_PIECES)
def test_what_passes_stays_one_part(expression: str) -> None:
    """What a condition of ours makes false is false whatever the expression is."""
    try:
        check_expression(expression)
    except Unusable:
        return
    statement = f"SELECT a FROM {_ROW} WHERE {enclosed(expression)} AND false"
    try:
        rows = duckdb.execute(statement).fetchall()
    except duckdb.ParserException:
        raise
    except duckdb.Error:
        # Such as a column that is not there.
        return
    assert rows == []


@pytest.mark.parametrize(
    "expression",
    ["a OR (b AND c)", "a -- comment )", "a IN (SELECT 1)", "a = ')'", "CASE WHEN a THEN b END"],
)
def test_expressions(expression: str) -> None:
    """They pass."""
    check_expression(expression)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a) OR (b",
        "a, b",
        "a LIMIT 1",
        "a; b",
        "SELECT 1",
        "a /*",
        "a AS BOOLEAN), (b",
        "a = $1",
    ],
)
def test_what_is_none(text: str) -> None:
    """It is refused."""
    with pytest.raises(Unusable, match="one expression"):
        check_expression(text)


def test_what_is_not_text() -> None:
    """Bytes of a command line that are not UTF-8."""
    with pytest.raises(Unusable, match="it has bytes that are not UTF-8"):
        check_expression("verb = '\udcff'")


def test_places() -> None:
    """They are counted in the user's text, and what is not in it is not shown."""
    expression = "true\nAND nme = 1"
    for before in ("", "EXISTS (SELECT 2\n) AND "):
        statement = f"SELECT a FROM {_ROW} WHERE {before}{enclosed(expression)} AND true"
        with pytest.raises(duckdb.Error) as caught:
            duckdb.execute(statement)
        fault = str(placed_fault(caught.value, statement, expression))
        assert fault.endswith("(line 2, column 5: nme)")
    with pytest.raises(duckdb.Error) as caught:
        duckdb.execute(statement := f"SELECT ours FROM {_ROW} WHERE {enclosed('true')}")
    fault = str(placed_fault(caught.value, statement, "true"))
    assert "line" not in fault
    assert "WHERE" not in fault
