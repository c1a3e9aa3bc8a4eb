"""Calls that other threads hand over to a loop."""

import asyncio
import threading
from collections.abc import Callable

import pytest
import uvloop

from auditproxy.sockets.handover import hand_over

BOTH_LOOPS = True


async def test_from_another_thread() -> None:
    """The loop makes the call, with its arguments, and in its own thread."""
    called: asyncio.Future[tuple[str, int, int]] = asyncio.get_running_loop().create_future()

    def take(word: str, number: int) -> None:
        called.set_result((word, number, threading.get_ident()))

    thread = threading.Thread(target=hand_over, args=(called.get_loop(), take, "a", 1))
    thread.start()
    async with asyncio.timeout(5):
        assert await called == ("a", 1, threading.get_ident())
    thread.join()


class EndsMeanwhile(asyncio.SelectorEventLoop):
    """A loop that can be closed a moment after it was asked whether it is."""

    asked_before = False

    def is_closed(self) -> bool:
        """What it was."""
        return super().is_closed() and not self.asked_before


@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop, EndsMeanwhile])
def test_a_closed_loop(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Nothing is called, and the thread goes on."""
    loop, calls = make(), list[int]()
    loop.close()
    if isinstance(loop, EndsMeanwhile):
        loop.asked_before = True
    hand_over(loop, calls.append, 1)
    assert calls == []
    if isinstance(loop, EndsMeanwhile):
        loop.asked_before = False
