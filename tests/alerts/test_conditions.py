"""Conditions: what they can ask for."""

import pytest

from auditproxy.alerts.conditions import Condition
from auditproxy.alerts.facts import EVENT_VARIABLES
from auditproxy.expressions.cel import cel_compiler

COMPILE = cel_compiler(*EVENT_VARIABLES, is_condition=True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("object.?spec.?hostPID.orValue(false) == true", {"object", "spec", "hostPID"}),
        ("object['a-b/c'] == 1", {"object", "a-b/c"}),
        ('object["a.b"] == 1 && object[r"c d"] == 2', {"a.b", "c d"}),
        ("podSpec.containers.exists(c, has(c.env))", {"podSpec", "containers", "env"}),
    ],
)
def test_names(text: str, names: set[str]) -> None:
    """Every member that is named, in whatever form."""
    assert names <= Condition(text, COMPILE(text)).names


def test_truth() -> None:
    """Of its variables."""
    condition = Condition("object.a == 1", COMPILE("object.a == 1"))
    assert condition.is_true({"object": {"a": 1}})
    assert not condition.is_true({"object": {"a": 2}})
