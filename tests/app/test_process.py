"""What is set once for the process."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest

from auditproxy.app.process import (
    one_after_the_other,
    share_interpreter,
    tune_garbage_collector,
)


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """The settings as they were before; what was frozen stays so, as tests/conftest.py wants it."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


def test_turns_of_threads() -> None:
    """A thread that decodes lets the event loop run within half a millisecond."""
    share_interpreter()
    assert sys.getswitchinterval() == pytest.approx(0.0005)


def test_garbage_collector() -> None:
    """What is there at the start is looked at no more, and new objects are looked at seldom."""
    before = gc.get_freeze_count()
    tune_garbage_collector()
    assert gc.get_freeze_count() > before
    assert gc.get_threshold()[0] >= 10_000


SETTLES = """\
import ctypes, os, sys
from auditproxy.app.process import LARGE, settle_memory

class Figures(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Figures

def mapped():
    before = libc.mallinfo2().hblks
    kept.append([bytes(LARGE) for _ in range(8)])
    return libc.mallinfo2().hblks - before

kept = []
# Once one is freed, later ones are taken from the heap.
bytes(LARGE)
assert mapped() == 0
assert settle_memory()
assert mapped() >= 7
"""


def test_large_buffers_are_mapped() -> None:
    """What is never used of a connection's buffer has no page, and shares none with others."""
    subprocess.run([sys.executable, "-c", SETTLES], timeout=30, check=True)


FAULTS = """\
import asyncio, logging
from auditproxy.app import operatorlog
from auditproxy.app.process import tell_faults

async def main():
    loop = asyncio.get_running_loop()
    tell_faults(loop)
    loop.call_exception_handler({"message": "m", "exception": ValueError("no request's")})
    loop.call_exception_handler({"message": "a message\\nand more"})
    logging.getLogger("some.library").warning("it is late")

operatorlog.configure(verbosity=0, json_lines=False)
asyncio.run(main())
"""


def test_faults_outside_of_requests() -> None:
    """A task that fails unseen and a library that warns are each told in one line."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, timeout=50, check=True
    )
    crash, message, library = done.stderr.splitlines()
    assert "outside of requests: ValueError" in crash
    assert "a message" in message
    assert "it is late" in library


async def test_one_after_the_other() -> None:
    """A step that crashes keeps none of the others back; a cancellation does."""
    taken: list[str] = []

    def step(name: str, error: BaseException | None = None) -> Callable[[], Awaitable[None]]:
        async def take() -> None:
            taken.append(name)
            if error is not None:
                raise error

        return take

    with pytest.raises(ValueError, match="first"):
        await one_after_the_other(step("a", ValueError("first")), step("b", OSError()), step("c"))
    assert taken == ["a", "b", "c"]
    with pytest.raises(asyncio.CancelledError):
        await one_after_the_other(step("d", asyncio.CancelledError()), step("e"))
    assert taken == ["a", "b", "c", "d"]
