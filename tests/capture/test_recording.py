"""What reading a body may cost; how bodies are recorded is tested where they are (test_process)."""

import sys

import pytest

from auditproxy.audit.objects import REQUEST_OBJECT_OMITTED, RESPONSE_OBJECT_OMITTED
from auditproxy.capture.recording import (
    DECODE_INLINE,
    REQUEST_NODES,
    REQUEST_TEXT,
    RESPONSE_NODES,
    budget_of,
    seconds_for,
)
from auditproxy.serializer.budget import BudgetExceededError


@pytest.mark.parametrize(
    ("omitted", "cost", "nodes", "text"),
    [
        (REQUEST_OBJECT_OMITTED, DECODE_INLINE, REQUEST_NODES, DECODE_INLINE),
        (RESPONSE_OBJECT_OMITTED, DECODE_INLINE, RESPONSE_NODES, DECODE_INLINE),
        (REQUEST_OBJECT_OMITTED, DECODE_INLINE + 1, REQUEST_NODES, REQUEST_TEXT),
        (RESPONSE_OBJECT_OMITTED, DECODE_INLINE + 1, RESPONSE_NODES, sys.maxsize),
    ],
)
def test_budgets(omitted: str, cost: int, nodes: int, text: int) -> None:
    """A cheap body has less than one that is read beside the event loop."""
    budget = budget_of(omitted, cost, 1, lambda: False)
    assert (budget.nodes, budget.text) == (nodes, text)
    with pytest.raises(BudgetExceededError, match=f"more than {nodes} values"):
        budget.spend(nodes + 1)


def test_stopped() -> None:
    """What is not needed any more is not read on, but for what is cheap."""
    budget_of(REQUEST_OBJECT_OMITTED, 1, 1, lambda: True).check()
    budget = budget_of(REQUEST_OBJECT_OMITTED, DECODE_INLINE + 1, 1, lambda: True)
    with pytest.raises(BudgetExceededError, match="the proxy was stopping"):
        budget.check()


def test_seconds() -> None:
    """A larger body may take longer."""
    assert (seconds_for(0), seconds_for(8 << 20)) == (2.0, 4.0)
