"""CEL through the optional library."""

import sys
from typing import Any

import pytest

from auditproxy.expressions.cel import (
    LONGEST_EXPRESSION,
    Compiler,
    ExpressionError,
    SharedVariables,
    cel_compiler,
)


def of_claims() -> Compiler:
    """The compiler of an issuer's expressions."""
    return cel_compiler("claims", "user")


@pytest.mark.parametrize(
    ("expression", "claims", "value"),
    [
        ("claims.sub", {"sub": "a"}, "a"),
        ("'p:' + claims.sub", {"sub": "a"}, "p:a"),
        ("claims.?missing.orValue('none')", {}, "none"),
        ("claims['with.dots']", {"with.dots": "x"}, "x"),
        ("claims.list.split(',')", {"list": "a,b"}, ["a", "b"]),
        ("claims.roles.filter(r, r != 'x')", {"roles": ["x", "y"]}, ["y"]),
        ("claims.nested.deep == true", {"nested": {"deep": True}}, True),
        ("claims.number > 1.5", {"number": 2}, True),
        ("claims.empty", {"empty": None}, None),
        ("has(claims.a) ? claims.a : ''", {}, ""),
    ],
)
def test_values(expression: str, claims: dict[str, Any], value: object) -> None:
    """What kube-apiserver's documentation shows, as plain values."""
    assert of_claims()(expression)({"claims": claims}) == value


@pytest.mark.parametrize(
    ("expression", "claims"),
    [
        ("claims.missing", {}),
        ("claims.a.b", {"a": "text"}),
        ("claims.number", {"number": 10**30}),
        ("claims.a / claims.b", {"a": 1, "b": 0}),
        ("claims.?a", {"a": "x"}),
        ("user.username", {}),
    ],
)
def test_no_value(expression: str, claims: dict[str, Any]) -> None:
    """An error is never taken for a text, which would be somebody's name."""
    program = of_claims()(expression)
    with pytest.raises(ExpressionError, match="cannot be evaluated"):
        program({"claims": claims})


@pytest.mark.parametrize(
    "expression", ["1 +", "unknown.x", "claims.a.nofunction()", "1 + 'a'", "'" + "a" * 10_000 + "'"]
)
def test_refused_at_the_start(expression: str) -> None:
    """What cannot be compiled is told before any token comes."""
    with pytest.raises(ExpressionError):
        of_claims()(expression)
    assert LONGEST_EXPRESSION == 10_000


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("unknown.x", "undeclared reference to 'unknown.x' at column 8"),
        ("true &&\n  unknown", "undeclared reference to 'unknown' at line 2, column 3"),
        ("'a' + 1", "no matching overload for '_+_' applied to '(string, int)' at column 5"),
        ("1 +", "Syntax error: mismatched input"),
    ],
)
def test_the_place_of_an_error(expression: str, fault: str) -> None:
    """What is wrong and where, in words for the author of the expression."""
    with pytest.raises(ExpressionError) as caught:
        of_claims()(expression)
    assert fault in str(caught.value)
    assert "INVALID_ARGUMENT" not in str(caught.value)
    assert "<input>" not in str(caught.value)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault says what to install."""
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    with pytest.raises(ExpressionError, match=r"pip install '\.\[cel\]'"):
        of_claims()("claims.sub")


@pytest.mark.parametrize("expression", ["event.a == 1", "event.a", "true", "has(event.b)"])
def test_condition(expression: str) -> None:
    """What may be true or false compiles."""
    assert cel_compiler("event", is_condition=True)(expression)({"event": {"a": True}}) in (
        True,
        False,
    )


@pytest.mark.parametrize("expression", ["'text'", "1 + 1", "size(event)", "[true]"])
def test_not_a_condition(expression: str) -> None:
    """What is never true or false is refused at the start."""
    with pytest.raises(ExpressionError, match="must be true or false"):
        cel_compiler("event", is_condition=True)(expression)


@pytest.mark.parametrize(
    ("expression", "reason", "member"),
    [
        ("event.lien == 'x'", ': no such member "lien"', "lien"),
        ("event['li-en'] == 'x'", ': no such member "li-en"', "li-en"),
        ("event.line + 1 == 2", ": the types of what it compares or calls do not fit", ""),
        ("event.line.a == 1", ": it asks for a member of what has none", ""),
        ("event.n / 0 == 1", ": it divides by zero", ""),
        # The key is a value.
        ("event[event.line] == 1", "", ""),
        ("event['a'+event.line] == 1", "", ""),
        ("event.line.matches(event.pattern)", "", ""),
        ("int(event.line) == 1", "", ""),
    ],
)
def test_why_it_cannot_be_evaluated(expression: str, reason: str, member: str) -> None:
    """As far as the expression says it; a value is never shown."""
    condition = cel_compiler("event", is_condition=True)(expression)
    with pytest.raises(ExpressionError) as caught:
        condition({"event": {"line": "s3cret", "n": 1, "pattern": "(s3cret"}})
    assert str(caught.value) == f"it cannot be evaluated with these values{reason}"
    assert caught.value.member == member


def test_a_runaway_expression_is_stopped() -> None:
    """The iterations of all loops together are bounded by the library."""
    condition = cel_compiler("event", is_condition=True)(
        "event.a.all(x, event.a.all(y, event.a.all(z, x + y + z >= 0)))"
    )
    with pytest.raises(ExpressionError, match="cannot be evaluated"):
        condition({"event": {"a": list(range(2000))}})


def test_shared_variables() -> None:
    """What the library makes of them is made once; every program sees the same."""
    compiler = of_claims()
    variables = SharedVariables(claims={"a": 1}, user={})
    assert [compiler(text)(variables) for text in ("claims.a", "claims.a + 1")] == [1, 2]
    made = variables.activation
    assert made is not None
    with pytest.raises(ExpressionError):
        compiler("claims.b")(variables)
    assert compiler("claims.a")(variables) == 1
    assert variables.activation is made
