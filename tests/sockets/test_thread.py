"""sockets/thread.py: work in order on one thread, which nothing waits for longer than it says."""

import asyncio
import threading
from functools import partial

from auditproxy.sockets.thread import OrderedThread, settle


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
