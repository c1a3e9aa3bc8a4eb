"""What reading one body may cost."""

import json

import pytest

from auditproxy.serializer.budget import CHECKED, Budget, BudgetExceededError
from auditproxy.serializer.errors import YAMLError
from auditproxy.serializer.yaml import TAG_DIRECTIVES_LIMIT, to_json


def test_nodes() -> None:
    """B1: all that there are, and not one more."""
    budget = Budget(3)
    budget.spend(3)
    assert budget.reason == ""
    with pytest.raises(BudgetExceededError, match="more than 3 values"):
        budget.spend(1)
    assert budget.reason == "nodes"


def test_time() -> None:
    """B1: counted from the first look at the clock, which comes every so many nodes."""
    now = [100.0]
    budget = Budget(10 * CHECKED, seconds=2, clock=lambda: now[0])
    budget.spend(CHECKED)
    now[0] += 1.9
    budget.spend(CHECKED)
    now[0] += 0.2
    budget.spend(CHECKED - 1)
    with pytest.raises(BudgetExceededError, match="takes more than 2 s"):
        budget.spend(1)
    assert budget.reason == "time"


def test_nobody_waits_any_more() -> None:
    """B1: at a stop the next look ends it."""
    stopping = False
    budget = Budget(10 * CHECKED, stopped=lambda: stopping)
    budget.spend(CHECKED)
    stopping = True
    with pytest.raises(BudgetExceededError, match="stopping"):
        budget.spend(CHECKED)
    assert budget.reason == "shutdown"


def test_yaml_counts_values_and_what_aliases_stand_for() -> None:
    """B1: each value is a node, and aliases cost what they unfold to."""
    assert to_json(b"[" + b"1," * 98 + b"1]", Budget(100)) == b"[" + b"1," * 98 + b"1]"
    with pytest.raises(BudgetExceededError):
        to_json(b"[" + b"1," * 100 + b"1]", Budget(100))
    unfolding = b"[&a [" + b"1," * 50 + b"1]," + b"*a," * 20 + b"]"
    assert len(json.loads(to_json(unfolding, Budget(1000)))) == 21
    with pytest.raises(BudgetExceededError):
        to_json(unfolding, Budget(300))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_yaml_directives(encoding: str) -> None:
    """B1: libyaml compares each %TAG with all before it, at once and with nobody let in between."""
    few = "".join(f"%TAG !{n}! x\n" for n in range(TAG_DIRECTIVES_LIMIT)) + "--- 1"
    assert to_json(few.encode(encoding)) == b"1"
    many = "".join(f"%TAG !{n}! x\n" for n in range(50_000)) + "--- 1"
    with pytest.raises(YAMLError, match="too many directives"):
        to_json(many.encode(encoding))
    text = "".join(f"- '%TAG !{n}! x'\n" for n in range(1000))
    assert len(json.loads(to_json(text.encode(encoding)))) == 1000
