"""What the process needs: garbage collection, turns of threads, core dumps, faults, its end."""

import asyncio
import ctypes
import gc
import logging
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from auditproxy.apis.crash import describe
from auditproxy.app import operatorlog

RECORDER_GRACE = 5.0
"""Seconds that the recorder of sessions may take to finish what it has begun."""

SENDING_GRACE = 5.0
"""Seconds after that for the session log, uploads, the session webhook and alerts, all at once."""

LAST_LINES = 0.5
"""Seconds that the last lines for operators may take at the end."""


def run(coroutine: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coroutine)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


LARGE = 256 * 1024
"""Bytes of an allocation that is mapped by itself."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""As malloc.h numbers them. The first is what may stay free at the heap's end: less of it would be
given back and asked for with each connection."""


def tune() -> None:
    """Set all that is set once the proxy serves."""
    tune_garbage_collector()
    share_interpreter()
    forbid_core_dumps()
    settle_memory()


def settle_memory() -> bool:
    """Give back what the start took, and keep large buffers out of the heap; False if it cannot.

    uvloop has a buffer of 256 KiB for each TLS connection, of which a page or two are ever used:
    within the heap each takes two or three, from the kernel one. Python's own allocations of that
    size are bodies.
    """
    libc = ctypes.CDLL(None)
    try:
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE)
        libc.mallopt(_M_TRIM_THRESHOLD, 4 * LARGE)
        libc.malloc_trim(0)
    except AttributeError:
        # Not the GNU C library.
        return False
    return True


def forbid_core_dumps() -> None:
    """Leave no memory, which holds tokens and keys, behind in a file when the process crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def tune_garbage_collector() -> None:
    """Have the collector check new objects only, and seldom: requests leave no cycles behind.

    With its defaults it takes a seventh of the CPU of a busy proxy.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def share_interpreter() -> None:
    """Have a thread that decodes a body let the event loop run ten times as often as by default.

    With the default of 5 ms each turn of the loop would wait so long for it.
    """
    sys.setswitchinterval(0.0005)


def tell_faults(loop: asyncio.AbstractEventLoop) -> None:
    """Log faults outside of requests, the loop's and libraries', at most once a minute each."""
    report = operatorlog.limited(operatorlog.warn, time.monotonic)

    def fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        crash = context.get("exception")
        if crash is not None:
            report(f"unexpected error outside of requests: {describe(crash)}")
        else:
            report(operatorlog.first_line(str(context.get("message"))))

    loop.set_exception_handler(fault)
    logging.getLogger().addHandler(operatorlog.LibraryWarnings(report))


async def one_after_the_other(*steps: Callable[[], Awaitable[None]]) -> None:
    """Take every step, whatever those before raise; raises the first of it at the end.

    A cancellation ends it at once: the caller does not want to wait any longer.
    """
    crashes = []
    for step in steps:
        try:
            await step()
        except Exception as crash:
            crashes.append(crash)
    if crashes:
        raise crashes[0]
