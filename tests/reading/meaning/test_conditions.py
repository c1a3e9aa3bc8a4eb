"""Filters: which requests are meant, and by which bytes their lines are found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.conditions import COLUMNS, admits_all, as_sql, conditions_of
from tests.fakes.trails import RECEIVED, event, line_of, read


def admits(column: str, values: list[str], made: dict[str, Any]) -> bool:
    """Whether one filter admits an event."""
    return admits_all(conditions_of({column: values}), read(made))


@pytest.mark.parametrize(
    ("column", "values", "made", "expected"),
    [
        ("user", ["alice"], event(), True),
        ("user", ["bob"], event(), False),
        ("user", ["bob", "alice"], event(), True),
        ("user", ["al*"], event(), True),
        ("user", ["a?ice"], event(), False),
        ("user", ["!alice"], event(), False),
        ("user", ["!bob"], event(), True),
        ("user", ["bob"], event(impersonatedUser={"username": "bob"}), True),
        ("user", ["!bob"], event(impersonatedUser={"username": "bob"}), False),
        ("user", ["shop/web"], event(user="system:serviceaccount:shop:web"), True),
        ("user", ["shop/*"], event(user="system:serviceaccount:shop:web"), True),
        ("user", ["node/n1"], event(user="system:node:n1"), True),
        ("group", ["system:auth*"], event(), True),
        ("group", ["ops"], event(impersonatedUser={"username": "b", "groups": ["ops"]}), True),
        ("kind", ["human"], event(), True),
        ("kind", ["!human"], event(), False),
        ("kind", ["node"], event(user="system:node:n1"), True),
        ("verb", ["get", "list"], event("list"), True),
        ("verb", ["watch"], event("list"), False),
        ("resource", ["pods"], event(), True),
        ("resource", ["pod"], event(), True),
        ("resource", ["po"], event(), True),
        ("resource", ["pods"], event(resource="pods/exec"), False),
        ("resource", ["pods/exec"], event(resource="pods/exec"), True),
        ("resource", ["pods/*"], event(resource="pods/exec"), True),
        ("resource", ["*/exec"], event(resource="pods/exec"), True),
        ("resource", ["deploy"], event(resource="deployments", group="apps"), True),
        ("resource", ["deployments.apps"], event(resource="deployments", group="apps"), True),
        (
            "resource",
            ["deployments.extensions"],
            event(resource="deployments", group="apps"),
            False,
        ),
        ("resource", ["pods"], event(objectRef=None), False),
        ("namespace", ["shop"], event(), True),
        ("namespace", ["sho"], event(), False),
        ("namespace", ["shop"], event(objectRef=None), False),
        ("name", ["web-*"], event(name="web-1"), True),
        ("name", ["web"], event("create", requestObject={"metadata": {"name": "web"}}), True),
        ("code", ["4xx"], event(code=403), True),
        ("code", ["403"], event(code=404), False),
        ("code", ["!200"], event(code=403), True),
        ("code", ["!200"], event(code=200), False),
        ("code", ["!200"], event(stage=RECEIVED), False),
        ("audit-id", ["x"], event(audit_id="x"), True),
        ("source-ip", ["192.0.2.*"], event(), True),
        ("source-ip", ["10.0.0.1"], event(sourceIPs=["10.0.0.1", "192.0.2.1"]), True),
        ("user-agent", ["kubectl*"], event(), True),
    ],
)
def test_admits(column: str, values: list[str], made: dict[str, Any], expected: bool) -> None:
    """Values are alternatives, an asterisk is anything, ! excludes."""
    assert admits(column, values, made) is expected


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("code", "x", '"x" is not an HTTP code such as 403, or a class such as 4xx'),
        ("code", "!9xx", '"!9xx" is not an HTTP code'),
        ("verb", "exec", '"exec" is not a verb of the API; use --resource=pods/exec'),
        ("verb", "!Apply", '"!Apply" is not a verb of the API; use --verb=patch'),
        ("source-ip", "192.0.2.0/24", "is not an address; use an asterisk for a network"),
        ("kind", "person", '"person" is not one of human, serviceaccount'),
    ],
)
def test_values_that_are_not_possible(column: str, value: str, said: str) -> None:
    """They would silently match nothing."""
    with pytest.raises(ValueError, match=said):
        conditions_of({column: [value]})


def test_empty() -> None:
    """Without values there is no condition."""
    assert conditions_of({"user": [], "verb": [""]}) == ()
    assert as_sql(()) == ("true", [])


VALUES = st.sampled_from(
    ["alice", "a*", "*", "!bob", "web-1", "shop", "pods", "pods/exec", "deploy", "policy", "widgets",
     "kubectl*", "192.0.2.7", "é", 'a"b', "<x>", "a/b", "shop/web", "get", "x"]
)  # fmt: skip
MADE = st.builds(
    event,
    st.sampled_from(["get", "list", "create"]),
    st.sampled_from(["pods", "pods/exec", "deployments", "policies", "widgets", "networkpolicies"]),
    st.sampled_from(["web-1", "é", 'a"b', "<x>", "shop"]),
    user=st.sampled_from(["alice", "bob", "é", "system:serviceaccount:shop:web", "a/b", "<x>"]),
    namespace=st.sampled_from(["shop", "x", ""]),
)


@given(
    st.sampled_from(sorted(set(COLUMNS) - {"code", "kind"})),
    st.lists(VALUES, min_size=1, max_size=3),
    MADE,
)
def test_literals(column: str, values: list[str], made: dict[str, Any]) -> None:
    """Every line that is admitted has one of the literals, however its writer spells JSON."""
    import json

    values = [one for one in values if column != "source-ip" or "/" not in one] or ["*"]
    (condition,) = conditions_of({column: values})
    if not condition.admits(read(made)) or not condition.literals():
        return
    go = json.dumps(made).replace("<", "\\u003c").replace(">", "\\u003e").encode()
    for line in (line_of(made), json.dumps(made).encode(), go):
        assert any(literal in line for literal in condition.literals())


def test_there_are_literals() -> None:
    """The usual filters have some."""
    for column, value, literal in (
        ("user", "alice", b"alice"),
        ("namespace", "shop", b'"shop"'),
        ("resource", "pods/exec", b"exec"),
        ("resource", "secrets", b"secre"),
        ("user", "*@example.com", b"@example.com"),
    ):
        (condition,) = conditions_of({column: [value]})
        assert condition.literals() == (literal,)
    for column, value in (("user", "a*"), ("user", "!alice"), ("code", "403"), ("kind", "human")):
        (condition,) = conditions_of({column: [value]})
        assert condition.literals() == ()
