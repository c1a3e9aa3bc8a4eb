"""Steps at the end of a turn: in order, all of them, and soon."""

import asyncio
from typing import Any

from auditproxy.server.turnend import AT_MOST, TurnEnd
from tests.fakes.waiting import turns

BOTH_LOOPS = True


class Turn:
    """A TurnEnd, the clock that it asks, and what it has done."""

    def __init__(self) -> None:
        self.now = 0
        self.done: list[str] = []
        self.end = TurnEnd(lambda: self.now)

    def add(self, name: str) -> None:
        """Add a step that notes its name."""
        self.end.add(asyncio.get_running_loop(), lambda: self.done.append(name))


async def test_at_the_end_of_the_turn() -> None:
    """Steps wait for the end of their turn, and are done once, in order."""
    turn = Turn()
    for round_number in range(1, 4):
        turn.add("a")
        turn.add("b")
        assert turn.done == ["a", "b"] * (round_number - 1)
        await turns(2)
        assert turn.done == ["a", "b"] * round_number


async def test_a_long_turn() -> None:
    """In a turn that takes long the first step waits no longer than for the next one."""
    turn = Turn()
    turn.add("a")
    turn.now = AT_MOST
    turn.add("b")
    assert turn.done == []
    turn.now += 1
    turn.add("c")
    assert turn.done == ["a", "b", "c"]
    turn.add("d")
    turn.now += AT_MOST
    turn.add("e")
    assert turn.done == ["a", "b", "c"]
    await turns(2)
    assert turn.done == ["a", "b", "c", "d", "e"]


async def test_added_meanwhile() -> None:
    """A step that adds another one is not waited for, and the other one is done."""
    turn = Turn()
    turn.end.add(asyncio.get_running_loop(), lambda: turn.add("b"))
    turn.add("a")
    await turns(4)
    assert turn.done == ["a", "b"]


async def test_a_fault() -> None:
    """A step with a fault is the loop's to report, and the others are done."""
    turn, loop = Turn(), asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, fault: faults.append(fault))
    turn.add("a")
    turn.end.add(loop, lambda: turn.done.remove("none"))
    turn.add("b")
    await turns(2)
    assert turn.done == ["a", "b"]
    assert [type(fault["exception"]) for fault in faults] == [ValueError]
