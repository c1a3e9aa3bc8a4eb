"""How many lines one session may have, and what stands for the rest."""

from auditproxy.apis.session import FoldedLines
from auditproxy.apis.units import SECOND
from auditproxy.sessions.linebudget import (
    LONGEST_SHOWN,
    MOST_BYTES,
    MOST_BYTES_RATE,
    MOST_LINES,
    MOST_LINES_RATE,
    TOLD_EVERY,
    Folding,
    LineBudget,
)


def taken(budget: LineBudget, moment: int, size: int = 1, *, has_text: bool = True) -> int:
    """How many lines there is room for at a moment."""
    count = 0
    while count < 10 * MOST_LINES and budget.takes(moment, size, has_text=has_text):
        count += 1
    return count


def test_lines() -> None:
    """A burst, and a rate that follows it; time that goes back gives nothing."""
    budget = LineBudget()
    assert taken(budget, 0) == MOST_LINES
    assert taken(budget, SECOND) == MOST_LINES_RATE
    assert taken(budget, 0) == 0
    assert taken(budget, SECOND // 2) == MOST_LINES_RATE // 2
    assert taken(budget, 10**6 * SECOND) == MOST_LINES


def test_bytes() -> None:
    """Long lines are fewer."""
    budget = LineBudget()
    assert taken(budget, 0, MOST_BYTES // 8) == 8
    assert taken(budget, SECOND, MOST_BYTES_RATE // 4) == 4


def test_lines_without_a_text_leave_room_for_others() -> None:
    """Who floods with Enter does not hide what is said."""
    budget = LineBudget()
    assert taken(budget, 0, has_text=False) == MOST_LINES // 2
    assert taken(budget, 0) == MOST_LINES // 2


def test_folding() -> None:
    """The first is told at once, the others from time to time, and the rest at the end."""
    folding = Folding()
    assert folding.due(0) is None
    folding.add("ls")
    assert folding.due(1) == FoldedLines(count=1, first="ls", last="ls")
    folding.add("")
    folding.add("a" * 1000)
    folding.add("z")
    assert folding.due(2) is None
    shown = "a" * LONGEST_SHOWN
    assert folding.due(1 + TOLD_EVERY) == FoldedLines(count=3, first=shown, last="z")
    assert folding.rest() is None
    folding.add("")
    assert folding.rest() == FoldedLines(count=1)


def test_a_clock_that_goes_back_does_not_silence() -> None:
    """What was told in a time to come is told again."""
    folding = Folding()
    folding.add("a")
    assert folding.due(TOLD_EVERY) is not None
    folding.add("b")
    assert folding.due(0) == FoldedLines(count=1, first="b", last="b")
