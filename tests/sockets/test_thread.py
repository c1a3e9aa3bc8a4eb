"""sockets/thread.py: work in order on one thread, which nothing waits for longer than it says."""

import asyncio
import threading
from functools import partial

from auditproxy.sockets.thread import MOST_AHEAD, OrderedThread, settle
from tests.fakes.waiting import until


async def test_work_is_done_in_order_on_one_thread() -> None:
    """Whatever gave it, and from whichever thread."""
    thread = OrderedThread("test work")
    done: list[tuple[int, str]] = []

    def note(number: int) -> None:
        done.append((number, threading.current_thread().name))

    assert not thread.started
    for number in range(100):
        thread.run(partial(note, number))
    assert await thread.close(lambda: done.append((100, "last")), 5.0)
    assert [number for number, _ in done] == list(range(101))
    assert {name for _, name in done[:-1]} == {"test work"}
    assert thread.started


async def held(thread: OrderedThread, gate: threading.Event) -> None:
    """Have the thread wait at a gate."""
    began = threading.Event()

    def wait() -> None:
        began.set()
        gate.wait(20)

    thread.run(wait, "the gate")
    await until(began.is_set, "the wait at the gate")


async def test_owners_take_turns() -> None:
    """What one has in plenty holds up no other; each one's work stays in its order."""
    thread = OrderedThread("test turns")
    gate = threading.Event()
    done: list[str] = []
    await held(thread, gate)
    for number in range(4):
        thread.run(partial(done.append, f"much {number}"), "much")
    thread.run(partial(done.append, "little 0"), "little")
    assert not thread.is_idle
    gate.set()
    assert await thread.close(lambda: done.append("last"), 5.0)
    assert done == ["much 0", "little 0", "much 1", "much 2", "much 3", "last"]
    assert thread.is_idle


async def test_hurry() -> None:
    """What its owner has comes before the work of those that do not; each in its order."""
    thread = OrderedThread("test hurry")
    gate = threading.Event()
    done: list[str] = []
    await held(thread, gate)
    for number in range(2):
        for owner in ("one", "two", "three"):
            thread.run(partial(done.append, f"{owner} {number}"), owner)
    thread.run(partial(done.append, "two, hurried"), "two", hurry=True)
    thread.run(partial(done.append, "two, hurried again"), "two", hurry=True)
    thread.run(partial(done.append, "four, hurried"), "four", hurry=True)
    gate.set()
    assert await thread.close(lambda: None, 5.0)
    assert done == [
        *("two 0", "four, hurried", "two 1", "two, hurried", "two, hurried again"),
        *("one 0", "three 0", "one 1", "three 1"),
    ]


async def test_rest() -> None:
    """It rests after its work for as long as it is told to, but not when somebody hurries."""
    now = [10.0]
    told: list[float] = []
    first, second = threading.Event(), threading.Event()

    def rest(worked: float) -> float:
        told.append(worked)
        return 60.0 if len(told) == 2 else 0.0

    def work(seconds: float, done: threading.Event) -> None:
        now[0] += seconds
        done.set()

    thread = OrderedThread("test rest", clock=lambda: now[0], rest=rest)
    thread.run(partial(work, 0.25, first))
    thread.run(partial(work, 0.5, second))
    assert await asyncio.to_thread(second.wait, 5)
    third = threading.Event()
    thread.run(partial(work, 1.0, third))
    await until(lambda: len(told) == 2, "the rest")
    assert not third.is_set()
    assert told == [0.25, 0.5]
    hurried = threading.Event()
    thread.run(partial(work, 2.0, hurried), "hurried", hurry=True)
    assert await asyncio.to_thread(hurried.wait, 5)
    assert await asyncio.to_thread(third.wait, 5)
    assert await thread.close(lambda: None, 5.0)
    assert told == [0.25, 0.5, 2.0, 1.0]


async def test_a_stall_shows_and_holds_up_nothing() -> None:
    """The seconds that a piece of work has taken; closing waits no longer than it is told to."""
    now = [10.0]
    gate, began = threading.Event(), threading.Event()

    def stalls() -> None:
        began.set()
        gate.wait(20)

    thread = OrderedThread("test stall", clock=lambda: now[0])
    assert thread.stalled == 0
    thread.run(stalls)
    await asyncio.to_thread(began.wait, 5)
    now[0] = 13.5
    assert thread.stalled == 3.5
    assert not await thread.close(lambda: None, 0.01)
    gate.set()


async def test_settle() -> None:
    """A future that was given up keeps its own end."""
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    settle(future, True)
    settle(future, False)
    assert await future is True


async def test_closed_twice() -> None:
    """The second time there is nothing to wait for."""
    thread = OrderedThread("test twice")
    assert await thread.close(lambda: None, 5.0)
    assert await thread.close(lambda: None, 5.0)


async def test_work_that_has_more_to_do_leaves_others_their_turn() -> None:
    """It is called again in its owner's next turn, before what the owner has else."""
    thread = OrderedThread("test more")
    gate = threading.Event()
    done: list[str] = []
    await held(thread, gate)
    left = [3]

    def some() -> bool:
        left[0] -= 1
        done.append(f"some {left[0]}")
        return left[0] > 0

    thread.run(some, "one")
    thread.run(partial(done.append, "one, after"), "one")
    for number in range(2):
        thread.run(partial(done.append, f"two {number}"), "two")
    gate.set()
    assert await thread.close(lambda: None, 5.0)
    assert done == ["some 2", "two 0", "some 1", "two 1", "some 0", "one, after"]


async def test_hurry_ends() -> None:
    """Who hurries without end is one of all: what comes new and hurries goes first."""
    thread = OrderedThread("test hurry ends")
    gate = threading.Event()
    done: list[str] = []
    await held(thread, gate)
    left = [MOST_AHEAD + 2]

    def flood() -> bool:
        done.append("flood")
        left[0] -= 1
        return left[0] > 0

    thread.run(flood, "flood", hurry=True)
    thread.run(partial(done.append, "other 0"), "other")
    thread.run(partial(done.append, "other 1"), "other")
    thread.run(partial(done.append, "opening"), "new", hurry=True)
    gate.set()
    assert await thread.close(lambda: None, 5.0)
    assert done[:2] == ["flood", "opening"]
    assert done.index("other 0") == MOST_AHEAD + 1
    assert done[MOST_AHEAD + 1 :] == ["other 0", "flood", "other 1", "flood"]
